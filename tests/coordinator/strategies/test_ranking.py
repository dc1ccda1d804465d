import numpy as np
import pytest
from support.statistical_asserts import assert_mean

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.coordinator.strategies.ranking import best_first, next_incumbent
from spikeloop.tasks.base import FloatArray

ALPHA = 1e-4


def test_the_best_come_first() -> None:
    points = np.random.default_rng(0).standard_normal((4, 2))
    np.testing.assert_array_equal(
        best_first(points, np.array([2.0, -1.0, 1e300, 3.0])), [2, 3, 0, 1]
    )


def test_ties_do_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((8, 3))
    fitness = np.array([1.0, 5, 1, 1, 7, 1, -2, 1])
    ranked = points[best_first(points, fitness)]
    np.testing.assert_array_equal(ranked[[0, 1, 7]], points[[4, 1, 6]])
    for _ in range(20):
        order = rng.permutation(8)
        shuffled = best_first(points[order], fitness[order])
        np.testing.assert_array_equal(points[order][shuffled], ranked)


def test_a_plateau_has_no_preferred_direction() -> None:
    """The first of five equals is no different from the others; by coordinate it would be."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((4000, 5, 3))
    first = np.array([p[best_first(p, np.zeros(5))[0]] for p in points])
    for column in first.T:
        assert_mean(column, 0.0, ALPHA / 3)
    with pytest.raises(AssertionError):
        assert_mean(points[:, :, 0].max(axis=1), 0.0, ALPHA / 3)


@pytest.mark.parametrize(
    ("fitness", "row", "age"),
    [
        ([0.0, 3.0, 2.0], 1, 0),  # the best of this generation, whatever won before
        ([2.0, 2.0, 1.0], 0, 6),  # a tie keeps the incumbent
        ([np.nan, -1e9, np.nan], 1, 0),  # a failed incumbent is replaced
    ],
)
def test_the_next_incumbent_is_the_best_of_the_generation(
    fitness: list[float], row: int, age: int
) -> None:
    points: FloatArray = np.arange(6, dtype=np.float64).reshape(3, 2)
    found = next_incumbent(points[0].copy(), 5, Explicit(points), Evaluation(np.array(fitness)))
    expected = points[row].copy()
    points[:] = 7.0  # the incumbent does not share memory with the population
    np.testing.assert_array_equal(found[0], expected)
    assert found[1] == age
