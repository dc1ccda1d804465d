"""Of each learner and family: a configuration is refused in one line, or one episode runs."""

from itertools import product
from typing import Any

import pytest
from support.learner_cases import SETTINGS, default_episodes, quick

from spikeloop.coordinator.config.compatibility import refusal
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.errors import ConfigError
from spikeloop.tasks import FAMILIES
from spikeloop.workers.base import Episodes
from spikeloop.workers.learners import LEARNERS

CHEAP = {"chip", "tabular_td"}
"""Learners of which an episode of every family runs in each run of the tests."""
REFUSED = {("brian_td", "quadratic"), ("brian_rstdp", "quadratic"), ("brian_liquid", "maze")}
"""Of the other learners, pairs that take no time."""
PAIRS = [
    pytest.param(
        *pair, marks=[] if pair[0] in CHEAP or pair in REFUSED else [pytest.mark.exhaustive]
    )
    for pair in product(LEARNERS, FAMILIES)
]


def short(family: str) -> Any:
    settings: Any = FAMILIES[family]
    return settings(n_steps=4)


@pytest.mark.parametrize(("learner", "family"), PAIRS)
def test_a_learner_runs_on_a_family_or_is_refused_before(learner: str, family: str) -> None:
    tables = {
        "run": {},
        "family": {"kind": family, "n_steps": 4},
        "learner": {"kind": learner, **SETTINGS.get(learner, {})},
        "strategy": {"kind": "random_search"},
    }
    reason = refusal(quick(learner), short(family))
    if reason:
        with pytest.raises(ConfigError) as error:
            parse(tables, "pair.toml", None)
        assert str(error.value) == f"pair.toml: [learner] {reason}"
        assert "\n" not in reason
        return
    parse(tables, "pair.toml", None)
    episodes: Episodes = default_episodes(quick(learner), short(family), 1)
    assert episodes.returns.shape == (1, 1)


def test_some_pairs_run_and_some_are_refused() -> None:
    reasons = {
        (learner, family): refusal(quick(learner), short(family))
        for learner in CHEAP
        for family in FAMILIES
    }
    tables = {"random_mdp", "maze", "bandit", "reversal_bandit", "restless_bandit", "two_step"}
    assert {pair for pair, reason in reasons.items() if not reason} == {
        (learner, family) for learner in CHEAP for family in tables
    }
