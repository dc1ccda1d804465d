"""How many weight codes lie between the two arms at the end of an episode.

``python benchmarks/studies/code_difference.py RUN... [--tasks 200]`` plays the learned Θ of runs on
bandits with two arms on the first of their held-out tasks, and prints for each program the mean
difference of the two synapses' codes, without sign, with a 95 % t-interval over the runs. The
chip's choice is decided by this difference, its noise and its mismatch (docs/results/choice.md).
"""

import argparse
from pathlib import Path

import numpy as np
from conditions import grid_under
from planned import cell, over_searches

from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity.program import VALUE_ONE


def difference(run: RunFolder, n_tasks: int) -> float:
    """Mean over episodes of the distance of both arms' codes after the last pull."""
    grid = grid_under(run, {"name": "as searched"}, n_tasks)
    parameters = run.config.space.decode(grid.population.rows())
    episodes = grid.learner.run_episodes(parameters, grid.tasks(), grid.seeds())
    assert episodes.action_values is not None
    codes = episodes.action_values[0, :, 0] * VALUE_ONE / 128
    return float(np.abs(codes[:, 1] - codes[:, 0]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--tasks", type=int, default=200, help="episodes of each run")
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {}
    for run in (read_run(RunStore.open(folder)) for folder in arguments.runs):
        assert isinstance(run.config.learner, ChipAgent)
        found.setdefault(run.config.learner.program.kind, []).append(
            difference(run, arguments.tasks)
        )
    print("| program | n | codes between the arms |")
    print("| --- | --- | --- |")
    for program, values in found.items():
        print(f"| {program} | {len(values)} | {cell(over_searches(values))} |")


if __name__ == "__main__":
    main()
