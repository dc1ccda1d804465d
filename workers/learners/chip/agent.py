"""An agent on the emulated HICANN-DLS chip that learns by a plasticity program.

Bohnstingl et al. 2019 (Front. Neurosci. 13:483; repository Neuromorphic_Hardware_learns_to_learn,
hardware/mdp). The initial law of every published hyperparameter is the published one.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import FloatArray, IntArray, Interface, SeedArray, TaskBatch
from spikeloop.tasks.listed_chances import ListedChances, tables_or_chances_of
from spikeloop.tasks.settings import Settings
from spikeloop.tasks.tabular import TabularTasks, require_tables, tables_of
from spikeloop.workers.base import Episodes
from spikeloop.workers.chip.cadc import AdcSettings, new_adc
from spikeloop.workers.chip.calibration.calibrate import calibrated_codes
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, clone, new_core
from spikeloop.workers.chip.correlation import Correlation, new_sensors
from spikeloop.workers.chip.environment import Environment
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6, N_NEURONS, N_SYNAPSES
from spikeloop.workers.chip.mailbox import MAILBOX_BYTES
from spikeloop.workers.chip.memory import MemoryMap
from spikeloop.workers.chip.mismatch import neurons_of_chip, synapse_gains
from spikeloop.workers.chip.network import connect
from spikeloop.workers.chip.task_message import environments
from spikeloop.workers.learners.chip import agent_memory
from spikeloop.workers.learners.chip.chip_numbers import ChipNumbers, chip_list
from spikeloop.workers.learners.chip.coding import CODINGS
from spikeloop.workers.learners.chip.episode import decision_protocol, decision_s, episode_kernel
from spikeloop.workers.learners.chip.lab_file import CalibrationFile, known_deviations
from spikeloop.workers.learners.chip.routine import calibration_of, sensor_bits_of
from spikeloop.workers.learners.chip.searched_hardware import (
    Opened,
    circuit_of,
    searched_hardware,
)
from spikeloop.workers.learning_curve import bin_lengths
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.plasticity import (
    Fictive,
    Formula,
    Incremental,
    PlasticityNetwork,
    PlasticityNetworkPublished,
    PosteriorMean,
    RewardStdp,
    TdAdvantage,
    TdLambda,
    TdNetwork,
    TdPublished,
)
from spikeloop.workers.plasticity.program import VALUE_ONE
from spikeloop.workers.processor import portable
from spikeloop.workers.space import Parameters, ParameterSpace


class ChipAgent(Settings):
    """A network of state and action neurons on the chip, learning by a plasticity program.

    There is one neuron per observation and action, so it takes discrete families with at most 32 of
    both together.
    """

    kind: Literal["chip"] = "chip"
    chip: ChipNumbers = Field(
        default=20,
        description="number of the chip, which is its mismatch pattern; a list, or a range such as "
        '"20-29", for one that is drawn with each task',
    )
    mismatch: Literal["off", "uncalibrated", "calibrated", "routine"] = Field(
        default="calibrated",
        description="an ideal chip; this one as made; with the published spread after calibration; "
        "or with the codes and sensors' bits that the calibration routine finds",
    )
    calibration_file: CalibrationFile = Field(
        default=None,
        description="a laboratory's calibration file (JSON): this chip's neurons are those that it "
        "describes, where it does",
    )
    circuit: Circuit = Field(default=Circuit(), description="analog settings")
    coding: Literal["fired", "first", "count", "polled"] = Field(
        default="fired",
        description="the action is drawn among the neurons that fired, fired first, or most often; "
        "or among those that fired when a poll of the counters finds one",
    )
    opened: Opened = Field(default=[], description="hardware hyperparameters that are searched too")
    correlation: Correlation = Field(
        default=Correlation(), description="correlation sensors, for programs that use them"
    )
    adc: AdcSettings = Field(default=AdcSettings(), description="the ADC that reads them")
    check_memory: bool = Field(
        default=True, description="refuse what the plasticity processor's memory cannot hold"
    )
    program: Annotated[
        Fictive
        | Formula
        | Incremental
        | PlasticityNetwork
        | PlasticityNetworkPublished
        | PosteriorMean
        | RewardStdp
        | TdAdvantage
        | TdLambda
        | TdNetwork
        | TdPublished,
        Field(discriminator="kind"),
    ] = Field(default=TdLambda(), description="plasticity program")

    @model_validator(mode="after")
    def _each_chip_once(self) -> Self:
        if len(chip_list(self.chip)) > 1 and self.calibration_file is not None:
            raise ValueError("calibration_file is of one chip, so chip must be one number")
        return self

    @model_validator(mode="after")
    def _a_file_for_a_real_chip(self) -> Self:
        if self.mismatch == "off" and self.calibration_file is not None:
            raise ValueError('calibration_file is of a real chip, so mismatch must not be "off"')
        return self

    @property
    def portable(self) -> bool:
        """Tell whether episodes have the same bits everywhere; fitted calibrations have not."""
        return self.mismatch != "routine" and portable(self.program)

    @property
    def interaction_s(self) -> float:
        """Return seconds of chip time that one decision between two actions takes."""
        return decision_s(self.circuit, self.program.cycles(n_actions=2))

    def space(self, interface: Interface) -> ParameterSpace:
        """Return Θ: the program's part, the weight between actions, and the searched hardware.

        Weights are 6-bit codes, rounded when they are written.
        """
        require_tables(interface, self.kind)
        require_neurons(interface)
        inhibition = Real(
            0.1 * MAX_WEIGHT_U6,
            MAX_WEIGHT_U6,
            0.55 * MAX_WEIGHT_U6,
            "code",
            name="inhibition",
            description="weight between actions",
        )
        hardware = searched_hardware(self.opened, self.circuit)
        space = ParameterSpace((*self.program.parameters(interface), inhibition, *hardware))
        if self.check_memory:
            agent_memory.of_episode(self.program, space, interface).require_fit()
        return space

    @property
    def chips(self) -> tuple[int, ...]:
        """Return the numbers of its chips."""
        return chip_list(self.chip)

    def check_held_out(self, held_out: Self) -> None:
        """Raise ValueError if the agent of held-out episodes has some of the chips of this one.

        A chip in another state, such as uncalibrated, is another one; an ideal one has no number.
        """
        if held_out.mismatch != self.mismatch or self.mismatch == "off":
            return
        if shared := sorted({*self.chips} & {*held_out.chips}):
            raise ValueError(f"chip must name other chips than those of the search, got {shared}")

    def check_tasks(self, tasks: TaskBatch) -> None:
        """Raise ValueError for tasks that are no tables or that the mailbox does not take."""
        self._environments(tables_or_chances_of(tasks, self.kind))

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Run the episodes one after the other, each from a chip at rest.

        Where there are several chips, the seed of an episode draws the one that it runs on; with
        common noise that is the same one for all candidates.

        The values of actions are the weights to the action neurons, 128 · code / 8128. Those of
        ``td_advantage`` hold advantages: they order the actions of a state, and no more.
        """
        tables = tables_or_chances_of(tasks, self.kind)
        n_steps = tables.interface.n_steps
        lengths = bin_lengths(n_steps)
        curve, values = self._run(parameters, tables, seeds, lengths.size)
        return Episodes(
            returns=curve.sum(axis=2),
            curve=curve / lengths,
            n_simulated_steps=seeds.size * n_steps,
            action_values=values * 128 / VALUE_ONE,
        )

    def choices(
        self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray
    ) -> tuple[IntArray, FloatArray]:
        """Run the same episodes, and return what was done and what came of it.

        The learner does not see what counts as return, so here a step returns the number of its
        transition, which says both.

        Returns:
            (n_candidates, n_tasks, n_steps) actions, and the feedback for each.
        """
        tables = tables_of(tasks, self.kind)
        feedback = tables.feedback
        numbers = np.arange(feedback[0].size, dtype=np.float64).reshape(feedback[0].shape)
        numbered = np.broadcast_to(numbers, feedback.shape).copy()
        numbered_tables = replace(tables, reward=numbered, signal=feedback, map_u8=None)
        steps, _ = self._run(parameters, numbered_tables, seeds, tables.n_steps)
        transition = steps.astype(np.int64)
        actions = transition // (tables.n_states * tables.n_states)
        flat = feedback.reshape(tables.n_tasks, -1)
        return actions, flat[np.arange(tables.n_tasks)[:, None], transition]

    def _run(
        self,
        parameters: Parameters,
        tables: TabularTasks | ListedChances,
        seeds: SeedArray,
        n_bins: int,
    ) -> tuple[FloatArray, FloatArray]:
        """Run the episodes; return sums of rewards in ``n_bins`` parts, and weights at the end."""
        interface = tables.interface
        n_states, n_actions = interface.n_observations, interface.n_actions
        n_steps = interface.n_steps
        coding = CODINGS.index(self.coding)
        problems = self._environments(tables)
        shape = (parameters.n_candidates, tables.n_tasks)
        curve = np.zeros((*shape, n_bins))
        values = np.zeros((*shape, n_states, n_actions))
        for candidate in range(parameters.n_candidates):
            theta = dict(zip(parameters.space.columns, parameters.values[candidate], strict=True))
            prepared: dict[int, Core] = {}
            cycles = self.program.cycles(n_actions)
            protocol = decision_protocol(self.circuit_of(theta), cycles)
            for task, problem in enumerate(problems):
                seed = seeds[candidate, task]
                chip = self.chips[int(seed) % len(self.chips)]
                if chip not in prepared:
                    prepared[chip] = self.network(theta, n_states, n_actions, chip)
                core = clone(prepared[chip])
                memory: Any = self.program.memory(theta, interface)
                sums = curve[candidate, task]
                run_episode = episode_kernel(memory.__class__)
                run_episode(core, memory, problem, protocol, coding, seed, n_steps, sums)
                weights_u6 = core.weight_u6.reshape(-1, N_NEURONS)
                values[candidate, task] = weights_u6[:n_states, n_states : n_states + n_actions]
        return curve, values

    def memory_map(self, interface: Interface) -> MemoryMap:
        """Return what lies where in the plasticity processor's memory."""
        return agent_memory.of_episode(self.program, self._unchecked_space(interface), interface)

    def search_memory_map(self, interface: Interface, n_generations: int) -> MemoryMap:
        """Return what lies where in the processor's memory in a search of its own, see ``ppu/c``.

        Raises:
            KeyError: there is no search with the learner's program in C.
        """
        space = self._unchecked_space(interface)
        return agent_memory.of_search(self.program, space, interface, n_generations)

    def _unchecked_space(self, interface: Interface) -> ParameterSpace:
        """Return Θ, whether or not everything fits into the memory."""
        return self.model_copy(update={"check_memory": False}).space(interface)

    def _environments(self, tasks: TabularTasks | ListedChances) -> list[Environment]:
        """Return the tasks as they arrive in the chip's memory; ValueError if they do not fit."""
        return environments(tasks, MAILBOX_BYTES if self.check_memory else None)

    def circuit_of(self, theta: Mapping[str, float]) -> Circuit:
        """Return the circuit with the hardware hyperparameters of a Θ."""
        return circuit_of(self.opened, self.circuit, theta)

    def network(
        self, theta: Mapping[str, float], n_states: int, n_actions: int, chip: int | None = None
    ) -> Core:
        """Return a chip, by default the first one, at rest with the network for a Θ.

        Weights from states to actions are 0: they belong to the plasticity program.
        """
        chip = self.chips[0] if chip is None else chip
        circuit = self.circuit_of(theta)
        codes, mismatch = neuron_codes(circuit, n_states), self.mismatch
        known = known_deviations(self.calibration_file)
        calibration_u4 = np.zeros(N_SYNAPSES, dtype=np.uint8)
        if mismatch == "routine":  # measures neurons and sensors; the ADC stays as it is
            found = calibration_of(chip, self.calibration_file)
            codes, mismatch = calibrated_codes(found, codes), "uncalibrated"
            if self.program.uses_sensors:
                calibration_u4 = sensor_bits_of(chip, self.correlation)
        core = new_core(
            neurons_of_chip(codes, chip, mismatch, known),
            circuit.step_s,
            noise_V=circuit.noise_V,
            router=circuit.router,
            router_delay_cycles=circuit.router_delay_cycles,
            strides=circuit.strides,
            n_connected=n_states + n_actions,
            gain=synapse_gains(chip, mismatch),
            weight_offset_u6=circuit.weight_offset_u6,
            sensors=new_sensors(self.correlation, circuit.step_s, calibration_u4, chip, mismatch)
            if self.program.uses_sensors
            else None,
            adc=new_adc(self.adc, chip, mismatch),
        )
        connect(core, n_states, n_actions, round(theta["inhibition"]), circuit.pulse_u5)
        return core


def require_neurons(interface: Interface) -> None:
    """Raise ValueError unless the chip has enough neurons for a family."""
    if interface.actions != "discrete":
        raise ValueError(f"chip needs discrete actions, got {interface.actions} ones")
    n_neurons = interface.n_observations + interface.n_actions
    if n_neurons > N_NEURONS:
        raise ValueError(
            f"chip needs a neuron per observation and action and has {N_NEURONS}, got "
            f"{interface.n_observations} observations and {interface.n_actions} actions"
        )
