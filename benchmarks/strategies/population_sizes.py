"""How many candidates a generation should have: few and many, with and without noise.

Run ``python benchmarks/strategies/population_sizes.py``; it takes about ten minutes on one core.
``--out sizes.parquet`` keeps what is finished, and a second run goes on from there. It prints
Markdown.

Functions and instances are those of ``problems.py``, budgets those of ``competence.py``: every size
gets the same number of evaluations, so a small population has many generations. Scores are digits,
−log10 of the share of the initial gap that is left, averaged over the six functions. One instance
of each function is a *seed*, and sizes are compared on the same seeds: the mean of the differences
to a population of 48 with its BCa interval of 95 %. The planned comparison is 12 against 48, as
4 + ⌊3 ln d⌋, the default of Hansen 2016 (arXiv 1604.00772, table 1), is 9 in 7 dimensions and 12
in 20; p-values of the exact Wilcoxon test are corrected by Holm over all strategies, noises and
dimensions.
"""

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from ask_and_tell import machine
from competence import BUDGETS
from one_search import search
from peers import Ours, Task
from problems import FUNCTIONS, instance

from spikeloop.coordinator.stats.significance import (
    holm,
    paired_differences,
    paired_interval,
    signed_rank,
)
from spikeloop.coordinator.strategies import STRATEGIES, Strategy

SIZES = (8, 12, 24, 48, 96)
"""Candidates of a generation; each divides the budgets."""

USUAL = 48
"""The size that the others are compared with, the default of most strategies."""

PLANNED = 12
"""The size of the planned comparison."""

NOISES = (0.0, 0.01, 0.05, 0.2)
"""Standard deviations, in units of the function's spread over the initial law."""

DIMENSIONS = (7, 20)

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "evolution": ("evolution", {}),
    "evolution, log ranks": ("evolution", {"shaping": "log_ranks"}),
    "evolution, log ranks, η = 3": ("evolution", {"shaping": "log_ranks", "sigma_rate": 3.0}),
    "cross_entropy": ("cross_entropy", {}),
    "cma_es": ("cma_es", {}),
}
"""Kind and settings of what is compared."""


class Cell(NamedTuple):
    """One search."""

    variant: str
    size: int
    n_dim: int
    noise: float
    function: str
    seed: int


def cells(variant: str, seed: int) -> Iterator[Cell]:
    """The searches of a variant on a seed."""
    for n_dim in DIMENSIONS:
        for noise in NOISES:
            for size in SIZES:
                for function in FUNCTIONS:
                    yield Cell(variant, size, n_dim, noise, function, seed)


def digits(cell: Cell) -> float:
    """The digits that a search reaches."""
    kind, settings = VARIANTS[cell.variant]
    made: Any = STRATEGIES[kind]
    strategy: Strategy[Any] = made(population_size=cell.size, **settings)
    task = Task(cell.n_dim, cell.size, BUDGETS[cell.n_dim], cell.noise > 0, cell.seed)
    problem = instance(cell.function, cell.n_dim, cell.seed)
    return search(lambda task: Ours(strategy, task), task, problem, cell.noise).digits


def collect(n_seeds: int, out: Path | None) -> pd.DataFrame:
    """A row for each search; what ``out`` has of a variant and seed is not run again."""
    found = pd.DataFrame(columns=[*Cell._fields, "digits"])
    if out is not None and out.exists():
        found = pd.read_parquet(out)
    done = set(zip(found["variant"], found["seed"], strict=True))
    for seed, variant in product(range(n_seeds), VARIANTS):
        if (variant, seed) in done:
            continue
        rows = pd.DataFrame([{**c._asdict(), "digits": digits(c)} for c in cells(variant, seed)])
        found = pd.concat([found, rows], ignore_index=True)
        if out is not None:
            partial = out.with_name(out.name + ".partial")
            found.to_parquet(partial)
            partial.replace(out)
    return found[found["seed"] < n_seeds]


def by_seed(found: pd.DataFrame, functions: list[str]) -> pd.DataFrame:
    """Digits averaged over functions: a row for each place and seed, a column for each size."""
    chosen = found[found["function"].isin(functions)]
    return chosen.pivot_table(
        index=["n_dim", "noise", "variant", "seed"], columns="size", values="digits", aggfunc="mean"
    )


def print_table(found: pd.DataFrame) -> None:
    """For each place the mean digits at the usual size, and what the others gain on it."""
    table = by_seed(found, list(FUNCTIONS))
    others = [size for size in SIZES if size != USUAL]
    places = [(d, noise, v) for d in DIMENSIONS for noise in NOISES for v in VARIANTS]
    planned = [
        signed_rank(paired_differences(table.loc[place][PLANNED], table.loc[place][USUAL]))
        for place in places
    ]
    corrected = dict(zip(places, holm([test.p for test in planned]), strict=True))
    for n_dim in DIMENSIONS:
        for noise in NOISES:
            n = table.loc[n_dim, noise, next(iter(VARIANTS))].shape[0]
            print(f"\n## {n_dim} dimensions, {noise:.0%} noise, {BUDGETS[n_dim]} evaluations\n")
            heads = " | ".join(f"{size} − {USUAL}" for size in others)
            print(f"| n = {n} | digits with {USUAL} | {heads} | p (Holm) of {PLANNED} − {USUAL} |")
            print("| --- " * (len(others) + 3) + "|")
            for variant in VARIANTS:
                place = table.loc[n_dim, noise, variant]
                gains = " | ".join(gain(place[size], place[USUAL]) for size in others)
                p = corrected[n_dim, noise, variant]
                print(f"| `{variant}` | {place[USUAL].mean():.2f} | {gains} | {p:.2g} |")


def gain(one: "pd.Series[float]", other: "pd.Series[float]") -> str:
    """The mean of paired differences with its interval, as text."""
    interval = paired_interval(
        paired_differences(one.to_numpy(), other.to_numpy()), np.random.default_rng(0)
    )
    return f"{interval.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=15, help="instances of each function")
    parser.add_argument("--out", type=Path, help="Parquet file of finished seeds, to go on from")
    arguments = parser.parse_args()
    print(machine())
    print_table(collect(arguments.seeds, arguments.out))


if __name__ == "__main__":
    main()
