"""Choosing few terms: planted sums, correlated columns, and changes in another order."""

import numpy as np
import pytest

from spikeloop.coordinator.interpretation.rule.sparse_regression import (
    chosen,
    explained_share,
    least_squares,
    path,
    products_of,
    resampled_coefficients,
    selection_shares,
)
from spikeloop.coordinator.stats.bootstrap import draw_counts
from spikeloop.tasks.base import FloatArray

TRUTH = np.array([0.5, 0.0, -0.3, 0.0, 0.0, 0.2, 0.0, 0.0])


def planted(noise: float, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """50 episodes of 40 rows whose columns correlate by .5 to .98."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((50, 40, 1))
    own = rng.standard_normal((50, 40, TRUTH.size)) * np.linspace(0.15, 1, TRUTH.size)
    design = common + own
    return design, design @ TRUTH + noise * rng.standard_normal((50, 40))


def test_planted_terms_are_chosen_and_no_others() -> None:
    design, target = planted(noise=0.01)
    products = products_of(design, target)
    fit = chosen(products.summed(), 50)
    assert fit.support == tuple(np.flatnonzero(TRUTH))
    np.testing.assert_allclose(fit.coefficients, TRUTH, atol=0.01)
    assert explained_share(fit, products.summed()) > 0.99
    shares = selection_shares(products, draw_counts(50, 20, np.random.default_rng(1)))
    assert (shares[TRUTH != 0] == 1).all()
    assert (shares[TRUTH == 0] < 0.5).all()


def test_changes_in_another_order_are_not_explained() -> None:
    design, target = planted(noise=0.01)
    mixed = np.random.default_rng(2).permuted(target, axis=1)
    whole = products_of(design, mixed).summed()
    assert explained_share(chosen(whole, 50), whole) < 0.05


def test_r2_is_that_of_the_residuals_on_other_rows() -> None:
    design, target = planted(noise=0.3)
    fit = least_squares(products_of(design[:25], target[:25]).summed(), range(TRUTH.size))
    residual = target[25:] - design[25:] @ fit.coefficients
    expected = 1 - (residual**2).sum() / ((target[25:] - target[25:].mean()) ** 2).sum()
    found = explained_share(fit, products_of(design[25:], target[25:]).summed())
    assert found == pytest.approx(expected)


def test_the_path_goes_from_no_term_to_all_with_ever_smaller_errors() -> None:
    design, target = planted(noise=0.3)
    fits = path(products_of(design, target).summed())
    numbers = [len(fit.support) for fit in fits]
    assert numbers[0] == 0
    assert numbers[-1] == TRUTH.size
    assert numbers == sorted(numbers)
    assert fits[-1].residual < fits[0].residual
    assert path(products_of(np.zeros((3, 4, 2)), np.ones((3, 4))).summed())[0].support == ()


def test_intervals_of_coefficients_hold_the_truth() -> None:
    """Over 40 planted samples: 95 % intervals miss more than 12 of 120 with a chance below .02."""
    missed = 0
    for seed in range(40):
        design, target = planted(noise=0.3, seed=seed)
        counts = draw_counts(50, 200, np.random.default_rng(seed))
        support = np.flatnonzero(TRUTH).tolist()
        found = resampled_coefficients(products_of(design, target), support, counts)
        low, high = np.quantile(found[:, support], [0.025, 0.975], axis=0)
        missed += int(((TRUTH[support] < low) | (TRUTH[support] > high)).sum())
    assert missed <= 12
