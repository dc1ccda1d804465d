"""Let a policy see what it did last and what it earned, as learning to learn needs it."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, flatdim, flatten, flatten_space
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray


class LastActionAndReward(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Append the last action and its reward to the observation.

    A network with a state can find out within an episode which task it is in only if it sees the
    consequences of its actions (Wang et al. 2016, "Learning to reinforcement learn",
    arXiv:1611.05763; Duan et al. 2016, "RL²", arXiv:1611.02779).

    Observations become float32 vectors: the observation, one-hot where it is an index; the last
    action, one-hot where it is an index; the reward for it. In an episode's first step action and
    reward are 0. It wraps any environment whose spaces Gymnasium can flatten into a vector.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        """Take the environment.

        Raises:
            ValueError: a space cannot be flattened into a vector.
        """
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        shown = flatten_space(env.observation_space)
        acted = flatten_space(env.action_space)
        if not isinstance(shown, Box) or not isinstance(acted, Box):
            raise ValueError(
                "observations and actions must be spaces that flatten to vectors, got "
                f"{env.observation_space} and {env.action_space}"
            )
        self._n_actions = flatdim(env.action_space)
        low, high = (
            np.concatenate([getattr(shown, bound), getattr(acted, bound), [end]])
            for bound, end in (("low", -np.inf), ("high", np.inf))
        )
        if not _contains_zero(acted):
            edge = acted.low.size
            low[-1 - edge : -1] = np.minimum(low[-1 - edge : -1], 0.0)
            high[-1 - edge : -1] = np.maximum(high[-1 - edge : -1], 0.0)
        self.observation_space = Box(low.astype(np.float32), high.astype(np.float32))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode, with action and reward 0."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._joined(observation, np.zeros(self._n_actions), 0.0), info

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Advance by one step and append the action and its reward to what is seen after it."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        acted = flatten(self.env.action_space, action)
        seen = self._joined(observation, acted, float(reward))
        return seen, float(reward), terminated, truncated, info

    def _joined(self, observation: Any, action: Any, reward: float) -> NDArray[np.float32]:
        shown = flatten(self.env.observation_space, observation)
        return np.concatenate([shown, action, [reward]]).astype(np.float32)


def _contains_zero(space: Box) -> bool:
    """Tell whether 0, which stands for no action yet, is within the bounds of an action."""
    return bool((space.low <= 0).all() and (space.high >= 0).all())
