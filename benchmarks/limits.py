"""What limits a learned Θ on the chip: the same Θ and the same tasks, with one thing switched.

``python benchmarks/limits.py RUN [RUN...]`` takes the learned Θ of finished runs (searches of one
kind with different seeds), lets it live on each run's held-out tasks once more under every
condition, and prints the change of the score, paired by run: means and 95 % t-intervals over runs.
Θ is not searched again, so a condition shows what Θ learned under the run's own condition meets.
"""

import argparse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np
from learning import interval

from spikeloop.coordinator import manifest, session
from spikeloop.coordinator.config import RunConfig
from spikeloop.coordinator.store import RunStore
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Job, Tile
from spikeloop.workers.learners.chip import ChipAgent
from spikeloop.workers.seeding import TaskSet

OTHER_CHIPS = (21, 22, 23, 24, 25)
N_TASKS = 200
CONDITIONS: dict[str, Mapping[str, Any]] = {
    "as searched": {},
    "action from `fired`": {"coding": "fired"},
    "action from `first`": {"coding": "first"},
    "action from `count`": {"coding": "count"},
    "no temporal noise": {"circuit": {"noise_V": 0.0}},
    "twice the noise": {"circuit": {"noise_V": 0.04}},
    "no mismatch": {"mismatch": "off"},
    "uncalibrated": {"mismatch": "uncalibrated"},
    "calibrated": {"mismatch": "calibrated"},
    **{f"chip {chip}": {"chip": chip} for chip in OTHER_CHIPS},
    "the program as published": {"program": {"kind": "td_published"}},
    "step of 0.05 µs": {"circuit": {"step_s": 5e-8}},
}


def changed(learner: ChipAgent, changes: Mapping[str, Any]) -> ChipAgent:
    """The learner with some settings replaced, those of tables within one by one."""
    values = learner.model_dump()
    for name, change in changes.items():
        if name == "program":
            values[name] = change
        elif isinstance(change, Mapping):
            values[name] = {**values[name], **change}
        else:
            values[name] = change
    return ChipAgent.model_validate(values)


def score(run: RunConfig, point: FloatArray, learner: ChipAgent) -> float:
    """Score of a point on the run's held-out tasks."""
    grid = Grid(
        run.family,
        learner,
        Explicit(point[None]),
        n_tasks=N_TASKS,
        run_seed=run.run.seed,
        task_set=TaskSet.TRANSFER,
        index=run.transfer.seed,
        common_noise=run.run.common_noise,
    )
    tiles = [Tile(0, 1, first, first + 20) for first in range(0, N_TASKS, 20)]
    with ThreadPoolExecutor(cpu_count()) as threads:
        results = list(threads.map(lambda tile: evaluate(Job(grid, tile, "limits")), tiles))
    for result in results:
        if result.failures:
            raise SystemExit(result.failures[0].traceback)
    returns = np.concatenate([result.returns[0] for result in results])
    references = grid.tasks().references()
    gain, span = returns - references.random, references.optimal - references.random
    return float(gain.sum() / span.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in CONDITIONS}
    for folder in arguments.runs:
        store = RunStore.open(folder)
        run = manifest.read_config(store)
        if not isinstance(run.learner, ChipAgent):
            raise SystemExit(f"{folder}: the learner must be chip, got {run.learner.kind}")
        point = session.recommended(run, store)
        for name, changes in CONDITIONS.items():
            learner = changed(run.learner, changes)
            if learner.space(run.family.interface).columns != run.space.columns:
                continue
            found[name].append(score(run, point, learner))

    print(f"n = {len(arguments.runs)} searches, {N_TASKS} held-out tasks each")
    print()
    print("| condition | score of the learned Θ | minus as searched |")
    print("| --- | --- | --- |")
    base = found["as searched"]
    for name, scores in found.items():
        if scores:
            change = interval([a - b for a, b in zip(scores, base, strict=True)])
            print(f"| {name} | {interval(scores)} | {'' if name == 'as searched' else change} |")


if __name__ == "__main__":
    main()
