"""CMA-ES against the plain library, and what is ours: failures, folding, saved state."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from cmaes import CMA, SepCMA
from support.search_steps import ask_points, begin, tell_fitness, tell_repeatedly
from support.statistical_asserts import assert_better

from spikeloop.coordinator.strategies.base import Evaluation, from_arrays, to_arrays
from spikeloop.coordinator.strategies.cma_es import CmaEs, reflect, restore
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Real, Weights
from spikeloop.workers.space import ParameterSpace, fold

UNBOUNDED = ParameterSpace.of(
    {
        "w": Weights((6,), 1.0),
    }
)
BOX = ParameterSpace.of({"a": Real(0, 1, 0.2), "b": Real(0, 1, 0.7), "w": Weights((2,), 1.0)})
LIBRARY = {"full": CMA, "diagonal": SepCMA}
Covariance = Literal["full", "diagonal"]
both = pytest.mark.parametrize("covariance", ["full", "diagonal"])


def quadratic(points: FloatArray) -> FloatArray:
    """Ill-conditioned and rotated, so that covariance and paths have something to learn."""
    n = points.shape[-1]
    mixed = (points - 0.6) @ (np.eye(n) + 0.4 * np.ones((n, n)))
    return np.asarray(-(mixed**2 * np.logspace(0, 2, n)).sum(axis=-1))


@both
def test_twenty_generations_are_those_of_the_plain_library(covariance: Covariance) -> None:
    """To the bit: samples, mean, step size, covariance and paths, through saved arrays each time.

    One library object runs through all generations; ours is built anew for each ask and tell.
    """
    strategy = CmaEs(covariance=covariance, sigma=0.3, population_size=12)
    rng, seeds = np.random.default_rng(0), np.random.default_rng(0)
    start = np.linspace(-1, 1, 6)
    state = begin(strategy, UNBOUNDED, start)
    library = LIBRARY[covariance](mean=start.copy(), sigma=0.3, population_size=12)
    for _ in range(20):
        library.reseed_rng(int(seeds.integers(2**32)))
        points = np.array([library.ask() for _ in range(12)])
        library.tell([(point, -quadratic(point)) for point in points])

        pop = strategy.ask(state, rng)
        np.testing.assert_array_equal(pop.points, points)
        state = strategy.tell(state, pop, Evaluation(quadratic(pop.points)), rng)
        state = from_arrays(CmaEs.State, to_arrays(state))
        np.testing.assert_array_equal(state.mean, library._mean)
        np.testing.assert_array_equal(state.covariance, library._C)
        np.testing.assert_array_equal(state.path_sigma, library._p_sigma)
        np.testing.assert_array_equal(state.path_covariance, library._pc)
        assert (state.sigma, state.generation) == (library._sigma, library.generation)
    assert strategy.summary(state)["axis_ratio"] > 1.5  # it did learn something


@both
@pytest.mark.parametrize("name", ["covariance", "path_sigma", "path_covariance"])
def test_every_field_of_the_state_matters(covariance: Covariance, name: str) -> None:
    """Negative control of the test above: without one of the fields the search differs."""
    strategy = CmaEs(covariance=covariance, sigma=0.3, population_size=12)
    first = begin(strategy, UNBOUNDED)
    state = tell_repeatedly(strategy, first, quadratic, 5)
    lost = replace(state, **{name: getattr(first, name)})
    whole, without = (tell_repeatedly(strategy, s, quadratic, 8, seed=2) for s in (state, lost))
    assert not np.array_equal(whole.mean, without.mean)


@both
def test_restoring_sets_no_attribute_that_the_library_does_not_have(covariance: Covariance) -> None:
    """A renamed attribute would be set beside the real one, and ignored."""
    strategy = CmaEs(covariance=covariance)
    state = begin(strategy, UNBOUNDED)
    plain = LIBRARY[covariance](mean=np.zeros(6), sigma=strategy.sigma)
    assert vars(restore(state, 8)).keys() == vars(plain).keys()
    assert restore(replace(state, generation=7), 8).generation == 7


@both
def test_failures_leave_a_generation_of_the_others(covariance: Covariance) -> None:
    """Constants too are those of the smaller population, as the library derives them."""
    strategy = CmaEs(covariance=covariance, population_size=10)
    state = begin(strategy, UNBOUNDED)
    points, alive = ask_points(strategy, state), ~np.isin(np.arange(10), [0, 3, 4])
    updated = tell_fitness(strategy, state, np.where(alive, quadratic(points), np.nan))
    library = LIBRARY[covariance](mean=np.zeros(6), sigma=0.15, population_size=7)
    library.tell(list(zip(points[alive], -quadratic(points[alive]), strict=True)))
    np.testing.assert_array_equal(updated.mean, library._mean)
    np.testing.assert_array_equal(updated.covariance, library._C)
    assert updated.sigma == library._sigma


@both
@pytest.mark.parametrize("n_alive", [3, 4])
def test_too_few_survivors_teach_nothing(covariance: Covariance, n_alive: int) -> None:
    strategy = CmaEs(covariance=covariance, population_size=8)
    state = tell_repeatedly(strategy, begin(strategy, UNBOUNDED), quadratic, 2)
    fitness = np.where(np.arange(8) < n_alive, quadratic(ask_points(strategy, state)), np.nan)
    updated = to_arrays(tell_fitness(strategy, state, fitness))
    assert updated["generation"] == 3
    for name, before in to_arrays(state).items():
        if name not in ("generation", "bounded"):
            assert np.array_equal(updated[name], before) == (n_alive < 4), name


@both
def test_folding_the_mean_leaves_the_law_of_folded_points(covariance: Covariance) -> None:
    """Exactly: the mirrored draws of the one law are draws of the other, point for point."""
    strategy = CmaEs(covariance=covariance)
    state = tell_repeatedly(strategy, begin(strategy, BOX), quadratic, 4)
    outside = replace(state, mean=np.array([-0.3, 2.4, -0.3, 2.4]))
    inside = reflect(outside)
    np.testing.assert_allclose(inside.mean, [0.3, 0.4, -0.3, 2.4])
    signs = np.array([-1.0, 1.0, 1.0, 1.0])  # 2.4 is two reflections away
    draws = 0.5 * np.random.default_rng(0).standard_normal((100, 4))
    np.testing.assert_allclose(
        fold(outside.mean + draws, BOX.bounded()),
        fold(inside.mean + signs * draws, BOX.bounded()),
        atol=1e-12,
    )
    c = outside.covariance
    expected = c if covariance == "diagonal" else np.diag(signs) @ c @ np.diag(signs)
    np.testing.assert_array_equal(inside.covariance, expected)
    np.testing.assert_array_equal(inside.path_sigma, signs * outside.path_sigma)
    np.testing.assert_array_equal(inside.path_covariance, signs * outside.path_covariance)
    beyond = replace(state, mean=np.array([3.0, 0.5, 0.5, 0.5]), sigma=1e-3)
    assert tell_fitness(strategy, beyond, quadratic).mean[0] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    "covariance", ["diagonal", pytest.param("full", marks=pytest.mark.exhaustive)]
)
def test_a_converged_search_stays_as_it_is(covariance: Covariance) -> None:
    """Without noise σ shrinks without end, until the library divides by a covariance of 0."""
    strategy = CmaEs(covariance=covariance)
    state = tell_repeatedly(strategy, begin(strategy, UNBOUNDED), quadratic, 700)
    assert 1e-14 < strategy.summary(state)["sigma"] < 1e-12
    later = tell_repeatedly(strategy, state, quadratic, 3)
    assert later.generation == 703
    np.testing.assert_array_equal(later.mean, state.mean)
    np.testing.assert_array_equal(later.covariance, state.covariance)
    np.testing.assert_allclose(later.mean, 0.6, atol=1e-7)


def test_one_dimension_has_no_diagonal_variant_of_its_own() -> None:
    space = ParameterSpace.of(
        {
            "a": Real(0, 1, 0.2),
        }
    )
    full, diagonal = (
        tell_repeatedly(strategy, begin(strategy, space), quadratic, 5)
        for strategy in (CmaEs(covariance="full"), CmaEs(covariance="diagonal"))
    )
    assert full.mean == diagonal.mean == pytest.approx(0.6, abs=0.05)


def test_a_full_covariance_is_refused_where_it_would_not_fit() -> None:
    space = ParameterSpace.of(
        {
            "w": Weights((1001,), 1.0),
        }
    )
    with pytest.raises(ValueError, match="'diagonal' above 1000 dimensions, got 'full' for 1001"):
        begin(CmaEs(covariance="full"), space)


@pytest.mark.exhaustive
def test_a_full_covariance_pays_where_parameters_belong_together() -> None:
    """Without noise, on a rotated ellipsoid, 60 generations; the diagonal must not pass."""
    full, diagonal = (
        [
            float(quadratic(tell_repeatedly(s, begin(s, UNBOUNDED), quadratic, 60, seed).mean))
            for seed in range(12)
        ]
        for s in (CmaEs(covariance=c, population_size=12) for c in ("full", "diagonal"))
    )
    assert_better(full, diagonal, alpha=0.01)
    with pytest.raises(AssertionError):
        assert_better(diagonal, full, alpha=0.01)
