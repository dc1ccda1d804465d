"""Intervals and bands: exact values, and a width by theory."""

import numpy as np
import pytest

from spikeloop.coordinator.stats import bootstrap
from spikeloop.coordinator.stats.bootstrap import (
    N_RESAMPLES,
    draw_counts,
    mean_band,
    resampled_means,
    share,
)


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_share_has_the_wilson_interval() -> None:
    # (k + z²/2 ± z √(k(n − k)/n + z²/4)) / (n + z²)
    z, k, n = 1.959963984540054, 7, 20
    half = z * np.sqrt(k * (n - k) / n + z**2 / 4)
    found = share(np.arange(n) < k)
    low, high = ((k + z**2 / 2 + sign * half) / (n + z**2) for sign in (-1, 1))
    np.testing.assert_allclose((found.value, found.low, found.high), (k / n, low, high))
    assert found.n == n
    nothing = share(np.zeros(0, dtype=np.bool_))
    assert nothing.n == 0
    assert np.isnan(nothing.value)


def test_a_band_is_the_percentiles_of_resampled_means() -> None:
    values = np.array([[1.0, 5.0], [3.0, 5.0]])
    weights = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])  # means of the first: 1, 2, 3
    band = mean_band(values, weights)
    np.testing.assert_allclose(band.mean, [2, 5])
    np.testing.assert_allclose(band.low, [1.05, 5])
    np.testing.assert_allclose(band.high, [2.95, 5])
    assert band.at(0).n == 2


def test_the_size_of_parts_changes_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor any mean, but for its last bits."""
    values = rng().normal(size=(30, 4))
    whole = rng().multinomial(30, np.full(30, 1 / 30), size=N_RESAMPLES)
    means = resampled_means(values, whole)
    monkeypatch.setattr(bootstrap, "AT_ONCE", 7 * 30)
    parts = draw_counts(30, N_RESAMPLES, rng())
    np.testing.assert_array_equal(parts, whole)
    np.testing.assert_allclose(resampled_means(values, parts), means, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(means, whole @ values / 30, rtol=1e-12, atol=1e-15)
    assert parts.nbytes == 30 * N_RESAMPLES


def test_a_band_of_many_normal_numbers_is_as_wide_as_theory_says() -> None:
    # The spread of a bootstrap bound at 2000 resamples is 2 % of the width, the sample's 2 %.
    x = rng().normal(size=(1000, 1))
    band = mean_band(x, draw_counts(1000, N_RESAMPLES, rng()))
    assert float(band.high[0] - band.low[0]) == pytest.approx(2 * 1.96 / np.sqrt(1000), rel=0.15)
