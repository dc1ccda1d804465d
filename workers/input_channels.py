"""The input channels of a network: one number in [0, 1] for each of them and each decision.

Side by side: the observation, the last action, the feedback for it, the number of the decision, and
a constant. Indices are one-hot, 1 for their value and 0 for any other; numbers are population codes
(``encoding``). An observation that is always the same has no channels. Action and feedback show
nothing before the first decision.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.workers.encoding import PopulationCode, one_hot


@dataclass(frozen=True)
class ChannelGroup:
    """The channels of one part of the inputs, side by side.

    Attributes:
        name: "observation", "action", "feedback", "trial" or "bias".
        start: its first channel.
        values: (n,) what a channel stands for: its one value, or the centre of its curve.
        code: tuning curves of the channels; None for one-hot channels.
        repeats: numbers shown, for each of which there are such n channels, one after the other.
    """

    name: str
    start: int
    values: FloatArray
    code: PopulationCode | None = None
    repeats: int = 1

    @property
    def n(self) -> int:
        """Channels."""
        return len(self.values) * self.repeats

    @property
    def width(self) -> float:
        """Standard deviation of the curves, in units of the values; 0 for one-hot channels."""
        code = self.code
        return code.width * (code.high - code.low) / (code.n_per_dimension - 1) if code else 0.0

    @property
    def mean(self) -> float:
        """Mean of a channel over evenly drawn values; 0 for the constant one."""
        if self.name == "bias":
            return 0.0
        if self.code is None:
            return 1.0 / self.n
        values = np.linspace(0.0, 1.0, 1001)[:, None]
        code = PopulationCode(0.0, 1.0, self.code.n_per_dimension, self.code.width)
        return float(code.encode(values).mean())


@dataclass(frozen=True)
class InputChannels:
    """The input channels of a family's learners.

    Attributes:
        interface: of the family.
        per_value: channels of each element of an observation or action vector.
        feedback: channels of the feedback, over its range.
        width: of tuning curves, in spacings between channels; narrow ones are nearly one-hot.
        trial: channels of the number of the decision, over an episode; 0 for none.
        feedback_share: of the feedback's range, about its middle, over which channels are spread;
            None: they begin and end with the range.
        one_hot_feedback: whether feedback of few values has one channel for each of them instead.
        shows_action: whether the last action is shown.
        shows_feedback: whether the feedback is shown.
    """

    interface: Interface
    per_value: int = 10
    feedback: int = 2
    width: float = 0.5
    trial: int = 0
    feedback_share: float | None = None
    one_hot_feedback: bool = False
    shows_action: bool = True
    shows_feedback: bool = True

    @cached_property
    def groups(self) -> tuple[ChannelGroup, ...]:
        """All channels, in order."""
        task, groups, start = self.interface, list[ChannelGroup](), 0

        def add(name: str, values: Any, code: PopulationCode | None = None, n: int = 1) -> None:
            nonlocal start
            groups.append(ChannelGroup(name, start, np.asarray(values, dtype=float), code, n))
            start += groups[-1].n

        def add_numbers(name: str, n: int, low: float, high: float, repeats: int = 1) -> None:
            code = PopulationCode(low, high, n, self.width)
            add(name, code.centres, code, repeats)

        if task.observations == "continuous":
            add_numbers("observation", self.per_value, *task.observation_range, task.n_observations)
        elif task.n_observations > 1:
            add("observation", np.arange(task.n_observations))
        if self.shows_action and task.actions == "continuous":
            add_numbers("action", self.per_value, *task.action_range, task.n_actions)
        elif self.shows_action:
            add("action", np.arange(task.n_actions))
        if self.shows_feedback and self.one_hot_feedback and task.feedback_values:
            add("feedback", task.feedback_values)
        elif self.shows_feedback:
            low, high = task.feedback_range
            if self.feedback_share is not None:
                middle, half = (low + high) / 2, self.feedback_share * (high - low) / 2
                low, high = middle - half, middle + half
            add_numbers("feedback", self.feedback, low, high)
        if self.trial:
            add_numbers("trial", self.trial, 0.0, float(max(task.n_steps - 1, 1)))
        add("bias", [1.0])
        return tuple(groups)

    @property
    def parts(self) -> dict[str, int]:
        """Channels of each part, in order, without those that have none."""
        return {group.name: group.n for group in self.groups}

    @property
    def n(self) -> int:
        """All channels."""
        return sum(group.n for group in self.groups)

    @property
    def n_shown(self) -> int:
        """Values shown at the same time, each by about one channel at its full height."""
        return sum(group.repeats for group in self.groups)

    @property
    def power(self) -> float:
        """About the sum of the squares of all channels: how strongly they drive a neuron."""
        curve = max(1.0, np.sqrt(np.pi) * self.width)
        return float(sum(g.repeats * (curve if g.code else 1.0) for g in self.groups))

    @property
    def means(self) -> FloatArray:
        """(n,) mean of each channel if all its values come alike; 0 for the constant one."""
        return np.concatenate([np.full(group.n, group.mean) for group in self.groups])

    def encode(
        self, observation: Any, action: Any, feedback: Any, step: Any, xp: Any = np
    ) -> FloatArray:
        """Encode what is shown now, (n_episodes, n) in [0, 1].

        Args:
            observation: (n_episodes,) indices or (n_episodes, n_observations) vectors.
            action: (n_episodes,) indices or (n_episodes, n_actions) vectors; anything before the
                first.
            feedback: (n_episodes,) feedback, rewards or targets; anything before the first.
            step: the number of the decision, from 0; a scalar.
            xp: the array library.
        """
        shown = []
        for group in self.groups:
            if group.name == "bias":
                shown.append(xp.ones((observation.shape[0], 1)))
            elif group.name == "observation":
                shown.append(_coded(group, observation, xp))
            elif group.name == "trial":
                number = xp.full((observation.shape[0], 1), 1.0) * step
                shown.append(_coded(group, number, xp))
            else:
                shown.append(
                    _coded(group, action if group.name == "action" else feedback, xp) * (step > 0)
                )
        whole: FloatArray = xp.concatenate(shown, axis=1)
        return whole


def _coded(group: ChannelGroup, values: Any, xp: Any) -> Any:
    """Encode the values of one group, (n_episodes, group.n)."""
    if group.code is not None:
        if xp is np:
            values = values.astype(np.float64)  # families may give single precision
        return group.code.encode(values.reshape(values.shape[0], group.repeats), xp)
    if group.name == "feedback":
        distance = xp.abs(values[:, None] - xp.asarray(group.values, values.dtype))
        values = distance.argmin(axis=1)
    return one_hot(values, group.n, xp)
