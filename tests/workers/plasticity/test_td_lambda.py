"""SARSA(λ) in integers follows the rule in floating point and updates computed by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from spikeloop.tasks.base import Interface
from spikeloop.workers.learners.tabular import episode as tabular
from spikeloop.workers.plasticity.program import VALUE_ONE, q7
from spikeloop.workers.plasticity.td_lambda import (
    MAX_TABLE,
    TdLambda,
    TdMemory,
    rescale,
    synapse_weight,
    table_weight,
    update,
)

S, A = 6, 2
THETA = {
    "gamma": 1.0,
    "eta": 0.25,
    "initial_weight": 34.6,
    "weight_lower": 0.0,
    "weight_upper": 63.0,
    "rescale_period": 0.2,
}
Update = Callable[[TdMemory, int, int, int], None]


def memory_of(n_states: int = S, n_actions: int = A, **theta: float) -> TdMemory:
    return TdLambda().memory({**THETA, **theta}, Interface(n_states, n_actions, "discrete", 2000))


def rule_of(memory: TdMemory) -> tabular.Rule:
    """The same rule in floating point, for values."""
    td = memory.td
    gamma, trace_decay, eta = (x / 128 for x in (td.gamma_q7, td.lambda_q7, td.eta_q7))
    lower, upper = memory.weight_lower / VALUE_ONE, memory.weight_upper / VALUE_ONE
    return tabular.Rule(gamma, trace_decay, eta, 0.0, MAX_TABLE / VALUE_ONE, 0, lower, upper)


def assert_follows_float(updates: Update, n_updates: int, seed: int) -> None:
    """From the same table and traces, one integer update is the float one within its rounding.

    The bound, in table units of 1/128 code: half a unit for γ·w' (times η), half a unit for η·δ and
    half a unit for its product with the trace; the trace is off by one and a half units of 1/128
    (γ·λ rounded, its product with e truncated) or saturates at 127/128, which counts times η·|δ|.
    """
    rng = np.random.default_rng(seed)
    memory = memory_of(gamma=rng.random(), trace_decay=rng.random(), eta=rng.random())
    memory.table[:] = rng.integers(0, MAX_TABLE + 1, S * A)
    rule = rule_of(memory)
    for _ in range(n_updates):
        pair, next_pair = rng.integers(0, S * A, 2)
        reward = int(rng.integers(0, 128))
        value, eligibility = memory.table / VALUE_ONE, memory.trace_q7 / 128
        delta = reward / 127 + rule.gamma * value[next_pair] - value[pair]
        tabular.update(rule, value, eligibility, pair, next_pair, reward / 127)
        updates(memory, pair, next_pair, reward)
        step = rule.eta * abs(delta) * VALUE_ONE
        trace_error = 1.5 / 128
        bound = 0.5 * rule.eta + 0.5 + 0.5 + trace_error * step + 1e-9
        assert np.abs(memory.trace_q7 / 128 - eligibility).max() <= trace_error
        assert np.abs(memory.table - value * VALUE_ONE).max() <= bound


@pytest.mark.parametrize("seed", range(20))
def test_the_integer_rule_follows_the_float_rule_within_its_rounding(seed: int) -> None:
    assert_follows_float(update, 300, seed)


def without_gamma(memory: TdMemory, pair: int, next_pair: int, reward: int) -> None:
    update(memory._replace(td=memory.td._replace(gamma_q7=0)), pair, next_pair, reward)


def one_code_coarser(memory: TdMemory, pair: int, next_pair: int, reward: int) -> None:
    """As if the table had six bits, like the synapses."""
    update(memory, pair, next_pair, reward)
    memory.table[:] = (memory.table >> 7) << 7


def accumulating(memory: TdMemory, pair: int, next_pair: int, reward: int) -> None:
    """Overwrites the trace of the visited pair with half its size, which is no replacing trace."""
    update(memory, pair, next_pair, reward)
    memory.trace_q7[pair] = 64


def truncating(memory: TdMemory, pair: int, next_pair: int, reward: int) -> None:
    """Rounds every weight down instead of to the nearest."""
    td, table, trace = memory.td, memory.table, memory.trace_q7
    target = (reward << 6) + ((int(table[next_pair]) * td.gamma_q7) >> 7)
    step = ((target - int(table[pair])) * td.eta_q7) >> 7
    decay = (td.gamma_q7 * td.lambda_q7) >> 7
    for i in range(table.size):
        trace[i] = 127 if i == pair else (int(trace[i]) * decay) >> 7
        table[i] = min(max(int(table[i]) + ((step * int(trace[i])) >> 7), 0), MAX_TABLE)


@pytest.mark.parametrize("wrong", [without_gamma, one_code_coarser, accumulating, truncating])
def test_a_wrong_rule_is_rejected(wrong: Update) -> None:
    """The bound is about one unit, so most experience tells; 20 random ones do for certain."""
    rejected = 0
    for seed in range(20):
        try:
            assert_follows_float(wrong, 300, seed)
        except AssertionError:
            rejected += 1
    assert rejected >= 15


@pytest.mark.parametrize(
    ("gamma", "trace_decay", "expected", "trace"),
    [
        # δ = 64·64 + 0 − 3840 = 256, η = 1/2: 128 · 127/128.
        (0.0, 0.0, [3840 + 127, 1280, 2560], [127, 0, 0]),
        # δ = 4096 + 1280 − 3840 = 1536 (w' = 2560, γ = 1/2), η δ = 768: 768 · 127/128 = 762.
        (0.5, 0.0, [3840 + 762, 1280, 2560], [127, 0, 0]),
        # An old trace of 64 decays by γλ = 1/4 to 16: 768 · 16/128 = 96.
        (0.5, 0.5, [3840 + 762, 1280 + 96, 2560], [127, 16, 0]),
    ],
)
def test_one_update_by_hand(
    gamma: float, trace_decay: float, expected: list[int], trace: list[int]
) -> None:
    memory = memory_of(3, 1, gamma=gamma, trace_decay=trace_decay, eta=0.5)
    memory.table[:], memory.trace_q7[:] = [3840, 1280, 2560], [0, 64, 0]
    update(memory, 0, 2, 64)
    assert memory.table.tolist() == expected
    assert memory.trace_q7.tolist() == trace


@pytest.mark.parametrize(
    ("value", "weight"),
    [(0, 0), (63, 0), (64, 1), (35 * 128, 35), (35 * 128 + 63, 35), (MAX_TABLE, 63), (32767, 63)],
)
def test_synapses_get_the_rounded_upper_bits(value: int, weight: int) -> None:
    assert synapse_weight(value) == weight


def test_rescaling_maps_each_state_onto_the_bounds() -> None:
    memory = memory_of(3, 3)._replace(weight_lower=1000, weight_upper=4000)
    memory.table[:] = [10, 20, 40, 7, 7, 7, 0, 8064, 4032]
    rescale(memory)
    assert memory.table.tolist() == [1000, 2000, 4000, 4000, 4000, 4000, 1000, 4000, 2500]


@pytest.mark.parametrize("seed", range(10))
def test_integer_rescaling_is_the_float_one_rounded(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lower, upper = np.sort(rng.integers(0, MAX_TABLE + 1, 2)).tolist()
    memory = memory_of(6, 8)._replace(weight_lower=lower, weight_upper=upper)
    memory.table[:] = rng.integers(0, MAX_TABLE + 1, 48)
    exact = memory.table / VALUE_ONE
    tabular.rescale(rule_of(memory), exact, 8)
    rescale(memory)
    assert np.abs(memory.table - VALUE_ONE * exact).max() <= 0.5 + 1e-9
    rows = memory.table.reshape(6, 8)
    assert (rows.min(axis=1) == lower).all()
    assert (rows.max(axis=1) == upper).all()


def test_program_constants_are_rounded_and_checked() -> None:
    made = TdLambda(trace_decay=0.5).memory(THETA, Interface(2, 2, "discrete", 2000))
    assert memory_of(trace_decay=0.25).td.lambda_q7 == 32
    assert (made.td.gamma_q7, made.td.lambda_q7, made.td.eta_q7) == (127, 64, 32)
    assert made.table.tolist() == [35 * 128] * 4
    assert (made.weight_lower, made.weight_upper) == (0, MAX_TABLE)
    assert made.td.rescale_period == 1
    with pytest.raises(ValueError, match=r"must be in \[0, 1\], got 1.5"):
        q7(1.5)
    assert table_weight(np.nextafter(63.0, 64.0)) == MAX_TABLE
    with pytest.raises(ValueError, match=r"must be in \[0, 63\], got 64"):
        table_weight(64)
