"""The network in the place of the TD error: every bit against whole numbers of any size."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.program_hooks import begin, experience

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.plasticity import TdNetwork
from spikeloop.workers.plasticity.td_network import TdNetworkMemory
from spikeloop.workers.space import ParameterSpace

S, A = 3, 2
FACE = Interface(S, A, "discrete", 100)
PROGRAM = TdNetwork()


def start(seed: int, **chosen: float) -> tuple[Core, TdNetworkMemory]:
    """A chip and the memory for a random Θ, of which some values are chosen."""
    space = ParameterSpace(PROGRAM.parameters(FACE))
    points = space.sample(1, np.random.default_rng(seed))
    points[:, ~space.bounded()] *= 3.0
    theta = dict(zip(space.columns, space.decode(points).values[0].tolist(), strict=True))
    memory = PROGRAM.memory({**theta, **chosen}, FACE)
    core = new_core(ideal_constants(neuron_codes(Circuit(), S)))
    begin(core, memory)
    return core, memory


def rounded(numerator: int, bits: int) -> int:
    return (numerator + (1 << bits >> 1)) // (1 << bits)


def reference(memory: TdNetworkMemory) -> Callable[[int, int, int], list[int]]:
    """The rule in Python's integers; also asserts that no sum leaves 32 bits."""
    network = memory.network
    values, table = memory.values.value_u16.tolist(), network.sigmoid_q15.tolist()
    weights, time, traces = network.hidden_q12.reshape(7, 5).tolist(), 0, [0] * (S * A)
    last: list[int] = []

    def output(x: list[int]) -> int:
        total = 0
        for row, b, u in zip(
            weights, memory.network.bias_q12, memory.network.output_q12, strict=True
        ):
            a = 4096 * int(b) + sum(p * q for p, q in zip(row, x, strict=True))
            assert abs(a) < 2**31 - 2**12
            point, rest = divmod(min(max(rounded(a, 12), -32768), 32767) + 32768, 256)
            low, high = table[point], table[point + 1]
            total += (low + rounded((high - low) * rest, 8)) // 8 * int(u)
        assert abs(total) < 2**31 - 2**14
        return rounded(total, 14)

    def learn(state: int, action: int, signal_q7: int) -> list[int]:
        nonlocal time
        pair = state * A + action
        if last:
            fixed = [last[1] * 32, values[last[0]] // 16, values[pair] // 16]
            for i in range(S * A):
                traces[i] = 127 if i == last[0] else traces[i] * memory.decay_q7 // 128
            for i in range(S * A):
                if traces[i]:
                    change = rounded(output([*fixed, traces[i] * 32, time // 2**12]) * traces[i], 7)
                    values[i] = min(max(values[i] + change, 0), 65535)
        last[:] = [pair, signal_q7]
        time = min(time + memory.time.share_q24, 2**24)
        return [int(value) for value in values]

    return learn


def assert_exact(seed: int, n_updates: int) -> None:
    core, memory = start(seed)
    learn, rng = reference(memory), np.random.default_rng(seed)
    for step in range(n_updates):
        state, action = int(rng.integers(S)), int(rng.integers(A))
        signal = int(rng.choice([0, 127, 50, -256, 255]))
        experience(core, memory, step, state, action, signal)
        expected = learn(state, action, signal)
        assert memory.values.value_u16.tolist() == expected
        low = memory.values.low_u6
        synapses = core.weight_u6.reshape(-1, N_NEURONS)[:S, S : S + A].ravel().tolist()
        assert synapses == [low + rounded(value * (63 - low), 16) for value in expected]


@pytest.mark.parametrize("seed", range(6))
def test_the_network_follows_whole_numbers_bit_for_bit(seed: int) -> None:
    assert_exact(seed, 200)


@pytest.mark.exhaustive
def test_the_network_follows_whole_numbers_in_a_million_updates() -> None:
    """From 2000 hyperparameters: most rules settle within one experience."""
    for seed in range(2000):
        assert_exact(seed, 500)


def test_weights_of_zero_change_nothing() -> None:
    space = ParameterSpace(PROGRAM.parameters(FACE))
    values: Any = space.decode(space.default_point()[None]).values[0].tolist()
    memory = PROGRAM.memory(dict(zip(space.columns, values, strict=True)), FACE)
    core = new_core(ideal_constants(neuron_codes(Circuit(), S)))
    begin(core, memory)
    before = memory.values.value_u16.tolist()
    for step in range(50):
        experience(core, memory, step, step % S, step % A, 127)
    assert memory.values.value_u16.tolist() == before
    assert sum(name.startswith(("hidden", "output")) for name in space.columns) == 49


def test_without_a_trace_only_the_pair_before_changes() -> None:
    core, memory = start(1, trace_decay=0.0)
    previous = memory.values.value_u16.copy()
    for step, (state, action) in enumerate([(0, 0), (1, 1), (2, 0), (0, 1)]):
        experience(core, memory, step, state, action, 127)
        changed = np.flatnonzero(memory.values.value_u16 != previous).tolist()
        assert changed == ([] if step == 0 else [[0, 3, 4][step - 1]])
        previous = memory.values.value_u16.copy()
