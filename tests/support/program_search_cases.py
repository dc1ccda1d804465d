"""Programs of a search in C whose reference is the plasticity program that the emulator runs."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import new_core
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.ppu.coordinates import points_of
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import Formula, TdNetwork
from spikeloop.workers.plasticity.small_network import sigmoid_q15
from support.on_chip_reference import tasks
from support.on_chip_reference.episode import Rule
from support.program_hooks import begin, experience
from support.search_cases import Case
from support.search_program import Size


class ProgramRule:
    """A plasticity program of the emulator on a chip whose neurons make no choice."""

    def __init__(self, program: Any, interface: Interface, x: Sequence[int]) -> None:
        """Begin an episode with the constants of coordinates."""
        self.n_states, self.n_actions = interface.n_observations, interface.n_actions
        self.memory = program.memory(theta_of(program, interface, x), interface)
        self.core = new_core(ideal_constants(neuron_codes(Circuit(), self.n_states)))
        self.step = 0
        begin(self.core, self.memory)

    def codes(self, state: int) -> list[int]:
        """Return the weight codes of a state."""
        first = state * N_NEURONS + self.n_states
        return [int(code) for code in self.core.weight_u6[first : first + self.n_actions]]

    def decided(self, step: int, state: int, action: int) -> None:
        """Remember the step; a decision and its feedback go to the program together."""
        self.step = step

    def rewarded(self, state: int, action: int, signal_q7: int) -> None:
        """Learn from both."""
        experience(self.core, self.memory, self.step, state, action, signal_q7)


def theta_of(program: Any, interface: Interface, x: Sequence[int]) -> dict[str, float]:
    """Return Θ of coordinates as the host has it."""
    space = ChipAgent(program=program, check_memory=False).space(interface)
    point = points_of(np.array(x), space.bounded())
    return dict(zip(space.columns, space.decode(point[None]).values[0].tolist(), strict=True))


def td_network() -> Case:
    """Return the network in the place of the TD error, on small decision processes."""
    program = TdNetwork()
    table = struct.pack(">257h", *sigmoid_q15(257).tolist())

    def fixed(n_steps: int) -> bytes:
        return struct.pack(">I", round(2**24 / n_steps))

    def rule(x: Sequence[int], n_steps: int) -> Rule:
        return ProgramRule(program, Interface(3, 4, "discrete", n_steps), x)

    def constant_bytes(x: Sequence[int], n_steps: int) -> bytes:
        face = Interface(3, 4, "discrete", n_steps)
        memory = program.memory(theta_of(program, face, x), face)
        values = memory.values
        first = (int(values.value_u16[0]), values.low_u6, memory.decay_q7)
        network = memory.network
        weights = np.concatenate([network.hidden_q12, network.bias_q12, network.output_q12])
        return struct.pack(">HBB", *first) + fixed(n_steps) + weights.astype(">i2").tobytes()

    return Case(
        Size("td_network", "mdp", 3, 4, 53),
        rule,
        lambda task_word: tasks.mdp(task_word, 3, 4),
        constant_bytes,
        lambda rule: [
            ("value", "H", rule.memory.values.value_u16.tolist()),
            ("trace_q7", "b", rule.memory.trace_q7.tolist()),
        ],
        lambda n_steps: bytes(4) + fixed(n_steps) + bytes(2 * 49) + table,
    )


def formula() -> Case:
    """Return a rule that is a formula, on two arms."""
    program = Formula(chosen={"r": 0.3, "w": -0.25, "r*t": -0.2}, other={"r": -0.1, "o": 0.05})

    def face(n_steps: int) -> Interface:
        return Interface(1, 2, "discrete", n_steps)

    def fixed(n_steps: int) -> bytes:
        default = theta_of(program, face(n_steps), (0, 0, 0))
        memory = program.memory(default, face(n_steps))
        coefficients = np.concatenate([memory.other_q13, memory.chosen_q13])
        numbers = struct.pack(">IH", memory.time.share_q24, memory.others_q16)
        return numbers + coefficients.astype(">i2").tobytes()

    def constant_bytes(x: Sequence[int], n_steps: int) -> bytes:
        values = program.memory(theta_of(program, face(n_steps), x), face(n_steps)).values
        return struct.pack(">HB", int(values.value_u16[0]), values.low_u6) + fixed(n_steps)

    return Case(
        Size("formula", "bandit", 1, 2, 3),
        lambda x, n_steps: ProgramRule(program, face(n_steps), x),
        lambda task_word: tasks.bandit(task_word, 2),
        constant_bytes,
        lambda rule: [("value", "H", rule.memory.values.value_u16.tolist())],
        lambda n_steps: bytes(3) + fixed(n_steps),
    )


PROGRAM_CASES = {"MDPs with td_network": td_network(), "bandits with formula": formula()}
