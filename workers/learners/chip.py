"""TD(λ) on the emulated HICANN-DLS chip, with the hyperparameters of the published experiment.

Bohnstingl et al. 2019 (Front. Neurosci. 13:483; repository Neuromorphic_Hardware_learns_to_learn,
hardware/mdp). The initial law of every hyperparameter is the published one.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.base import Lives
from spikeloop.workers.chip.analog import Circuit, analog_block, neurons
from spikeloop.workers.chip.environment import environments
from spikeloop.workers.chip.limits import (
    INITIAL_WEIGHT_U6,
    MAX_WEIGHT_U6,
    N_NEURONS,
    SETTLE_CYCLES,
    SPIKE_INTERVAL_CYCLES,
)
from spikeloop.workers.chip.mismatch import mismatched
from spikeloop.workers.chip.network import connect, empty_chip, steps
from spikeloop.workers.learners.curve import bin_lengths
from spikeloop.workers.plasticity.program import program, rescale_period
from spikeloop.workers.space import Parameters, ParameterSpace, Real


class ChipTd(Settings):
    """A network of state and action neurons on the chip, learning by SARSA(λ) in integers.

    One neuron per state and action, so it takes discrete families with 2 or more states and at most
    32 states and actions together.
    """

    kind: Literal["chip_td"] = "chip_td"
    chip: int = Field(default=20, ge=0, description="number of the chip: its mismatch pattern")
    calibrated: bool = Field(default=True, description="whether its neurons were calibrated")
    circuit: Circuit = Field(default=Circuit(), description="analog settings")
    coding: Literal["fired", "first", "count"] = Field(
        default="fired",
        description="the action is drawn among the neurons that fired, fired first, or most often",
    )
    search_trace_decay: bool = Field(
        default=False, description="whether λ is a hyperparameter or ``trace_decay``"
    )
    trace_decay: float = Field(default=0.5, ge=0, le=1, description="λ when it is not searched")

    def space(self, interface: Interface) -> ParameterSpace:
        """Θ in the published order; weights are 6-bit codes, rounded when they are written."""
        require_neurons(interface)
        n_steps = interface.n_steps
        weight = MAX_WEIGHT_U6
        searched = [
            Real("gamma", 0, 1, 0.5, description="discount"),
            Real("eta", 0, 1, 0.5, description="learning rate"),
            Real(
                "weight_lower", 0, weight, weight / 2, "code", description="rescaling: least weight"
            ),
            Real(
                "weight_upper",
                "weight_lower",
                weight,
                0.75 * weight,
                "code",
                description="rescaling: largest weight",
            ),
            Real(
                "initial_weight",
                0,
                weight,
                INITIAL_WEIGHT_U6,
                "code",
                description="all weights from states to actions at first",
            ),
            Real(
                "inhibition",
                0.1 * weight,
                weight,
                0.55 * weight,
                "code",
                description="weight between actions",
            ),
            rescale_period(n_steps),
        ]
        if self.search_trace_decay:
            searched.append(Real("trace_decay", 0, 1, self.trace_decay, description="λ"))
        return ParameterSpace(tuple(searched))

    def live(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Lives:
        """Lets the lives happen one after the other, each from a chip at rest."""
        if not isinstance(tasks, TabularTasks):
            raise ValueError(f"chip_td needs tasks given as tables, got {type(tasks).__name__}")
        from spikeloop.workers.chip.coding import CODINGS
        from spikeloop.workers.chip.life import Timing, live

        n_states, n_actions, n_steps = tasks.n_states, tasks.n_actions, tasks.n_steps
        cells = mismatched(neurons(self.circuit, n_states), self.chip, calibrated=self.calibrated)
        step_s = self.circuit.step_s
        analog = analog_block(cells, step_s)
        timing = Timing(steps(SPIKE_INTERVAL_CYCLES, step_s), steps(SETTLE_CYCLES, step_s))
        coding = CODINGS.index(self.coding)
        problems = environments(tasks)

        lengths = bin_lengths(n_steps)
        curve = np.zeros((parameters.n_candidates, tasks.n_tasks, lengths.size))
        for candidate in range(parameters.n_candidates):
            theta = dict(zip(parameters.space.columns, parameters.values[candidate], strict=True))
            theta.setdefault("trace_decay", self.trace_decay)
            inhibition_u6 = round(theta.pop("inhibition"))
            for task, problem in enumerate(problems):
                chip = empty_chip(analog, step_s)
                connect(chip, n_states, n_actions, inhibition_u6)
                memory = program(n_states * n_actions, **theta)
                sums = curve[candidate, task]
                live(chip, memory, problem, timing, coding, seeds[candidate, task], n_steps, sums)
        return Lives(curve.sum(axis=2), curve / lengths, seeds.size * n_steps)


def require_neurons(interface: Interface) -> None:
    """Raises ValueError unless the chip has the neurons for a family."""
    if interface.actions != "discrete":
        raise ValueError(f"chip_td needs discrete actions, got {interface.actions} ones")
    if interface.n_observations < 2:
        raise ValueError("chip_td needs at least 2 states, got 1")
    n_neurons = interface.n_observations + interface.n_actions
    if n_neurons > N_NEURONS:
        raise ValueError(
            f"chip_td needs a neuron per state and action and has {N_NEURONS}, got "
            f"{interface.n_observations} states and {interface.n_actions} actions"
        )
