"""Scores of a learned Θ on chips that it was not searched on.

``python benchmarks/studies/other_chips.py RUN [RUN...] [--first 30] [--chips 10] [--tasks 100]``
takes the learned Θ of finished runs, plays it on each run's held-out tasks with its own chip and
with others, before calibration and after it, and prints means and 95 % t-intervals over the chips.
The last rows are for one Θ that stands for all runs: the mean of their points.
"""

import argparse
from pathlib import Path

import numpy as np
from learning import interval
from limits import changed, held_out, ratio

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.learners.chip.agent import ChipAgent

MISMATCHES = ("calibrated", "uncalibrated")


def score_on(run: RunConfig, point: FloatArray, chip: int, mismatch: str, n_tasks: int) -> float:
    """Score of a point on the first held-out tasks of a run, with another chip."""
    assert isinstance(run.learner, ChipAgent)
    learner = changed(run.learner, {"chip": chip, "mismatch": mismatch})
    grid = held_out(run, point, learner)
    tasks = grid.tasks()[:n_tasks]
    parameters = learner.space(run.family.interface).decode(point[None])
    returns = learner.run_episodes(parameters, tasks, grid.seeds()[:, :n_tasks]).returns[0]
    return ratio(returns, tasks.references())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--first", type=int, default=30, help="number of the first other chip")
    parser.add_argument("--chips", type=int, default=10, help="other chips")
    parser.add_argument("--tasks", type=int, default=100, help="held-out tasks of each")
    arguments = parser.parse_args()
    others = range(arguments.first, arguments.first + arguments.chips)
    opened = [read_run(RunStore.open(folder)) for folder in arguments.runs]
    named = [
        (folder.name, run.config, deployed(run))
        for folder, run in zip(arguments.runs, opened, strict=True)
    ]
    if len(named) > 1:
        mean = np.mean([point for _, _, point in named], axis=0)
        named.append(("mean of the points", named[0][1], mean))
    print(f"{len(others)} other chips, {arguments.tasks} held-out tasks each")
    print()
    print("| Θ | chips | its own chip | other chips | least of them |")
    print("| --- | --- | --- | --- | --- |")
    for name, run, point in named:
        assert isinstance(run.learner, ChipAgent)
        for mismatch in MISMATCHES:
            own, *scores = (
                score_on(run, point, chip, mismatch, arguments.tasks)
                for chip in (run.learner.chip, *others)
            )
            print(
                f"| {name} | {mismatch} | {own:.3f} | {interval(scores)} | {min(scores):.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
