"""The evolution strategy against the exact gradient of a quadratic and against its equations."""

import numpy as np
import pytest
from statistical import assert_mean

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.evolution import Evolution, estimate_gradient
from spikeloop.coordinator.strategies.optimizers import Sgd
from spikeloop.coordinator.strategies.population import Explicit, MirroredGaussian
from spikeloop.coordinator.strategies.shaping import centered_ranks
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import ParameterSpace, Real, Weights

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
        rows.append(estimate_gradient(pop, quadratic(pop.rows(0, 2)), n=2))
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
    estimate = estimate_gradient(pop, quadratic(pop.rows(0, 100)), n=100)
    np.testing.assert_allclose(estimate, expected, rtol=1e-5)


def test_tell_takes_the_step_of_the_paper() -> None:
    """Equation for equation, on the explicit points, in any order of the candidates."""
    strategy = Evolution(
        population_size=10, optimizer=Sgd(momentum=0.0), learning_rate=0.2, weight_decay=0.3
    )
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, SPACE.default_point(), rng)
    for _ in range(3):
        pop = strategy.ask(state, rng)
        points = pop.rows(0, 10)
        fitness = quadratic(points)
        order = rng.permutation(10)
        utility = centered_ranks(fitness[order])
        offsets = points[order] - state.center
        gradient = utility @ offsets / (10 * pop.sigma**2)
        gradient -= 0.3 * (state.center - SPACE.default_point())
        learning_rate = 0.2 * 0.97**state.generation
        after = strategy.tell(state, pop, Evaluation(fitness), rng)
        np.testing.assert_allclose(after.center, state.center + learning_rate * gradient, rtol=1e-5)
        assert after.step_norm == pytest.approx(np.linalg.norm(after.center - state.center))
        state = after


def test_summary_follows_the_decays() -> None:
    strategy = Evolution(sigma=0.2, sigma_decay=0.5, learning_rate=0.1, learning_rate_decay=0.9)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, SPACE.default_point(), rng)
    for generation in range(3):
        pop = strategy.ask(state, rng)
        assert pop.sigma == pytest.approx(0.2 * 0.5**generation)
        assert strategy.summary(state)["sigma"] == pop.sigma
        assert strategy.summary(state)["learning_rate"] == pytest.approx(0.1 * 0.9**generation)
        state = strategy.tell(state, pop, Evaluation(quadratic(pop.rows(0, 48))), rng)


def test_a_pair_with_a_failed_member_carries_no_weight() -> None:
    strategy = Evolution(population_size=8, optimizer=Sgd(momentum=0.0))
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, SPACE.default_point(), rng)
    pop = strategy.ask(state, rng)
    fitness = quadratic(pop.rows(0, 8))
    steps = []
    for member, partner in ((2, 3), (3, 2)):
        for luck in (-1e9, 0.0, 1e9):
            broken = fitness.copy()
            broken[member], broken[partner] = np.nan, luck
            steps.append(strategy.tell(state, pop, Evaluation(broken), rng).center)
    for step in steps[1:]:
        np.testing.assert_array_equal(step, steps[0])
    whole = strategy.tell(state, pop, Evaluation(fitness), rng).center
    assert not np.array_equal(whole, steps[0])


def test_without_a_whole_pair_the_centre_stays_finite() -> None:
    strategy = Evolution(population_size=4)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, SPACE.default_point(), rng)
    pop = strategy.ask(state, rng)
    after = strategy.tell(state, pop, Evaluation(np.array([1.0, np.nan, np.nan, 2.0])), rng)
    np.testing.assert_array_equal(after.center, state.center)


def test_weight_decay_pulls_to_the_default_point() -> None:
    strategy = Evolution(optimizer=Sgd(momentum=0.0), weight_decay=1.0)
    rng = np.random.default_rng(3)
    state = strategy.init(SPACE, SPACE.sample(1, rng)[0], rng)
    default = SPACE.default_point()
    assert not np.allclose(state.center, default)
    after = strategy.tell(state, strategy.ask(state, rng), Evaluation(np.ones(48)), rng)
    np.testing.assert_allclose(after.center - default, 0.95 * (state.center - default))


def test_a_foreign_population_is_refused() -> None:
    strategy = Evolution()
    state = strategy.init(SPACE, SPACE.default_point(), np.random.default_rng(0))
    with pytest.raises(TypeError, match="Explicit"):
        strategy.tell(
            state, Explicit(np.zeros((4, 4))), Evaluation(np.ones(4)), np.random.default_rng(0)
        )


@pytest.mark.parametrize("wrong", [{"population_size": 7}, {"sigma": 0.0}, {"sigma_decay": 1.5}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Evolution.model_validate(wrong)
