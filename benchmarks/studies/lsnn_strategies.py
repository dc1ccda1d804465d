"""Gradients through time against evolution strategies on the weights of the same spiking network.

Run ``python benchmarks/studies/lsnn_strategies.py``; it takes three quarters of an hour on one core
(``--networks``, ``--searches``, ``--seeds`` and ``--episodes`` make it shorter). The task is that
of ``examples/lsnn_informative_bandit.toml``, with the network of the example, and with a smaller
one, which has 40 times fewer weights for an evolution strategy to tell apart. Searches:

- bptt: as in the example, 100 episodes a generation;
- evolution, Adam: the evolution strategy of Salimans et al. 2017 as published, with centred ranks,
  a fixed σ, and Adam;
- evolution: the same strategy with this library's defaults, an adapted σ and momentum.

Both evolution strategies meet ``--tasks`` tasks with each of ``--population`` candidates, the same
for all. Every search runs in this process, in the library's own loop, until it has spent its
episodes or generations (the example's are 300,000 episodes) or reached the last goal. A goal is
reached when the held-out score, of the same 200 tasks throughout, is first at or above it; it is
looked at after every 5000 episodes or so. Episodes and seconds are those of the search until then,
without the looks, but with the compilation of the first search of a kind. The score is 0 for random
pulls and 1 for an oracle that knows the target; 0.7 is a return of 19.5, and the best that can be
learned is 0.759, a return of 20.6. Medians are over seeds; where fewer than half of the seeds have
come so far, the table has the best score, in the median over them, of any look.
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median_low
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config import run_config
from spikeloop.coordinator.config.load import parse, read_tables
from spikeloop.coordinator.search.loop import search
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.search.search_size import generation_episodes
from spikeloop.coordinator.search.worker_pool import warm_up_job
from spikeloop.coordinator.store import manifest
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore

EXAMPLE = Path(__file__).parents[2] / "examples" / "lsnn_informative_bandit.toml"
GOALS = (0.5, 0.7)
LOOK_EVERY = 5000
"""Episodes between two held-out scores."""
GENERATIONS = 10**6
"""More than any budget of episodes allows."""

NETWORKS: dict[str, dict[str, Any]] = {
    "200 neurons": {},
    "20 neurons": {"n_neurons": 20},
}
"""Settings of ``[learner]`` that are others than in the example."""

SEARCHES: dict[str, dict[str, Any]] = {
    "bptt": {},
    "evolution, Adam": {
        "kind": "evolution",
        "optimizer": {"kind": "adam"},
        "sigma_rate": 0.0,
        "sigma": 0.1,  # of weights whose initial law has 1
        "learning_rate": 0.045,  # Adam's step is 0.03
    },
    "evolution": {"kind": "evolution"},
}
"""The whole of ``[strategy]``; empty for the example's own."""


class Reached(Exception):
    """The last goal; nothing that was committed is lost."""


class Looks:
    """A reporter that tells each look, and ends the search at the last goal.

    Args:
        name: of the search.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def started(self, what: str, n_episodes: int) -> None:
        """Is of no interest."""

    def episodes_done(self, n_episodes: int) -> None:
        """Is of no interest."""

    def generation(self, report: GenerationReport) -> None:
        """Was committed; one that was looked at is committed at once."""
        if report.held_out is not None:
            print(f"{self.name}: generation {report.generation}, {report.held_out}", flush=True)
            if report.held_out.value >= max(GOALS):
                raise Reached


class Found(NamedTuple):
    """What became of one search.

    Attributes:
        reached: episodes and seconds until each goal that was reached.
        best: highest held-out score.
    """

    reached: dict[float, tuple[int, float]]
    best: float


def configuration(
    network: str, name: str, seed: int, asked: argparse.Namespace
) -> run_config.RunConfig:
    tables = read_tables(EXAMPLE, run_config.TABLES, {})
    tables["run"] |= {"seed": seed, "commit_every": 50}
    tables["learner"] |= NETWORKS[network]
    tables["target"] = {"kind": "inline"}
    tables["stop"] = {"episodes": asked.episodes}
    tables["transfer"] = {"monitor_every": 1, "monitor_tasks": asked.monitor}
    if SEARCHES[name]:
        tables["strategy"] = {**SEARCHES[name], "population_size": asked.population}
        tables["run"] |= {"generations": GENERATIONS, "tasks": asked.tasks}
        # Without gradients memory is no matter, and more episodes at once cost less each.
        tables["run"] |= {"tile_candidates": max(1, 200 // asked.tasks), "tile_tasks": asked.tasks}
    whole = parse(tables, str(EXAMPLE), None)
    tables["transfer"]["monitor_every"] = max(1, LOOK_EVERY // generation_episodes(whole))
    return parse(tables, str(EXAMPLE), None)


def run(settings: run_config.RunConfig, name: str) -> Found:
    """Searches in a folder that is gone afterwards."""
    with (
        TemporaryDirectory() as folder,
        settings.target.open([warm_up_job(settings)], StopSignal(), None) as pool,
    ):
        store = RunStore.create(Path(folder) / "run", manifest.describe(settings))
        with suppress(Reached):
            search(RunFolder(settings, store), pool, Looks(name))
        return found(store.rows(("total_episodes", "wall_s", "held_out_score")))


def found(rows: list[dict[str, Any]]) -> Found:
    """What the rows of a search's generations say."""
    reached: dict[float, tuple[int, float]] = {}
    best, spent_s = float("-inf"), 0.0
    for row in rows:
        spent_s += row["wall_s"]
        score = row["held_out_score"]
        if score is None:
            continue
        best = max(best, score)
        for goal in GOALS:
            if score >= goal:
                reached.setdefault(goal, (row["total_episodes"], spent_s))
    return Found(reached, best)


def table(results: Mapping[tuple[str, str], list[Found]], episodes: int) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    goals = [f"episodes to {goal:g} | s to {goal:g}" for goal in GOALS]
    yield f"| network | search | seeds | {' | '.join(goals)} |"
    yield "|" + " --- |" * (3 + 2 * len(GOALS))
    for (network, name), runs in results.items():
        cells = [cell for goal in GOALS for cell in reached(runs, goal, episodes)]
        yield f"| {network} | {name} | {len(runs)} | {' | '.join(cells)} |"


def reached(runs: list[Found], goal: float, episodes: int) -> tuple[str, str]:
    """Median episodes and seconds to a goal; how near it came if most searches missed it."""
    there = sum(goal in run.reached for run in runs)
    if 2 * there < len(runs) or not there:
        best = median_low([run.best for run in runs])
        return f"not within {episodes:,} ({there} of {len(runs)}): best {best:.2f}", "–"
    never = (2**63, float("inf"))
    values = [run.reached.get(goal, never) for run in runs]
    return (
        f"{median_low([n for n, _ in values]):,}",
        f"{median_low([spent_s for _, spent_s in values]):.0f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--episodes", type=int, default=1_000_000, help="budget of a search")
    parser.add_argument("--population", type=int, default=100, help="of evolution strategies")
    parser.add_argument("--tasks", type=int, default=20, help="for each of their candidates")
    parser.add_argument("--monitor", type=int, default=200, help="held-out tasks")
    asked = parser.parse_args()
    print(f"{manifest.processor()}, {os.cpu_count()} cores, of which one is used", flush=True)
    results: dict[tuple[str, str], list[Found]] = {}
    for seed in range(1, asked.seeds + 1):
        for network in asked.networks:
            for name in asked.searches:
                settings = configuration(network, name, seed, asked)
                known = run(settings, f"{network}, {name}, seed {seed}")
                results.setdefault((network, name), []).append(known)
    print()
    print("\n".join(table(results, asked.episodes)))


if __name__ == "__main__":
    main()
