"""Gradient ascent: steps by hand, schedules, and what is left out."""

import math
import sys
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from support.search_steps import BOX_AND_WEIGHTS

from spikeloop.coordinator.comparison import comparison_config as comparisons
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.strategies.base import Evaluation, from_arrays, to_arrays
from spikeloop.coordinator.strategies.bptt import Bptt, step_of
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.base import Unavailable

START = np.array([0.25, -1.0, 2.0, 0.5])
GRADIENT = np.array([0.3, -0.4, 1.2, 0.0])  # of length 1.3
SINGLE = 5e-5
"""Relative error of a step in single precision, where 1 − β₂ has an error of 5e-5 itself."""


def begin(strategy: Bptt) -> Bptt.State:
    return strategy.init(BOX_AND_WEIGHTS, np.random.default_rng(0), START)


def tell(strategy: Bptt, state: Bptt.State, gradient: FloatArray | None) -> Bptt.State:
    rng = np.random.default_rng(0)
    evaluation = Evaluation(np.array([0.5]), None if gradient is None else gradient[None])
    return strategy.tell(state, strategy.ask(state, rng), evaluation, rng)


def by_hand(strategy: Bptt, x: FloatArray, gradients: list[FloatArray]) -> FloatArray:
    """Equations (2) and (3) in double precision, without clipping, bounds and schedule."""
    m = v = np.zeros_like(x)
    for k, g in enumerate(gradients, start=1):
        m = strategy.beta1 * m + (1 - strategy.beta1) * g
        v = strategy.beta2 * v + (1 - strategy.beta2) * g**2
        m_hat, v_hat = m / (1 - strategy.beta1**k), v / (1 - strategy.beta2**k)
        x = x + strategy.learning_rate * m_hat / (np.sqrt(v_hat) + strategy.epsilon)
    return x


def same(one: Bptt.State, other: Bptt.State) -> bool:
    first, second = to_arrays(one), to_arrays(other)
    return all(
        first[name].dtype == second[name].dtype and first[name].tobytes() == second[name].tobytes()
        for name in first
    )


@pytest.mark.parametrize(("epsilon", "beta2"), [(1e-8, 0.999), (0.3, 0.9)])
def test_steps_are_those_of_adam(epsilon: float, beta2: float) -> None:
    strategy = Bptt(learning_rate=0.03, beta1=0.8, beta2=beta2, epsilon=epsilon, clip_norm=0)
    rng = np.random.default_rng(1)
    gradients = [np.append(0.0, rng.standard_normal(3)) for _ in range(5)]
    state = begin(strategy)
    for gradient in gradients:
        before, state = state, tell(strategy, state, gradient)
    assert state.step_norm == pytest.approx(np.linalg.norm(state.point - before.point), rel=SINGLE)
    moved = by_hand(strategy, START, gradients) - START
    np.testing.assert_allclose(state.point - START, moved, rtol=1e-3, atol=1e-6)
    wrong = by_hand(Bptt(**{**dict(strategy), "beta1": 0.79}), START, gradients) - START
    assert not np.allclose(state.point - START, wrong, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("clip_norm", "factor"), [(0.65, 0.5), (1.31, 1.0), (0.0, 1.0)])
def test_a_longer_gradient_is_cut_to_the_norm(clip_norm: float, factor: float) -> None:
    strategy = Bptt(clip_norm=clip_norm)
    updated = tell(strategy, begin(strategy), GRADIENT)
    np.testing.assert_allclose(updated.first, 0.1 * factor * GRADIENT, rtol=1e-6)
    np.testing.assert_allclose(updated.second, 0.001 * (factor * GRADIENT) ** 2, rtol=SINGLE)
    assert updated.gradient_norm == pytest.approx(1.3, rel=1e-6)  # before it is cut


RATE = 0.02
SCHEDULES: list[tuple[dict[str, Any], dict[int, float]]] = [
    ({}, {0: 1, 1000: 1}),
    ({"warmup_generations": 3}, {0: 1 / 4, 1: 2 / 4, 2: 3 / 4, 3: 1, 4: 1}),
    (
        {"schedule": "cosine", "decay_generations": 100, "final_share": 0.2},
        {0: 1, 25: 0.2 + 0.4 * (1 + math.cos(math.pi / 4)), 50: 0.6, 100: 0.2, 5000: 0.2},
    ),
    (
        {"schedule": "exponential", "decay_generations": 100, "final_share": 0.01},
        {0: 1, 50: 0.1, 75: 0.01**0.75, 100: 0.01, 200: 0.01},
    ),
    (
        {
            "schedule": "cosine",
            "decay_generations": 10,
            "warmup_generations": 1,
            "final_share": 0.5,
        },
        {0: 1 / 2, 1: 1, 6: 0.75, 11: 0.5},
    ),
]


@pytest.mark.parametrize(("settings", "shares"), SCHEDULES)
def test_the_learning_rate_follows_its_schedule(
    settings: dict[str, Any], shares: dict[int, float]
) -> None:
    strategy = Bptt(learning_rate=RATE, **settings)
    for generation, share in shares.items():
        updated = tell(strategy, replace(begin(strategy), generation=generation), GRADIENT)
        rate = RATE * share
        assert updated.learning_rate == pytest.approx(rate, rel=1e-5, abs=1e-9)
        assert strategy.summary(updated)["learning_rate"] == updated.learning_rate
        assert updated.point[1] == pytest.approx(-1.0 - rate, rel=1e-6)


def test_weights_decay_towards_zero_apart_from_the_gradient() -> None:
    """Decoupled: by the learning rate times λ, whatever the moments; what has bounds stays."""
    strategy = Bptt(learning_rate=0.1, weight_decay=0.5)
    updated = tell(strategy, begin(strategy), np.zeros(4))
    np.testing.assert_allclose(updated.point, [0.25, -0.95, 1.9, 0.475], rtol=1e-6)
    assert not updated.first.any()


def test_what_has_bounds_stays_inside_them() -> None:
    strategy = Bptt(learning_rate=0.4)
    for sign, edge in ((1.0, 1.0), (-1.0, 0.0)):
        state = begin(strategy)
        for _ in range(3):
            state = tell(strategy, state, np.full(4, sign))
        assert state.point[0] == edge
        assert np.abs(state.point[1:] - START[1:]).min() > 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200, 1e30])
def test_a_gradient_that_is_not_finite_is_left_out_and_counted(bad: float) -> None:
    """The next step is the one that would have been made without it."""
    strategy = Bptt()
    state = tell(strategy, begin(strategy), GRADIENT)
    skipped = tell(strategy, state, np.array([0.1, bad, 0.1, 0.1]))
    for name in ("point", "first", "second", "n_steps"):
        np.testing.assert_array_equal(getattr(skipped, name), getattr(state, name))
    assert (skipped.generation, skipped.n_not_finite, skipped.step_norm) == (2, 1, 0.0)
    assert math.isnan(skipped.gradient_norm)
    assert strategy.summary(skipped)["not_finite"] == 1.0
    after, undisturbed = (tell(strategy, updated, GRADIENT) for updated in (skipped, state))
    differing = {
        field.name
        for field in fields(after)
        if np.any(getattr(after, field.name) != getattr(undisturbed, field.name))
    }
    assert differing == {"generation", "n_not_finite"}


def test_no_gradient_at_all_is_a_mistake() -> None:
    strategy = Bptt()
    with pytest.raises(TypeError, match="bptt needs the gradient"):
        tell(strategy, begin(strategy), None)


def test_what_is_recommended_is_the_average_of_the_points() -> None:
    """With weights δ^(k−i) over their sum; the start has none."""
    strategy, last = Bptt(average=0.8), Bptt()
    state, points = begin(strategy), []
    np.testing.assert_array_equal(strategy.recommend(state), START)
    rng = np.random.default_rng(2)
    for _ in range(6):
        state = tell(strategy, state, rng.standard_normal(4))
        points.append(state.point)
    average = np.average(points, axis=0, weights=0.8 ** np.arange(5, -1, -1))
    np.testing.assert_allclose(strategy.recommend(state), average, rtol=1e-6)
    np.testing.assert_array_equal(last.recommend(state), state.point)
    assert begin(last).average.size == 0


def test_one_program_serves_all_generations_and_a_resumed_run() -> None:
    strategy = Bptt(schedule="exponential", decay_generations=7, learning_rate=0.0123)
    state = begin(strategy)
    for _ in range(4):
        state = tell(strategy, state, GRADIENT)
    state = from_arrays(Bptt.State, to_arrays(state))
    tell(Bptt(**dict(strategy)), state, GRADIENT)
    program: Any = step_of(strategy)
    assert program._cache_size() == 1


def test_bits_do_not_depend_on_the_precision_that_a_program_chose() -> None:
    import jax

    strategy = Bptt(average=0.9)
    plain = tell(strategy, begin(strategy), GRADIENT)
    with jax.enable_x64(True):
        assert same(plain, tell(strategy, begin(strategy), GRADIENT))
    assert plain.point.dtype == np.float32


@pytest.mark.parametrize("package", ["jax", "optax"])
def test_a_missing_package_is_named_before_the_run_begins(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        Unavailable, match=rf"bptt needs {package}: pip install 'spikeloop\[lsnn\]'"
    ):
        begin(Bptt())


def test_a_comparison_without_gradients_refuses_it() -> None:
    tables = {
        "comparison": {"budget": 100},
        "tuning": {"episodes": 0},
        "run": {"tasks": 4},
        "family": {"kind": "random_mdp"},
        "learner": {"kind": "tabular_td"},
        "strategies": {"bptt": {}, "random_search": {}},
    }
    with pytest.raises(ConfigError, match=r"x\.toml: \[strategies\.bptt\] .*gradients"):
        comparisons.parse(tables, "x.toml", None)
