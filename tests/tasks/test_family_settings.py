"""Families refuse settings without a meaning in one line that names the key."""

from typing import Any

import pytest
from pydantic import ValidationError

from spikeloop.tasks import FAMILIES

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("bandit", {"n_arms": 1}, "n_arms"),
    ("bandit", {"arms": "dependent", "n_arms": 3}, "n_arms must be 2"),
    ("bandit", {"arms": "dependent_easy", "rewards": "gaussian"}, "arms of Gaussian rewards"),
    ("bandit", {"noise": 0.5}, "mean_spread and noise must be 1"),
    ("bandit", {"mean_spread": 2.0}, "mean_spread and noise must be 1"),
    ("restless_bandit", {"n_arms": 3}, "n_arms must be 2"),
    ("restless_bandit", {"low_volatility": 0.1}, "low_volatility must be less"),
    (
        "restless_bandit",
        {"arms": "independent", "n_arms": 64, "n_steps": 100_000},
        "n_arms times n_steps .* 6400000",
    ),
    ("informative_bandit", {"other_reward": 5.0}, "target_reward must be more"),
    ("informative_bandit", {"n_arms": 51}, "target_reward must be more .* 51"),
    ("two_step", {"n_steps": 7}, "n_steps must be even"),
    ("two_step", {"common": 0.5}, "common"),
    ("quadratic", {"input_range": 0.0}, "input_range"),
    ("maze", {"n_rows": 1, "n_columns": 1}, "n_rows times n_columns"),
    ("maze", {"bump": -3.0}, "bump"),
    ("random_mdp", {"n_states": 1}, "n_states"),
    ("random_mdp", {"n_states": 1024, "n_actions": 1024}, "n_actions times n_states squared"),
]


@pytest.mark.parametrize(("kind", "settings", "offender"), REFUSED)
def test_settings_without_a_meaning_are_refused(
    kind: str, settings: dict[str, Any], offender: str
) -> None:
    with pytest.raises(ValidationError, match=offender) as refused:
        FAMILIES[kind].model_validate(settings)  # type: ignore[attr-defined]
    assert refused.value.error_count() == 1
