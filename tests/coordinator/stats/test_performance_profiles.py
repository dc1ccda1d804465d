"""Performance profiles: shares by hand, and their band."""

import numpy as np
from support.statistical_asserts import rng

from spikeloop.coordinator.stats.performance_profiles import performance_profile


def test_profile_counts_runs_at_or_above() -> None:
    found = performance_profile([0.2, 0.5, 0.5, np.nan], [0.0, 0.2, 0.3, 0.5, 0.6], rng(0))
    np.testing.assert_allclose(found.share, [0.75, 0.75, 0.5, 0.5, 0.0])
    assert found.n == 4
    assert (found.low <= found.share).all()
    assert (found.share <= found.high).all()
    assert found.high[0] == 1.0  # the failed run is not always drawn
    assert found.low[0] == 0.25
    one = performance_profile([0.3], [0.0, 1.0], rng(0))
    np.testing.assert_array_equal(one.share, [1.0, 0.0])
    assert np.isnan(one.low).all()
    assert np.isnan(performance_profile([], [0.0], rng(0)).share).all()
