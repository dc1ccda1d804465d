import numpy as np

from spikeloop.coordinator.interpretation.behaviour import functions, prediction_errors
from spikeloop.coordinator.interpretation.behaviour.prediction_errors import (
    LINE,
    NETWORK,
    PRIOR,
    certainly_below,
)
from spikeloop.coordinator.stats.bootstrap import N_RESAMPLES, draw_counts
from spikeloop.tasks.quadratic import Quadratic


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_certainly_below_needs_all_later_intervals_below() -> None:
    weights = draw_counts(50, N_RESAMPLES, rng())
    line = np.zeros((50, 5))

    def differing(*columns: float) -> int | None:
        return certainly_below(line + np.array(columns), line, weights)

    assert differing(-1, -1, -1, -1, -1) == 0
    assert differing(-1, 1, -1, 1, -1) == 4
    assert differing(1, 1, -1, -1, -1) == 2
    assert differing(-1, -1, -1, -1, 0) is None
    assert differing(-1, -1, -1, -1, 1) is None


def test_certainly_below_is_paired() -> None:
    """A small advantage on every function counts, whatever the functions differ by."""
    line = rng().exponential(size=(200, 3)) * 100
    weights = draw_counts(200, N_RESAMPLES, rng())
    assert certainly_below(line - 0.01, line, weights) == 0
    assert certainly_below(rng(6).permutation(line) - 0.01, line, weights) is None


def test_errors_of_known_answers() -> None:
    tasks = Quadratic(n_steps=30).sample(40, rng())
    right = prediction_errors.squared_errors(tasks, tasks.targets())
    np.testing.assert_array_equal(right[NETWORK], 0)
    mean = prediction_errors.squared_errors(tasks, np.full((40, 30), 0.5))
    np.testing.assert_allclose(mean[NETWORK], mean[PRIOR])
    np.testing.assert_allclose(mean[PRIOR].sum(axis=1), -tasks.references().random)
    assert list(mean) == [NETWORK, PRIOR, "running mean", LINE, "Bayes regression"]


def test_a_network_is_measured_against_the_line() -> None:
    tasks = Quadratic(n_steps=30).sample(300, rng())
    errors = prediction_errors.squared_errors(tasks, tasks.targets())
    assert prediction_errors.summarise(errors, rng()).below_line == 0
    same = prediction_errors.summarise({**errors, NETWORK: errors[LINE]}, rng())
    assert same.below_line is None
    np.testing.assert_array_equal(same.bands[NETWORK].low, same.bands[LINE].low)
    # After three samples or so a line lacks what Bayes regression has learned of the curvature.
    bayes = prediction_errors.summarise(
        {**errors, NETWORK: errors["Bayes regression"]}, rng()
    ).below_line
    assert bayes is not None
    assert 1 <= bayes <= 5


def test_stages_are_evenly_spaced_over_the_logarithm() -> None:
    assert functions.log_spaced([1, 2, 3], 8) == [1, 2, 3]
    assert functions.log_spaced(list(range(1, 1001)), 4) == [1, 10, 100, 1000]
    assert functions.log_spaced([], 4) == []
    assert functions.log_spaced([500 * k for k in range(1, 121)], 3) == [500, 5500, 60000]
