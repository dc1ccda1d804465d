"""The published program: its arithmetic, and each of its faults."""

import numpy as np
import pytest
from support.program_hooks import begin, experience

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.limits import N_NEURONS
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


def start(*, traces: bool = False, **theta: float) -> tuple[Core, PublishedMemory]:
    core = new_core(ideal_constants(neuron_codes(Circuit(), S)))
    memory = TdPublished(traces=traces, trace_decay=0.9).memory(
        {**THETA, **theta}, Interface(S, A, "discrete", 2000)
    )
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


@pytest.mark.parametrize("seed", range(5))
def test_the_build_with_traces_follows_its_arithmetic_in_whole_numbers(seed: int) -> None:
    """Against a model of PLAST 3, rescaling left out; the shift of the one-step build differs."""
    rng = np.random.default_rng(seed)
    core, memory = start(traces=True, gamma=rng.random(), eta=1.0, initial_weight=40.0)
    gamma, decay, eta = memory.td.gamma_q7, memory.td.lambda_q7, memory.td.eta_q7
    model, traces, last, signal = [40] * 6, [0] * 6, -1, 0
    one_step_differs = 0
    for step in range(200):
        state, action, r = int(rng.integers(S)), int(rng.integers(A)), int(rng.integers(128))
        pair = state * A + action
        if last >= 0:
            delta = eta * (gamma * model[pair] - 128 * model[last] + 64 * signal)
            one_step_differs += model[last] + delta // 2**14 != model[last] + delta // 2**21
            traces[last] += 1
            for i in range(S * A):
                model[i] = max(0, 2**21 * model[i] + delta * traces[i]) // 2**21
                traces[i] = gamma * decay * traces[i] // 2**14
        last, signal = pair, r
        experience(core, memory, step, state, action, r)
        assert memory.table_u8.tolist() == model == synapses(core)
    assert one_step_differs > 50


def test_the_build_with_traces_never_raises_a_weight_and_stops_at_zero() -> None:
    """The largest change is η (γ w' + 64 r) = 127 (127 · 63 + 64 · 127) < 2²¹."""
    core, memory = start(traces=True, gamma=1.0, eta=1.0, initial_weight=63.0)
    memory.table_u8[0] = 0
    for step in range(1, 9):  # the best that can happen to a pair
        experience(core, memory, step, step % S, 0, 127)
    assert memory.table_u8[0] == synapses(core)[0] == 0

    core, memory = start(traces=True, gamma=0.0, eta=1.0, initial_weight=2.0)
    for step in range(1, 9):
        experience(core, memory, step, 0, 0, -254)
    assert memory.table_u8[0] == synapses(core)[0] == 0  # the one-step build would have wrapped


def test_the_build_with_traces_writes_the_table_over_rescaled_weights() -> None:
    core, memory = start(traces=True, rescale_period=2.0, eta=0.0)
    core.weight_u6.reshape(-1, N_NEURONS)[0, S : S + A] = [0, 20, 60]
    memory.table_u8[:A] = [0, 20, 60]
    for step, wanted in ((1, [0, 20, 60]), (2, [10, 23, 50]), (3, [0, 20, 60])):
        experience(core, memory, step, 1, 0, 0)
        assert synapses(core)[:3] == wanted


def test_rescaling_has_the_published_slope_of_ten_bits() -> None:
    """The slope 32/33 is truncated to 992/1024, which the exact map would show as a weight of 0."""
    core, memory = start(rescale_period=2.0, eta=0.0, weight_lower=0.0, weight_upper=32.0)
    core.weight_u6.reshape(-1, N_NEURONS)[0, S : S + A] = [0, 1, 33]
    experience(core, memory, 1, 1, 0, 0)
    experience(core, memory, 2, 1, 0, 0)
    assert synapses(core)[:3] == [0, (32 * 1024 - 992 * 32) // 1024, 32] == [0, 1, 32]
    assert 32 * 1 // 33 == 0
