"""Values of Θ that are not finite fail the episodes of their candidate, and no others.

A potential that is no number never spikes, so such a network would look like a silent one.
"""

import numpy as np
import pytest
from support.learner_cases import case

from spikeloop.tasks.bandit import Bandit

COLUMNS = {
    "brian_rstdp": ["eta", "noise", "input_rate"],
    "brian_liquid": ["spectral_radius", "feedback_scale", "ridge"],
    "brian_recurrent": ["input_weights_0", "recurrent_weights_0", "readout_weights_0"],
    "lsnn": ["input_weights_3", "recurrent_weights_1", "readout_bias_0"],
}
SOFTMAX = {"choice": "softmax"}


@pytest.mark.parametrize(
    ("kind", "family", "settings"),
    [
        pytest.param("brian_rstdp", None, {}, marks=pytest.mark.brian),
        pytest.param("brian_liquid", None, {}, marks=pytest.mark.brian),
        pytest.param("brian_recurrent", None, {}, marks=pytest.mark.brian),
        pytest.param("brian_recurrent", Bandit(n_steps=12), SOFTMAX, marks=pytest.mark.brian),
        ("lsnn", None, {}),
    ],
)
def test_values_that_are_not_finite_fail_their_episodes_only(
    kind: str, family: Bandit | None, settings: dict[str, str]
) -> None:
    whole = case(kind, family, **settings)
    expected, finite = whole.run_episodes(), whole.parameters.values.copy()
    values = (np.nan, np.inf, -np.inf) if kind == "lsnn" else (np.nan,) * 3
    for name, bad in zip(COLUMNS[kind], values, strict=True):
        whole.parameters.values[:] = finite
        whole.parameters.values[1, whole.parameters.space.columns.index(name)] = bad
        found = whole.run_episodes()
        assert np.isnan(found.returns[1]).all()
        assert np.isnan(found.curve[1]).all()
        np.testing.assert_array_equal(found.returns[[0, 2]], expected.returns[[0, 2]])
        np.testing.assert_array_equal(found.curve[[0, 2]], expected.curve[[0, 2]])
