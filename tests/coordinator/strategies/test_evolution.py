"""The evolution strategy against exact gradients and against its equations."""

from collections.abc import Callable

import numpy as np
import pytest
from support.statistical_asserts import assert_mean

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.evolution import (
    SHAPINGS,
    Evolution,
    estimate_gradients,
)
from spikeloop.coordinator.strategies.optimizers import Sgd
from spikeloop.coordinator.strategies.population import (
    Bounds,
    MirroredGaussian,
)
from spikeloop.coordinator.strategies.shaping import centered_ranks
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import ParameterSpace, Real, Weights, fold

ALPHA = 1e-4
SPACE = ParameterSpace((Real("a", 0, 1, 0.25), Weights("w", (3,), 1.0)))
CENTER = np.array([0.5, -1.0, 2.0, 0.0])
TOP = np.array([1.0, 1.0, 0.0, -1.0])
CURVATURE = np.array([1.0, 0.5, 2.0, 0.1])


def quadratic(points: FloatArray) -> FloatArray:
    return np.asarray(-0.5 * ((points - TOP) ** 2 * CURVATURE).sum(axis=-1))


def true_gradient(center: FloatArray) -> FloatArray:
    return np.asarray(-CURVATURE * (center - TOP))


def estimates(n: int, sigma: float = 0.3) -> FloatArray:
    """(n, n_dim) independent gradient estimates from one pair each, on raw fitness."""
    rows = []
    for seed in range(n):
        pop = MirroredGaussian(CENTER, sigma, seed, n_pairs=1)
        rows.append(estimate_gradients(pop, quadratic(pop.rows(0, 2)), n=2)[0])
    return np.array(rows)


def test_gradient_estimate_is_unbiased_on_a_quadratic() -> None:
    """For a quadratic the smoothed and the true gradient agree at every sigma."""
    drawn, gradient = estimates(4000), true_gradient(CENTER)
    for i, expected in enumerate(gradient):
        assert_mean(drawn[:, i], expected, ALPHA / gradient.size)
    with pytest.raises(AssertionError):  # without the mirrored half's factor 1/2
        assert_mean(2 * drawn[:, 2], gradient[2], ALPHA / gradient.size)
    with pytest.raises(AssertionError):  # without the factor 1 / sigma
        assert_mean(0.3 * drawn[:, 2], gradient[2], ALPHA / gradient.size)
    with pytest.raises(AssertionError):  # 15 % too long
        assert_mean(1.15 * drawn[:, 2], gradient[2], ALPHA / gradient.size)


def test_gradient_estimate_projects_the_gradient_on_the_noise() -> None:
    """With mirrored pairs curvature cancels exactly: the estimate is mean(ε εᵀ) ∇f."""
    pop = MirroredGaussian(CENTER, 0.3, seed=11, n_pairs=50)
    noise = np.array([eps.astype(np.float64) for eps in pop.noise()])
    expected = noise.T @ noise @ true_gradient(CENTER) / 50
    estimate = estimate_gradients(pop, quadratic(pop.rows(0, 100)), n=100)[0]
    np.testing.assert_allclose(estimate, expected, rtol=1e-5)


def test_sigma_gradient_of_a_quadratic_is_unbiased() -> None:
    """d/d log σ of E[−½ Σ c (x + σ ε)²] is −σ² Σ c; in deviations of |ε|², over √(2 d)."""
    sigma, drawn = 0.3, []
    for seed in range(4000):
        pop = MirroredGaussian(TOP, sigma, seed, n_pairs=2)
        drawn.append(estimate_gradients(pop, quadratic(pop.rows(0, 4)), n=4)[1])
    expected = -(sigma**2) * CURVATURE.sum() / np.sqrt(8)
    assert_mean(drawn, expected, ALPHA)
    with pytest.raises(AssertionError):
        assert_mean(np.array(drawn) * np.sqrt(2), expected, ALPHA)


def test_tell_takes_the_step_of_the_paper() -> None:
    """Equation for equation, on the explicit points, σ and the step that goes with it."""
    strategy = Evolution(
        population_size=10,
        sigma_rate=0.7,
        sigma_decay=0.9,
        bounds="reflect",
        optimizer=Sgd(momentum=0.0),
        learning_rate=0.2,
        learning_rate_decay=0.95,
        weight_decay=0.3,
    )
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, SPACE.default_point(), rng)
    for g in range(3):
        pop = strategy.ask(state, rng)
        points = pop.rows(0, 10)
        fitness = quadratic(points)
        utility = centered_ranks(fitness)
        noise = (points - state.center) / state.sigma
        gradient = utility @ noise / (10 * state.sigma)
        gradient -= 0.3 * (state.center - SPACE.default_point())
        ratio = state.sigma / 0.15
        step = 0.2 * 0.95**g * ratio * ratio * gradient
        widening = utility @ ((noise**2).sum(axis=1) - 4) / 10 / np.sqrt(8)
        after = strategy.tell(state, pop, Evaluation(fitness), rng)
        np.testing.assert_allclose(after.center, state.center + step, rtol=1e-5)
        assert after.sigma == pytest.approx(0.9 * state.sigma * np.exp(0.7 * widening), rel=1e-5)
        assert after.step_norm == pytest.approx(np.linalg.norm(after.center - state.center))
        state = after
    assert strategy.summary(state)["sigma"] == state.sigma != 0.15
    assert strategy.summary(state)["learning_rate"] == pytest.approx(
        0.2 * 0.95**3 * state.sigma / 0.15
    )


def test_without_adaptation_sigma_decays_only() -> None:
    strategy = Evolution(sigma=0.2, sigma_rate=0.0, sigma_decay=0.5)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, SPACE.default_point(), rng)
    for generation in range(3):
        pop = strategy.ask(state, rng)
        assert pop.sigma == pytest.approx(0.2 * 0.5**generation)
        state = strategy.tell(state, pop, Evaluation(quadratic(pop.rows(0, 48))), rng)


def log_change(strategy: Evolution, fitness: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """(200,) changes of log σ in a first generation around 0, from independent noise."""
    space = ParameterSpace((Weights("w", (5,), 1.0),))
    rng = np.random.default_rng(4)
    state = strategy.init(space, space.default_point(), rng)
    changes = []
    for _ in range(200):
        pop = strategy.ask(state, rng)
        updated = strategy.tell(state, pop, Evaluation(fitness(pop.rows(0, 48))), rng)
        changes.append(np.log(updated.sigma / state.sigma))
    return np.array(changes)


def test_sigma_shrinks_at_an_optimum_grows_in_a_trough_and_keeps_its_value_on_noise() -> None:
    strategy, noise = Evolution(), np.random.default_rng(5)
    hill = log_change(strategy, lambda points: -(points**2).sum(axis=1))
    assert (hill < 0).all()
    np.testing.assert_allclose(
        log_change(strategy, lambda points: (points**2).sum(axis=1)), -hill, rtol=1e-6
    )
    flat = log_change(strategy, lambda points: noise.standard_normal(len(points)))
    assert_mean(flat, 0.0, ALPHA)
    with pytest.raises(AssertionError):
        assert_mean(hill, 0.0, ALPHA)


def test_sigma_on_a_slope_stays_under_centred_ranks_and_grows_under_log_ranks() -> None:
    """On a slope the members of a pair have opposite ranks, so symmetric utilities cancel."""

    def slope(points: FloatArray) -> FloatArray:
        return np.asarray(points @ np.arange(1.0, 6.0))

    np.testing.assert_allclose(log_change(Evolution(), slope), 0.0, atol=1e-12)
    grown = log_change(Evolution(shaping="log_ranks"), slope)
    with pytest.raises(AssertionError, match="is not 0"):
        assert_mean(grown, 0.0, ALPHA)
    assert grown.mean() > 0


def test_raw_fitness_changes_sigma_by_a_factor_e_at_most() -> None:
    def steep(points: FloatArray) -> FloatArray:
        return np.asarray(-1e9 * (points**2).sum(axis=1))

    strategy = Evolution(shaping="raw", learning_rate=1e-12)
    np.testing.assert_allclose(np.abs(log_change(strategy, steep)), 1.0)


def test_shapings_share_the_spread_of_centred_ranks() -> None:
    fitness = np.random.default_rng(0).normal(size=1000)
    fitness[7] = np.nan
    alive = np.isfinite(fitness)
    for name, shaping in SHAPINGS.items():
        utility = shaping(fitness)
        assert utility[7] == 0.0
        expected = fitness[alive].std() if name == "raw" else 12**-0.5
        assert utility[alive].std() == pytest.approx(expected, rel=2e-3), name


@pytest.mark.parametrize("bounds", ["clip", "resample"])
def test_the_centre_stays_inside_but_for_weights(bounds: Bounds) -> None:
    strategy = Evolution(bounds=bounds, optimizer=Sgd(momentum=0.0), learning_rate=50.0)
    rng = np.random.default_rng(0)
    start = np.array([0.9, 0.0, 0.0, 0.0])
    state = strategy.init(SPACE, start, rng)
    pop = strategy.ask(state, rng)
    after = strategy.tell(state, pop, Evaluation(pop.rows(0, 48).sum(axis=1)), rng)
    assert after.center[0] == 1.0
    assert (after.center[1:] > 1.0).all()
    assert after.step_norm == pytest.approx(np.linalg.norm(after.center - start))
    free = Evolution(bounds="reflect", optimizer=Sgd(momentum=0.0), learning_rate=50.0)
    pop = free.ask(state, rng)
    assert free.tell(state, pop, Evaluation(pop.rows(0, 48).sum(axis=1)), rng).center[0] > 1.0


@pytest.mark.parametrize(("bounds", "inward"), [("reflect", 0.0), ("clip", 0.5), ("resample", 0.0)])
def test_slope_at_the_very_bound(bounds: Bounds, inward: float) -> None:
    """Reflection makes a kink of it, redrawing leaves no noise, clipping sees half of it."""
    bounded, drawn = np.array([True]), []
    for seed in range(3000):
        pop = MirroredGaussian(np.zeros(1), 0.1, seed, 1, bounds=bounds, bounded=bounded)
        drawn.append(estimate_gradients(pop, fold(pop.rows(0, 2), bounded)[:, 0], n=2)[0][0])
    assert_mean(drawn, inward, ALPHA)
    with pytest.raises(AssertionError):
        assert_mean(drawn, 1.0, ALPHA)


def test_without_a_whole_pair_the_centre_stays_finite() -> None:
    strategy = Evolution(population_size=4)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, SPACE.default_point(), rng)
    pop = strategy.ask(state, rng)
    after = strategy.tell(state, pop, Evaluation(np.array([1.0, np.nan, np.nan, 2.0])), rng)
    np.testing.assert_array_equal(after.center, state.center)


def test_weight_decay_pulls_to_the_default_point() -> None:
    strategy = Evolution(optimizer=Sgd(momentum=0.0), learning_rate=0.05, weight_decay=1.0)
    rng = np.random.default_rng(3)
    state = strategy.init(SPACE, SPACE.sample(1, rng)[0], rng)
    default = SPACE.default_point()
    assert not np.allclose(state.center, default)
    after = strategy.tell(state, strategy.ask(state, rng), Evaluation(np.ones(48)), rng)
    np.testing.assert_allclose(after.center - default, 0.95 * (state.center - default))
