"""A learning rule as a picture: how it changes the value of the chosen arm and of the other one.

``python benchmarks/studies/rule_picture.py RUN [RUN...] --figure FILE`` takes finished runs on two
arms, each with a rule for bandits as its program, and draws for its learned Θ the change of both
arms' values by one pull, over the chosen arm's own value, for a reward and for none. The other arm
has the value 0.5. A network is asked in the middle of an episode; rules whose rate falls, at its
start.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.kernels import routine
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import hooks
from spikeloop.workers.plasticity.plasticity_network import SHARE_BITS

ONE_U16 = 65535
OTHER = 0.5
VALUES = np.linspace(0, 1, 41)


@routine
def reward(core: Core, memory: Any, signal_q7: int) -> None:
    """Let a program get the reward of the first arm."""
    hooks.rewarded(core, memory, 0, 0, signal_q7)


def changes(run: RunFolder, paid: bool) -> FloatArray:
    """Changes of the chosen and the other arm's value, (2, 41), as parts of the range."""
    learner, interface = run.config.learner, run.config.family.interface
    assert isinstance(learner, ChipAgent)
    values = run.config.space.decode(deployed(run)[None]).values[0].tolist()
    theta = dict(zip(run.config.space.columns, values, strict=True))
    core = new_core(ideal_constants(neuron_codes(Circuit(), 1)))
    found = []
    for own in VALUES:
        memory: Any = learner.program.memory(theta, interface)
        before = np.rint(np.array([own, OTHER]) * ONE_U16)
        memory.values.value_u16[:] = before
        if hasattr(memory, "time_u32"):
            memory.time_u32[0] = 1 << (SHARE_BITS - 1)
        reward(core, memory, 127 if paid else 0)
        found.append((memory.values.value_u16 - before) / ONE_U16)
    return np.array(found).T


def program(run: RunFolder) -> str:
    """Name the rule of a run."""
    assert isinstance(run.config.learner, ChipAgent)
    return run.config.learner.program.kind


def draw(runs: list[RunFolder], path: Path) -> None:
    """Draw a row of two panels for each run: after a reward, and after none."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 2.1 * len(runs) + 0.4), layout="constrained")
    grid = figure.subplots(len(runs), 2, sharex=True, sharey=True, squeeze=False)
    for row, run in zip(grid, runs, strict=True):
        for axes, paid in zip(row, (True, False), strict=True):
            chosen, other = changes(run, paid)
            axes.plot(VALUES, chosen, color="#0072b2", label="chosen arm")
            axes.plot(VALUES, other, color="#d55e00", label="other arm, value 0.5")
            axes.axhline(0, color="0.8", lw=0.8, zorder=0)
            axes.set_title(f"{program(run)}, {'reward' if paid else 'no reward'}", fontsize=9)
    grid[0, 0].legend(fontsize=8, frameon=False)
    figure.supxlabel("value of the chosen arm before", fontsize=9)
    figure.supylabel("change of the value", fontsize=9)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--figure", type=Path, required=True, help="where to draw")
    arguments = parser.parse_args()
    runs = [read_run(RunStore.open(folder)) for folder in arguments.runs]
    print("| rule | chosen, reward | chosen, none | other, reward | other, none |")
    print("| --- | --- | --- | --- | --- |")
    for run in runs:
        middle = len(VALUES) // 2
        (c1, o1), (c0, o0) = (changes(run, paid)[:, middle] for paid in (True, False))
        print(f"| {program(run)} | {c1:+.3f} | {c0:+.3f} | {o1:+.3f} | {o0:+.3f} |")
    draw(runs, arguments.figure)


if __name__ == "__main__":
    main()
