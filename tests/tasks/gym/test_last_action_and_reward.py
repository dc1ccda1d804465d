"""A policy sees its last action and reward beside the observation."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.utils.env_checker import check_env

from spikeloop.tasks import FAMILIES
from spikeloop.tasks.gym import LastActionAndReward, make


@pytest.mark.parametrize("kind", FAMILIES)
def test_gymnasiums_checker_accepts_every_wrapped_family(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version")
        warnings.filterwarnings("ignore", ".*Box observation space m..imum value is -?inf")
        check_env(LastActionAndReward(make(kind, n_steps=20)), skip_render_check=True)


def test_observation_action_and_reward_stand_side_by_side() -> None:
    env = LastActionAndReward(make("two_step"))
    bare = make("two_step")
    n, n_actions = bare.family.interface.n_observations, bare.family.interface.n_actions
    shown, _ = env.reset(seed=1)
    seen, _ = bare.reset(seed=1)
    assert shown.dtype == np.float32
    np.testing.assert_array_equal(shown, [*np.eye(n)[seen], *np.zeros(n_actions), 0.0])
    for action in (1, 0, 1, 1):
        shown, *_ = env.step(action)
        seen, reward, *_ = bare.step(action)
        np.testing.assert_array_equal(shown, [*np.eye(n)[seen], *np.eye(n_actions)[action], reward])


def test_action_vectors_are_appended_as_they_were_given() -> None:
    env = LastActionAndReward(make("quadratic"))
    env.reset(seed=1)
    shown, reward, *_ = env.step(np.array([0.25], dtype=np.float32))
    np.testing.assert_array_equal(shown[-2:], np.array([0.25, reward], dtype=np.float32))


class Other(gymnasium.Env[Any, Any]):
    """Spaces of somebody else."""

    def __init__(self, observations: Any, actions: Any) -> None:
        self.observation_space, self.action_space = observations, actions


def test_the_first_steps_zeros_are_in_the_space_where_no_action_is_zero() -> None:
    env = LastActionAndReward(Other(Discrete(2), Box(1.0, 3.0, (2,))))
    space = env.observation_space
    assert isinstance(space, Box)
    np.testing.assert_array_equal(space.low, np.array([0, 0, 0, 0, -np.inf], dtype=np.float32))
    np.testing.assert_array_equal(space.high, np.array([1, 1, 3, 3, np.inf], dtype=np.float32))


def test_spaces_that_are_no_vectors_are_refused() -> None:
    sequences = gymnasium.spaces.Sequence(Discrete(3))
    with pytest.raises(ValueError, match="flatten to vectors"):
        LastActionAndReward(Other(sequences, Discrete(2)))
    LastActionAndReward(Other(Dict(a=Discrete(3), b=Box(0, 1, (2,))), Discrete(2)))
