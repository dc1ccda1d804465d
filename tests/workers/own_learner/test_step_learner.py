"""A learner as begin, act and observe: state belongs to the episode, settings stay."""

import copy
from typing import Any

import numpy as np
import pytest
from episode_learners import DeltaRule
from pydantic import ValidationError
from support.learner_cases import default_episodes

from spikeloop.tasks.bandit import Bandit

FAMILY = Bandit(n_steps=20)


def test_no_state_of_an_episode_stays_on_the_learner() -> None:
    learner = DeltaRule(prior=0.5)
    before = copy.deepcopy(learner)
    first = default_episodes(learner, FAMILY, 3)
    assert vars(learner) == vars(before) == {"prior": 0.5}
    np.testing.assert_array_equal(first.curve, default_episodes(learner, FAMILY, 3).curve)


def test_settings_cannot_be_changed() -> None:
    learner: Any = DeltaRule()
    with pytest.raises(ValidationError, match="frozen"):
        learner.prior = 2.0
    with pytest.raises(ValidationError, match="posterior"):
        DeltaRule(posterior=1.0)  # type: ignore[call-arg]
