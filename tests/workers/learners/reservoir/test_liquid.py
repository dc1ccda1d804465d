"""Random reservoirs: the effect of every hyperparameter of the architecture."""

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_law, assert_rate

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.learners.reservoir.liquid import Liquid
from spikeloop.workers.learners.reservoir.sample_order import curriculum_order

N = 60
LIQUID = Liquid.draw(network=3, n=N, connectivity=0.5, longest_delay=4)


def array(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


def matrix(liquid: Liquid, n: float, p: float, share: float, radius: float) -> FloatArray:
    """Weights of one candidate, from row to column."""
    weights = np.zeros((liquid.n, liquid.n))
    weights[liquid.pre, liquid.post] = liquid.weights(
        array(n), array(p), array(share), array(radius)
    )[0]
    return weights


def test_absent_neurons_have_no_weights() -> None:
    weights = matrix(LIQUID, 40, 0.5, 0.8, 1.0)
    assert (weights[40:] == 0).all()
    assert (weights[:, 40:] == 0).all()
    assert weights[:40, :40].any(axis=0).all()
    assert weights[:40, :40].any(axis=1).all()
    fed = LIQUID.feeding(7, array(40, N))
    assert fed.shape == (2, 7, N)
    assert (fed[0, :, 40:] == 0).all()
    assert (fed[0, :, :40] == fed[1, :, :40]).all()
    assert (fed[1] != 0).all()


def test_connectivity_is_the_share_of_synapses() -> None:
    """False alarms 1e-4 each; the control is off by a tenth of the connectivity."""
    for p in (0.05, 0.2, 0.5):
        liquid = Liquid.draw(network=8, n=300, connectivity=0.5, longest_delay=1)
        weights = matrix(liquid, 200, p, 0.8, 1.0)
        assert not weights.diagonal().any()
        n_pairs = 200 * 199
        assert_rate(int(np.count_nonzero(weights)), n_pairs, p, alpha=1e-4, control=0.9 * p)


def test_more_connectivity_adds_synapses_and_takes_none_away() -> None:
    few, many = (matrix(LIQUID, N, p, 0.8, 1.0) != 0 for p in (0.1, 0.3))
    assert many[few].all()
    assert many.sum() > few.sum()


def test_a_larger_network_contains_the_smaller_one() -> None:
    larger = Liquid.draw(network=3, n=N + 20, connectivity=0.7, longest_delay=4)
    for n, p in ((20, 0.1), (60, 0.5)):
        expected = matrix(LIQUID, n, p, 0.7, 0.9)
        np.testing.assert_array_equal(matrix(larger, n, p, 0.7, 0.9)[:N, :N], expected)


def test_neurons_excite_or_inhibit() -> None:
    for n, share, expected in ((60, 0.8, 48), (50, 0.5, 25), (3, 0.2, 1), (2, 0.9, 1)):
        weights = matrix(LIQUID, n, 0.5, share, 1.0)
        excites = LIQUID.excitatory(array(n), array(share))[0]
        assert excites.sum() == expected
        assert (weights[excites] >= 0).all()
        assert (weights[~excites] <= 0).all()
        if n > 10:
            balance = -weights[~excites].sum() / weights[excites].sum()
            assert balance == pytest.approx(1.0, abs=0.3)


def test_shares_of_adaptive_neurons_are_nested() -> None:
    n, share = array(50, 50, 50, 20), array(0.0, 0.3, 1.0, 0.5)
    adaptive = LIQUID.adaptive(n, share)
    assert list(adaptive.sum(axis=1)) == [0, 15, 50, 10]
    assert not adaptive[3, 20:].any()
    assert adaptive[2, :50].all()


def eigenvalues(n: int, p: float, share: float, radius: float) -> FloatArray:
    """(12, n) absolute eigenvalues of as many networks, by numpy."""
    liquids = [Liquid.draw(network, n, p, longest_delay=1) for network in range(12)]
    return np.array(
        [np.abs(np.linalg.eigvals(matrix(liquid, n, p, share, radius))) for liquid in liquids]
    )


@pytest.mark.parametrize("p", [0.15, 0.3])
def test_as_many_excitatory_as_inhibitory_neurons_fill_the_circle(p: float) -> None:
    """The circular law: uniform in a disc of radius ρ, the mean of |λ|² is ρ² / 2.

    Over 12 networks of 60 neurons its root has a standard error of about 0.01, the tolerance is
    0.06. The control forgets that weights of one sign have a mean, or takes half the connectivity.
    """
    found = np.sqrt(2 * np.mean(eigenvalues(60, p, 0.5, 0.8) ** 2))
    assert found == pytest.approx(0.8, rel=0.06)
    assert found != pytest.approx(0.8 / np.sqrt(2), rel=0.06)
    if p > 0.2:
        assert found != pytest.approx(0.8 * np.sqrt(1 - 2 * p / np.pi), rel=0.06)


def test_the_spectral_radius_is_about_that_of_the_weight_matrix() -> None:
    """Single eigenvalues lie beyond ρ, here by less than 0.2 in the median of 12 networks."""
    for share in (0.3, 0.8):
        largest = eigenvalues(60, 0.2, share, 1.5).max(axis=1)
        assert np.median(largest) == pytest.approx(1.5, rel=0.2)
        assert np.median(largest) != pytest.approx(1.5 * 2, rel=0.2)
    np.testing.assert_allclose(
        matrix(LIQUID, N, 0.2, 0.8, 1.5), 5 * matrix(LIQUID, N, 0.2, 0.8, 0.3), rtol=1e-12
    )


def test_weights_are_half_normal() -> None:
    """Kolmogorov–Smirnov, false alarms 1e-4; the control has a standard deviation 20 % off."""
    narrower = stats.halfnorm(scale=1 / 1.2).cdf
    assert_law(LIQUID.strengths, stats.halfnorm.cdf, alpha=1e-4, control=narrower)


def test_all_delays_are_about_equally_frequent() -> None:
    counts = np.bincount(LIQUID.delay_steps, minlength=5)
    assert counts[0] == 0
    assert counts.size == 5
    assert counts[1:].min() > 0.8 * counts[1:].mean()


def test_another_seed_is_another_network() -> None:
    other = Liquid.draw(network=4, n=N, connectivity=0.5, longest_delay=4)
    assert set(zip(other.pre, other.post, strict=True)) != set(
        zip(LIQUID.pre, LIQUID.post, strict=True)
    )
    again = Liquid.draw(network=3, n=N, connectivity=0.5, longest_delay=4)
    np.testing.assert_array_equal(again.strengths, LIQUID.strengths)


DIFFICULTY = np.array([[0.5, 0.1, 0.9, 0.3], [0.2, 0.2, 0.1, 0.2]])


@pytest.mark.parametrize(
    ("curriculum", "expected"),
    [
        (0.0, [[0, 1, 2, 3], [0, 1, 2, 3]]),
        (1.0, [[1, 3, 0, 2], [2, 0, 1, 3]]),
        (-1.0, [[2, 0, 3, 1], [0, 1, 3, 2]]),
        # Ranks in difficulty 2 0 3 1, in time 0 1 2 3, weighed 0.4 to 0.6: 0.8 0.6 2.4 2.2.
        (0.4, [[1, 0, 3, 2], [0, 2, 1, 3]]),
    ],
)
def test_curricula_order_samples(curriculum: float, expected: list[list[int]]) -> None:
    orders = curriculum_order(array(0.0, curriculum), DIFFICULTY)
    assert orders[:2].tolist() == [[0, 1, 2, 3]] * 2
    assert orders[2:].tolist() == expected
