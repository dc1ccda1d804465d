"""SARSA(λ) in integers follows the rule in floating point and updates computed by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spikeloop.workers.learners.tabular.rule import rescale_float, update_float
from spikeloop.workers.plasticity.program import (
    MAX_TABLE,
    VALUE_ONE,
    q7,
    synapse_weight,
    table_weight,
)
from spikeloop.workers.plasticity.td_lambda import TdLambda, rescale_integer, update_integer

N_PAIRS = 12
UpdateInteger = Callable[..., Any]


def constants(rng: np.random.Generator) -> tuple[int, int, int]:
    """γ, λ and η as Q7 bytes."""
    gamma, trace_decay, eta = (q7(x) for x in rng.random(3))
    return gamma, trace_decay, eta


def assert_follows_float(update: UpdateInteger, n_updates: int, seed: int) -> None:
    """From the same table and traces, one integer update is the float one within its rounding.

    The bound, in table units of 1/128 code: half a unit for γ·w' (times η), half a unit for η·δ and
    half a unit for its product with the trace; the trace is off by one and a half units of 1/128
    (γ·λ rounded, its product with e truncated) or saturates at 127/128, which counts times η·|δ|.
    """
    rng = np.random.default_rng(seed)
    gamma, trace_decay, eta = constants(rng)
    table = rng.integers(0, MAX_TABLE + 1, N_PAIRS).astype(np.int16)
    trace = np.zeros(N_PAIRS, dtype=np.int8)
    for _ in range(n_updates):
        pair, next_pair = rng.integers(0, N_PAIRS, 2)
        reward = int(rng.integers(0, 128))
        value, eligibility = table / VALUE_ONE, trace / 128
        delta = reward / 127 + gamma / 128 * value[next_pair] - value[pair]
        update_float(
            value,
            eligibility,
            pair,
            next_pair,
            reward / 127,
            gamma / 128,
            trace_decay / 128,
            eta / 128,
            0.0,
            MAX_TABLE / VALUE_ONE,
        )
        update(table, trace, pair, next_pair, reward, gamma, trace_decay, eta)
        step = eta / 128 * abs(delta) * VALUE_ONE
        trace_error = 1.5 / 128
        bound = 0.5 * eta / 128 + 0.5 + 0.5 + trace_error * step + 1e-9
        assert np.abs(trace / 128 - eligibility).max() <= trace_error
        assert np.abs(table - value * VALUE_ONE).max() <= bound


@pytest.mark.parametrize("seed", range(20))
def test_the_integer_rule_follows_the_float_rule_within_its_rounding(seed: int) -> None:
    assert_follows_float(update_integer, 300, seed)


def without_gamma(*args: Any) -> None:
    table, trace, pair, next_pair, reward, _, trace_decay, eta = args
    update_integer(table, trace, pair, next_pair, reward, 0, trace_decay, eta)


def one_code_coarser(*args: Any) -> None:
    """As if the table had six bits, like the synapses."""
    update_integer(*args)
    args[0][:] = (args[0] >> 7) << 7


def accumulating(*args: Any) -> None:
    """Overwrites the trace of the visited pair with half its size, which is no replacing trace."""
    update_integer(*args)
    args[1][args[2]] = 64


def truncating(*args: Any) -> None:
    """Rounds every weight down instead of to the nearest."""
    table, trace, pair, next_pair, reward, gamma, trace_decay, eta = args
    target = (reward << 6) + ((int(table[next_pair]) * gamma) >> 7)
    step = ((target - int(table[pair])) * eta) >> 7
    decay = (gamma * trace_decay) >> 7
    for i in range(table.size):
        trace[i] = 127 if i == pair else (int(trace[i]) * decay) >> 7
        table[i] = min(max(int(table[i]) + ((step * int(trace[i])) >> 7), 0), MAX_TABLE)


@pytest.mark.parametrize("wrong", [without_gamma, one_code_coarser, accumulating, truncating])
def test_a_wrong_rule_is_rejected(wrong: UpdateInteger) -> None:
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
    table = np.array([3840, 1280, 2560], dtype=np.int16)
    traces = np.array([0, 64, 0], dtype=np.int8)
    update_integer(table, traces, 0, 2, 64, q7(gamma), q7(trace_decay), q7(0.5))
    assert table.tolist() == expected
    assert traces.tolist() == trace


@pytest.mark.parametrize(
    ("value", "weight"),
    [(0, 0), (63, 0), (64, 1), (35 * 128, 35), (35 * 128 + 63, 35), (MAX_TABLE, 63), (32767, 63)],
)
def test_synapses_get_the_rounded_upper_bits(value: int, weight: int) -> None:
    assert synapse_weight(value) == weight


def test_rescaling_maps_each_state_onto_the_bounds() -> None:
    table = np.array([10, 20, 40, 7, 7, 7, 0, 8064, 4032], dtype=np.int16)
    rescale_integer(table, 3, 3, 1000, 4000)
    assert table.tolist() == [1000, 2000, 4000, 4000, 4000, 4000, 1000, 4000, 2500]


@pytest.mark.parametrize("seed", range(10))
def test_integer_rescaling_is_the_float_one_rounded(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lower, upper = np.sort(rng.integers(0, MAX_TABLE + 1, 2)).tolist()
    table = rng.integers(0, MAX_TABLE + 1, 48).astype(np.int16)
    exact: NDArray[np.float64] = table.astype(np.float64)
    rescale_float(exact, 6, 8, lower, upper)
    rescale_integer(table, 6, 8, lower, upper)
    assert np.abs(table - exact).max() <= 0.5 + 1e-9
    rows = table.reshape(6, 8)
    assert (rows.min(axis=1) == lower).all()
    assert (rows.max(axis=1) == upper).all()


def test_program_constants_are_rounded_and_checked() -> None:
    theta = {
        "gamma": 1.0,
        "eta": 0.25,
        "initial_weight": 34.6,
        "weight_lower": 0.0,
        "weight_upper": 63.0,
        "rescale_period": 0.2,
    }
    made = TdLambda(trace_decay=0.5).memory(theta, 2, 2)
    assert TdLambda().memory({**theta, "trace_decay": 0.25}, 2, 2).lambda_q7 == 32
    assert (made.gamma_q7, made.lambda_q7, made.eta_q7) == (127, 64, 32)
    assert made.table.tolist() == [35 * 128] * 4
    assert (made.weight_lower, made.weight_upper) == (0, MAX_TABLE)
    assert made.rescale_period == 1
    with pytest.raises(ValueError, match=r"must be in \[0, 1\], got 1.5"):
        q7(1.5)
    assert table_weight(np.nextafter(63.0, 64.0)) == MAX_TABLE
    with pytest.raises(ValueError, match=r"must be in \[0, 63\], got 64"):
        table_weight(64)
