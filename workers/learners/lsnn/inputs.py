"""What the network is shown for one decision: one number in [0, 1] for each input channel.

Side by side: the observation, the last action, what the learner was told for it, the number of the
decision, and a constant. Indices are one-hot and numbers are population codes (``encoding``). Of an
observation that is always the same nothing is shown, nor of action and reward before the first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.workers.encoding import PopulationCode, one_hot


@dataclass(frozen=True)
class Inputs:
    """The input channels of a network in a family of tasks.

    Attributes:
        interface: of the family.
        per_value: channels of each element of an observation or action vector.
        feedback: channels of what the learner is told; where few values can be told, it has one
            channel for each of them instead.
        trial: channels of the number of the decision, over an episode; 0 for none.
        width: of tuning curves, in spacings between channels.
        feedback_share: of the told range, about its middle, over which channels are spread.
        shows_action: whether the last action is shown.
        shows_feedback: whether it is shown what the learner was told.
    """

    interface: Interface
    per_value: int
    feedback: int
    trial: int
    width: float
    feedback_share: float
    shows_action: bool
    shows_feedback: bool

    @property
    def parts(self) -> dict[str, int]:
        """Channels of each part, in order, without those that have none."""
        task = self.interface
        seen = task.n_observations
        seen = seen * self.per_value if task.observations == "continuous" else seen * (seen > 1)
        done = task.n_actions * (self.per_value if task.actions == "continuous" else 1)
        feedback = len(task.feedback_values) or self.feedback
        parts = {
            "observation": seen,
            "action": done * self.shows_action,
            "feedback": feedback * self.shows_feedback,
            "trial": self.trial,
            "bias": 1,
        }
        return {name: n for name, n in parts.items() if n}

    @property
    def n(self) -> int:
        """All channels."""
        return sum(self.parts.values())

    @property
    def power(self) -> float:
        """About the sum of the squares of all channels: how strongly they drive a neuron."""
        curve = max(1.0, np.sqrt(np.pi) * self.width)
        task = self.interface
        one_hot_feedback = bool(task.feedback_values)
        powers = {
            "observation": task.n_observations * curve if task.observations != "discrete" else 1.0,
            "action": task.n_actions * curve if task.actions != "discrete" else 1.0,
            "feedback": 1.0 if one_hot_feedback else curve,
            "trial": curve,
            "bias": 1.0,
        }
        return float(sum(powers[name] for name in self.parts))

    @property
    def usual(self) -> FloatArray:
        """(n,) mean of each channel if all its values come alike; 0 for the constant one."""
        task = self.interface
        codes = {
            "observation": task.observations == "continuous",
            "action": task.actions == "continuous",
            "feedback": not task.feedback_values,
            "trial": True,
            "bias": False,
        }
        numbers = {"observation": task.n_observations, "action": task.n_actions}
        means = []
        for name, n in self.parts.items():
            mean = 0.0 if name == "bias" else 1.0 / n
            if codes[name]:
                each = n // numbers.get(name, 1)
                values = np.linspace(0.0, 1.0, 1001)[:, None]
                mean = float(PopulationCode(0.0, 1.0, each, self.width).encode(values).mean())
            means.append(np.full(n, mean))
        return np.concatenate(means)

    def encode(self, xp: Any, observation: Any, action: Any, feedback: Any, step: Any) -> Any:
        """What the episodes are shown now.

        Args:
            xp: the array library.
            observation: (n_episodes,) indices or (n_episodes, n_observations) vectors.
            action: (n_episodes,) indices or (n_episodes, n_actions) vectors; anything before the
                first.
            feedback: (n_episodes,) rewards or targets; anything before the first.
            step: the number of the decision, from 0; a scalar.

        Returns:
            (n_episodes, n) in [0, 1].
        """
        task, n_episodes = self.interface, observation.shape[0]
        begun = step > 0
        shown = []
        for name in self.parts:
            if name == "observation":
                kind, n, limits = task.observations, task.n_observations, task.observation_range
                shown.append(self._coded(xp, observation, kind, n, limits))
            elif name == "action":
                kind, n, limits = task.actions, task.n_actions, task.action_range
                shown.append(self._coded(xp, action, kind, n, limits) * begun)
            elif name == "feedback":
                shown.append(self._told(xp, feedback) * begun)
            elif name == "trial":
                code = PopulationCode(0.0, float(max(task.n_steps - 1, 1)), self.trial, self.width)
                shown.append(code.encode(xp.full((n_episodes, 1), 1.0) * step, xp))
            else:
                shown.append(xp.ones((n_episodes, 1)))
        return xp.concatenate(shown, axis=1)

    def _told(self, xp: Any, feedback: Any) -> Any:
        if values := self.interface.feedback_values:
            distance = xp.abs(feedback[:, None] - xp.asarray(values, feedback.dtype))
            return one_hot(distance.argmin(axis=1), len(values), xp)
        low, high = self.interface.feedback_range
        middle, half = (low + high) / 2, self.feedback_share * (high - low) / 2
        code = PopulationCode(middle - half, middle + half, self.feedback, self.width)
        return code.encode(feedback[:, None], xp)

    def _coded(self, xp: Any, values: Any, kind: str, n: int, limits: tuple[float, float]) -> Any:
        if kind == "discrete":
            return one_hot(values, n, xp)
        code = PopulationCode(*limits, self.per_value, self.width)
        return code.encode(values.reshape(values.shape[0], n), xp)
