"""The published program: its arithmetic, and each of its faults."""

from typing import Any

import numpy as np
import pytest

from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.kernels import routine
from spikeloop.workers.plasticity import hooks
from spikeloop.workers.plasticity.td_published import PublishedMemory, TdPublished

S, A = 2, 3
THETA = {
    "gamma": 0.5,
    "eta": 0.5,
    "initial_weight": 30.0,
    "weight_lower": 10.0,
    "weight_upper": 50.0,
    "rescale_period": 1000.0,
}


@routine
def begin(core: Core, memory: Any) -> None:
    hooks.begin(core, memory)


@routine
def experience(core: Core, memory: Any, step: int, state: int, action: int, signal_q7: int) -> None:
    hooks.decided(core, memory, step, state, action)
    hooks.rewarded(core, memory, state, action, signal_q7)


def start(*, traces: bool = False, **theta: float) -> tuple[Core, PublishedMemory]:
    core = new_core(ideal_constants(neuron_codes(Circuit(), S)))
    memory = TdPublished(traces=traces, trace_decay=0.9).memory({**THETA, **theta}, S, A)
    begin(core, memory)
    return core, memory


def synapses(core: Core) -> list[int]:
    return core.weight_u6.reshape(-1, N_NEURONS)[:S, S : S + A].ravel().tolist()


def test_the_initial_weights_are_written_and_nothing_else() -> None:
    core, memory = start()
    assert synapses(core) == memory.table_u8.tolist() == [30] * 6
    assert core.weight_u6.sum() == 6 * 30


@pytest.mark.parametrize("seed", range(10))
def test_a_long_experience_follows_the_arithmetic_in_whole_numbers(seed: int) -> None:
    """Against a model in unbounded integers; wrong truncation or order is seen at once."""
    rng = np.random.default_rng(seed)
    core, memory = start(gamma=rng.random(), eta=rng.random(), initial_weight=40.0)
    gamma, eta = memory.td.gamma_q7, memory.td.eta_q7
    model, last, signal = [40] * 6, -1, 0
    differs = 0
    for step in range(300):
        state, action, r = int(rng.integers(S)), int(rng.integers(A)), int(rng.integers(128))
        pair = state * A + action
        if last >= 0:
            delta = gamma * model[pair] - 128 * model[last] + 64 * signal
            exact = model[last] + eta * delta / 2**14
            model[last] = ((2**14 * model[last] + eta * delta) // 2**14) % 256
            differs += model[last] != round(exact)
        last, signal = pair, r
        experience(core, memory, step, state, action, r)
        assert memory.table_u8.tolist() == model
        assert synapses(core) == [min(w, 63) for w in model]
    assert differs > 50  # rounding instead of truncating would have been another program


def test_a_value_below_zero_wraps_and_is_written_as_63() -> None:
    core, memory = start(initial_weight=1.0, gamma=0.0, eta=1.0)
    experience(core, memory, 1, 0, 0, -254)  # a bump in a maze
    experience(core, memory, 2, 1, 0, 0)
    assert memory.table_u8[0] > 63
    assert synapses(core)[0] == 63


def test_rescaling_reaches_the_synapses_and_not_the_table() -> None:
    core, memory = start(rescale_period=4.0, eta=0.0)
    core.weight_u6.reshape(-1, N_NEURONS)[0, S : S + A] = [0, 20, 60]
    for step in range(1, 4):
        experience(core, memory, step, 1, 0, 0)
    assert synapses(core)[:3] == [0, 20, 60]
    experience(core, memory, 4, 1, 0, 0)
    assert synapses(core) == [10, 10 + 20 * 40 // 60, 50, 50, 50, 50]  # all equal gives upper
    assert memory.table_u8.tolist() == [0, 20, 60, 30, 30, 30]
    for step in range(5, 9):
        experience(core, memory, step, 1, 0, 0)
    assert memory.table_u8[:3].tolist() == [10, 23, 50]  # read back at the next one


def test_with_truncated_traces_it_is_the_one_step_program() -> None:
    """With γ = λ = 0.9 the pair before the last would still have a trace of 0.8."""
    rng = np.random.default_rng(5)
    one, other = start(traces=True, gamma=0.9), start(traces=False, gamma=0.9)
    for step in range(200):
        state, action, r = int(rng.integers(S)), int(rng.integers(A)), int(rng.integers(128))
        for core, memory in (one, other):
            experience(core, memory, step, state, action, r)
        assert synapses(one[0]) == synapses(other[0])
