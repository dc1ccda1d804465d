"""Tables of the competence benchmark: who got how far, and ours beside their best peers.

Rows are the results of ``competence.py``: dictionaries with the keys ``method``, ``function``,
``noise``, ``n_dim``, ``seed``, ``digits``, ``seconds`` and ``error``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from peers import OURS, SAME_KIND

from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.significance import (
    bootstrap_interval,
    interquartile_mean,
    paired_differences,
    paired_interval,
)

Scores = Mapping[tuple[str, str], Mapping[int, float]]
"""Digits by seed, for each function and method."""


FEWEST = 8
"""Instances from which on an interval is read as a verdict."""


class Comparison(NamedTuple):
    """One of ours beside its best peer.

    Attributes:
        peer: the peer that does best against ours.
        difference: digits of ours − digits of the peer.
    """

    peer: str
    difference: Interval

    @property
    def verdict(self) -> str:
        if self.difference.n < FEWEST:
            return "too few instances"
        if self.difference.low > 0:
            return "better"
        return "worse" if self.difference.high < 0 else "no difference detected"

    def __str__(self) -> str:
        """For example "better: +0.50 [+0.31, +0.68], pycma"."""
        d = self.difference
        return f"{self.verdict}: {d.value:+.2f} [{d.low:+.2f}, {d.high:+.2f}], {self.peer}"


def compare(scores: Scores, function: str, ours: str, peers: Iterable[str]) -> Comparison | None:
    """One of ours with the best of these peers, on the instances that both have; None without."""
    found = []
    mine = scores.get((function, ours), {})
    for peer in peers:
        theirs = scores.get((function, peer), {})
        if seeds := sorted(mine.keys() & theirs.keys()):
            differences = paired_differences(
                [mine[seed] for seed in seeds], [theirs[seed] for seed in seeds]
            )
            found.append((float(interquartile_mean(differences)), peer, differences))
    if not found:
        return None
    _, peer, differences = min(found, key=lambda candidate: candidate[0])
    interval = paired_interval(differences, np.random.default_rng(0), interquartile_mean)
    return Comparison(peer, interval)


def print_standings(
    rows: list[dict[str, Any]], methods: list[str], functions: list[str], budgets: dict[int, int]
) -> None:
    """All tables, and the lists of defeats."""
    by_place: dict[tuple[int, float], dict[tuple[str, str], dict[int, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in rows:
        if not row["error"]:
            scores = by_place[row["n_dim"], row["noise"]]
            scores[row["function"], row["method"]][row["seed"]] = row["digits"]

    ours = [method for method in methods if method in OURS and method != "random_search"]
    all_peers = tuple(method for method in methods if method not in OURS)
    same_kind = {kind: SAME_KIND[kind] for kind in ours if kind in SAME_KIND}
    groups = {"peer of its kind": same_kind, "of all peers": dict.fromkeys(ours, all_peers)}
    defeats: dict[str, list[str]] = {group: [] for group in groups}
    verdicts: dict[str, list[str]] = {group: [] for group in groups}

    for (n_dim, noise), scores in sorted(by_place.items()):
        where = f"{n_dim} dimensions, {f'{noise:.0%} noise' if noise else 'no noise'}"
        print(f"\n## {where}, {budgets[n_dim]} evaluations")
        _print_digits(scores, methods, functions)
        for group, peers_of in groups.items():
            print(f"\n| ours − best {group} | {' | '.join(functions)} |")
            print("|---|" + "---|" * len(functions))
            for kind, peers in peers_of.items():
                compared = [compare(scores, function, kind, peers) for function in functions]
                print(f"| {kind} | {' | '.join(str(c) if c else 'no peer' for c in compared)} |")
                for function, comparison in zip(functions, compared, strict=True):
                    if comparison is not None:
                        verdicts[group].append(comparison.verdict)
                        if comparison.verdict == "worse":
                            defeats[group].append(f"{kind}: {function}, {where}: {comparison}")

    for group, lines in defeats.items():
        print(f"\n## Worse than the best {group} in\n")
        print("\n".join(f"- {line}" for line in sorted(lines)) or "nothing")
        print(
            f"\nOf {len(verdicts[group])} comparisons {verdicts[group].count('better')} are better "
            f"and {len(lines)} worse. Of pairs that do not differ, about one in 40 would be called "
            "better and one in 40 worse."
        )


def _print_digits(scores: Scores, methods: list[str], functions: list[str]) -> None:
    """Interquartile means with their intervals: a method a row, a function a column."""
    print(f"\n| digits | instances | {' | '.join(functions)} |")
    print("|---|---|" + "---|" * len(functions))
    for method in methods:
        columns = [list(scores.get((function, method), {}).values()) for function in functions]
        n_seeds = max(map(len, columns))
        if n_seeds:
            cells = []
            for column in columns:
                d = bootstrap_interval(column, interquartile_mean, np.random.default_rng(0))
                cells.append(f"{d.value:.2f} [{d.low:.2f}, {d.high:.2f}]")
            print(f"| {method} | {n_seeds} | {' | '.join(cells)} |")


def print_cpu_seconds(rows: list[dict[str, Any]], methods: list[str]) -> None:
    """Median CPU time of a run within the method, by number of dimensions."""
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    for row in rows:
        if not row["error"]:
            seconds[row["method"], row["n_dim"]].append(row["seconds"])
    dimensions = sorted({n_dim for _, n_dim in seconds})
    print("\n## CPU seconds of a run within the method, median\n")
    print(f"| method | {' | '.join(f'{n_dim} dimensions' for n_dim in dimensions)} |")
    print("|---|" + "---|" * len(dimensions))
    for method in methods:
        medians = [
            f"{np.median(seconds[method, n_dim]):.2f}" if (method, n_dim) in seconds else ""
            for n_dim in dimensions
        ]
        print(f"| {method} | {' | '.join(medians)} |")
