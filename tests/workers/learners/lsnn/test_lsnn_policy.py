"""The entropy of a policy, and the bonus for it in the returns of a search."""

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy
from support.learner_cases import case

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.errors import ConfigError
from spikeloop.tasks.bandit import Bandit
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.learners.lsnn.policy import entropy_nat

BANDIT = Bandit(n_arms=3, n_steps=12)


def test_the_entropy_is_that_of_scipy() -> None:
    preferences = 3 * np.random.default_rng(0).standard_normal((50, 7))
    expected = entropy(softmax(preferences, axis=1), axis=1)
    np.testing.assert_allclose(entropy_nat(preferences), expected, rtol=1e-12)


def test_the_entropy_of_equal_preferences_is_the_logarithm_of_their_number() -> None:
    np.testing.assert_allclose(entropy_nat(np.full((2, 5), 8.0)), np.log(5), rtol=1e-15)


def test_a_certain_choice_has_no_entropy_however_far_the_others_are_behind() -> None:
    preferences = np.array([[0.0, -800.0, -1e30], [1e30, 0.0, -1e30]])
    np.testing.assert_allclose(entropy_nat(preferences), 0.0, atol=1e-200)


def test_returns_of_a_search_are_rewards_and_the_bonus() -> None:
    plain, praised = case("lsnn", BANDIT), case("lsnn", BANDIT, entropy_bonus=0.25)
    assert isinstance(plain.learner, Lsnn)
    assert isinstance(praised.learner, Lsnn)
    done = tile.trace(plain.learner, plain.parameters, plain.tasks, plain.seeds)
    bonus = 0.25 * entropy_nat(done.preferences).sum(axis=1)
    assert bonus.std() > 0.01
    without, with_bonus = plain.run_episodes(), praised.run_episodes()
    np.testing.assert_allclose(with_bonus.returns, without.returns + bonus, rtol=1e-12)
    held_out = praised.learner.without_bonus()
    assert held_out == plain.learner


def test_held_out_episodes_have_no_bonus() -> None:
    learner = {"kind": "lsnn", "entropy_bonus": 0.25, "n_neurons": 10}
    tables: dict[str, Any] = {"run": {}, "family": {"kind": "bandit"}, "learner": learner}
    config = parse({**tables, "strategy": {"kind": "evolution"}}, "a test", None)
    assert config.learner.model_dump(mode="json")["entropy_bonus"] == 0.25
    greedy = parse(
        {**tables, "strategy": {"kind": "evolution"}, "transfer": {"learner": {"explores": False}}},
        "a test",
        None,
    )
    again = {"entropy_bonus": 0.5}
    with pytest.raises(
        ConfigError, match=r"transfer\.learner.*entropy_bonus must be 0 in held-out"
    ):
        parse(
            {**tables, "strategy": {"kind": "evolution"}, "transfer": {"learner": again}},
            "a test",
            None,
        )
    for other, explores in (config, True), (greedy, False):
        settings = other.held_out_learner.model_dump(mode="json")
        assert (settings["entropy_bonus"], settings["explores"]) == (0.0, explores)
