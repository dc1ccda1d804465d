"""What a network is shown for one decision: one number per input channel.

Side by side: the observation, the last action, what the learner was told for it, and a constant.
Indices are one-hot, numbers are population codes (``encoding``). Nothing is shown of an observation
that is always the same, nor of an action and a reward before the first one.
"""

from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Interface
from spikeloop.workers.encoding import PopulationCode, one_hot


@dataclass(frozen=True)
class Channels:
    """The input channels of a family's learners.

    Attributes:
        interface: of the family.
        per_value: channels of each element of an observation or action vector.
        feedback: channels of what the learner is told, over ``feedback_range``. With 2 of them, one
            stands for a reward of 0 and one for a reward of 1.
        width: of tuning curves, in spacings between channels; narrow ones are nearly one-hot.
        feeds_action: whether the last action is shown.
    """

    interface: Interface
    per_value: int = 10
    feedback: int = 2
    width: float = 0.5
    feeds_action: bool = True

    @property
    def parts(self) -> dict[str, int]:
        """Channels of each part, in order: observation, action, told and bias, if there are any."""
        return {name: n for name, (n, _) in self._parts().items() if n}

    @property
    def n(self) -> int:
        """All channels."""
        return sum(self.parts.values())

    @property
    def n_shown(self) -> int:
        """Values shown at the same time, each by about one channel at its full height."""
        return sum(shown for n, shown in self._parts().values() if n)

    def encode(
        self,
        observation: IntArray | FloatArray,
        action: IntArray | FloatArray | None,
        feedback: FloatArray | None,
    ) -> FloatArray:
        """What the episodes are shown now.

        Args:
            observation: (n_episodes,) indices or (n_episodes, n_observations) vectors.
            action: (n_episodes,) indices or (n_episodes, n_actions) vectors; None before the first.
            feedback: (n_episodes,) rewards or targets; None before the first.

        Returns:
            (n_episodes, n) in [0, 1].
        """
        task, n_episodes = self.interface, len(observation)
        shown = np.zeros((n_episodes, self.n))
        column = 0
        for name, n in self.parts.items():
            part = shown[:, column : column + n]
            if name == "observation":
                part[:] = self._coded(
                    observation, task.observations, task.n_observations, task.observation_range
                )
            elif name == "action" and action is not None:
                part[:] = self._coded(action, task.actions, task.n_actions, task.action_range)
            elif name == "feedback" and feedback is not None:
                part[:] = PopulationCode(*task.feedback_range, self.feedback, self.width).encode(
                    feedback[:, None]
                )
            elif name == "bias":
                part[:] = 1.0
            column += n
        return shown

    def _parts(self) -> dict[str, tuple[int, int]]:
        """Channels of each part, and the values that it shows at the same time."""
        task = self.interface
        seen = (task.n_observations * self.per_value, task.n_observations)
        if task.observations == "discrete":
            seen = (task.n_observations if task.n_observations > 1 else 0, 1)
        done = (task.n_actions * self.per_value, task.n_actions)
        if task.actions == "discrete":
            done = (task.n_actions, 1)
        if not self.feeds_action:
            done = (0, 0)
        return {"observation": seen, "action": done, "feedback": (self.feedback, 1), "bias": (1, 1)}

    def _coded(
        self, values: IntArray | FloatArray, kind: str, n: int, range_: tuple[float, float]
    ) -> FloatArray:
        if kind == "discrete":
            shown: FloatArray = one_hot(values.astype(np.int64), n)
        else:
            vectors = values.astype(np.float64).reshape(len(values), n)
            shown = PopulationCode(*range_, self.per_value, self.width).encode(vectors)
        return shown
