"""The evolution strategy against exact gradients and against its equations."""

from collections.abc import Callable

import numpy as np
import pytest
from support.search_steps import (
    BOX_AND_WEIGHTS,
    CURVATURE,
    TOP,
    ask_points,
    begin,
    quadratic,
    tell_fitness,
)
from support.statistical_asserts import assert_mean

from spikeloop.coordinator.strategies.evolution import SHAPINGS, Evolution, estimate_gradients
from spikeloop.coordinator.strategies.optimizers import Adam, Optimizer, Sgd
from spikeloop.coordinator.strategies.population import Bounds, MirroredGaussian
from spikeloop.coordinator.strategies.shaping import centered_ranks
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.space import ParameterSpace, fold

ALPHA = 1e-4
DEFAULT = BOX_AND_WEIGHTS.default_point()
CENTER = np.array([0.5, -1.0, 2.0, 0.0])


def test_gradient_estimates_project_on_the_noise() -> None:
    """With mirrored pairs curvature cancels exactly: mean(ε εᵀ) ∇f, whose mean is ∇f."""
    pop = MirroredGaussian(CENTER, 0.3, seed=11, n_pairs=50)
    noise = np.array([eps.astype(np.float64) for eps in pop.noise()])
    expected = noise.T @ noise @ (-CURVATURE * (CENTER - TOP)) / 50
    estimate = estimate_gradients(pop, quadratic(pop.rows(0, 100)), n=100)[0]
    np.testing.assert_allclose(estimate, expected, rtol=1e-5)


def test_sigma_gradient_of_a_quadratic_is_unbiased() -> None:
    """d/d log σ of E[−½ Σ c (x + σ ε)²] is −σ² Σ c; in deviations of |ε|², over √(2 d)."""
    sigma, drawn = 0.3, []
    for seed in range(2000):
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
    state = begin(strategy)
    for g in range(3):
        points = ask_points(strategy, state, g)
        utility = centered_ranks(quadratic(points))
        noise = (points - state.center) / state.sigma
        gradient = utility @ noise / (10 * state.sigma)
        gradient -= 0.3 * (state.center - DEFAULT)
        ratio = state.sigma / 0.15
        step = 0.2 * 0.95**g * ratio * ratio * gradient
        widening = utility @ ((noise**2).sum(axis=1) - 4) / 10 / np.sqrt(8)
        after = tell_fitness(strategy, state, quadratic, g)
        np.testing.assert_allclose(after.center, state.center + step, rtol=1e-5)
        assert after.sigma == pytest.approx(0.9 * state.sigma * np.exp(0.7 * widening), rel=1e-5)
        assert after.step_norm == pytest.approx(np.linalg.norm(after.center - state.center))
        state = after
    assert strategy.summary(state)["sigma"] == state.sigma != 0.15
    assert strategy.summary(state)["learning_rate"] == pytest.approx(
        0.2 * 0.95**3 * state.sigma / 0.15
    )


@pytest.mark.parametrize("optimizer", [Sgd(momentum=0.0), Adam()])
def test_a_step_is_the_same_part_of_sigma_whatever_sigma_is(optimizer: Optimizer) -> None:
    """On a slope ranks depend on the noise alone; with another rate the step differs."""

    def part_of_sigma(sigma: float, learning_rate: float = 0.2) -> FloatArray:
        space = ParameterSpace.of({"w": Weights((4,), 1.0)})
        strategy = Evolution(sigma=sigma, learning_rate=learning_rate, optimizer=optimizer)
        state = begin(strategy, space)
        after = tell_fitness(strategy, state, lambda points: points @ np.arange(1.0, 5.0))
        return np.asarray((after.center - state.center) / sigma)

    usual = part_of_sigma(0.15)
    assert np.abs(usual).max() > 0.01
    np.testing.assert_allclose(part_of_sigma(3.0), usual, rtol=1e-5)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(part_of_sigma(0.15, learning_rate=0.3), usual, rtol=1e-5)


def test_without_adaptation_sigma_decays_only() -> None:
    strategy = Evolution(sigma=0.2, sigma_rate=0.0, sigma_decay=0.5)
    state = begin(strategy)
    for generation in range(3):
        assert state.sigma == pytest.approx(0.2 * 0.5**generation)
        state = tell_fitness(strategy, state, quadratic)


def log_change(strategy: Evolution, fitness: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """(200,) changes of log σ in a first generation around 0, from independent noise."""
    state = begin(
        strategy,
        ParameterSpace.of(
            {
                "w": Weights((5,), 1.0),
            }
        ),
    )
    sigmas = [tell_fitness(strategy, state, fitness, seed).sigma for seed in range(200)]
    return np.asarray(np.log(np.array(sigmas) / state.sigma))


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
    strategy = Evolution(shaping="raw", learning_rate=1e-12)
    steep = log_change(strategy, lambda points: -1e9 * (points**2).sum(axis=1))
    np.testing.assert_allclose(np.abs(steep), 1.0)


def test_shapings_share_the_spread_of_centred_ranks() -> None:
    fitness = np.random.default_rng(0).normal(size=1000)
    fitness[7] = np.nan
    alive = np.isfinite(fitness)
    for name, shaping in SHAPINGS.items():
        utility = shaping(fitness)
        assert utility[7] == 0.0
        expected = fitness[alive].std() if name == "raw" else 12**-0.5
        assert utility[alive].std() == pytest.approx(expected, rel=2e-3), name


@pytest.mark.parametrize("bounds", ["clip", "resample", "reflect"])
def test_the_centre_stays_inside_but_for_weights(bounds: Bounds) -> None:
    """Where candidates are reflected, so is the centre when it is decoded."""
    strategy = Evolution(bounds=bounds, optimizer=Sgd(momentum=0.0), learning_rate=50.0)
    start = np.array([0.9, 0.0, 0.0, 0.0])
    after = tell_fitness(strategy, begin(strategy, start=start), lambda points: points.sum(axis=1))
    assert after.center[0] > 1.0 if bounds == "reflect" else after.center[0] == 1.0
    assert (after.center[1:] > 1.0).all()
    assert after.step_norm == pytest.approx(np.linalg.norm(after.center - start))


@pytest.mark.parametrize(("bounds", "inward"), [("reflect", 0.0), ("clip", 0.5), ("resample", 0.0)])
def test_slope_at_the_very_bound(bounds: Bounds, inward: float) -> None:
    """Reflection makes a kink of it, redrawing leaves no noise, clipping sees half of it."""
    bounded, drawn = np.array([True]), []
    for seed in range(1000):
        pop = MirroredGaussian(np.zeros(1), 0.1, seed, 1, bounds=bounds, bounded=bounded)
        drawn.append(estimate_gradients(pop, fold(pop.rows(0, 2), bounded)[:, 0], n=2)[0][0])
    assert_mean(drawn, inward, ALPHA)
    with pytest.raises(AssertionError):
        assert_mean(drawn, 1.0, ALPHA)


def test_weight_decay_pulls_to_the_default_point() -> None:
    strategy = Evolution(optimizer=Sgd(momentum=0.0), learning_rate=0.05, weight_decay=1.0)
    state = begin(strategy, start=DEFAULT + np.array([0.5, 1.0, -2.0, 0.1]))
    after = tell_fitness(strategy, state, np.ones(48))
    np.testing.assert_allclose(after.center - DEFAULT, 0.95 * (state.center - DEFAULT))
