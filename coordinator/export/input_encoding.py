"""What each input channel of an exported network stands for, so that it can be fed another task.

A channel is one-hot, 1 for its value and 0 for any other, or the tuning curve of a population code
(``workers.encoding``) about its value. These are the codes of ``workers.lsnn.inputs``, as numbers.
"""

from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.encoding import PopulationCode
from spikeloop.workers.learners.lsnn.inputs import Inputs


@dataclass(frozen=True)
class Group:
    """Channels of one part of the inputs, side by side.

    Attributes:
        name: of the part, as in ``Inputs.parts``.
        start: its first channel.
        values: (n,) what a channel of it stands for: its one value, or the centre of its curve.
        width: standard deviation of the curves, in units of the values; 0 for one-hot channels.
        repeats: numbers shown, for each of which there are such n channels, one after the other.
    """

    name: str
    start: int
    values: FloatArray
    width: float
    repeats: int

    @property
    def n(self) -> int:
        """Channels."""
        return len(self.values) * self.repeats

    @property
    def code(self) -> str:
        """In words, for example "one-hot, 0.0, 1.0" or "5 curves from 0.0 to 14.0, width 3.5"."""
        values = [repr(float(value)) for value in self.values]
        if self.name == "bias":
            return ""
        if self.width:
            each = f" for each of {self.repeats} numbers" if self.repeats > 1 else ""
            return (
                f"{len(values)} curves from {values[0]} to {values[-1]}, width {self.width}{each}"
            )
        if self.name != "feedback":
            return f"one-hot, 0 to {len(values) - 1}"
        return f"one-hot, {', '.join(values)}"


def groups(inputs: Inputs) -> list[Group]:
    """All channels, in order."""
    found, start = [], 0
    for name, n in inputs.parts.items():
        group = _group(inputs, name, start, n)
        found.append(group)
        start += group.n
    return found


def arrays(inputs: Inputs) -> dict[str, FloatArray]:
    """(n_channels,) value and width of every channel; 1 and 0 for the one that is always 1."""
    found = groups(inputs)
    return {
        "channel_value": np.concatenate([np.tile(group.values, group.repeats) for group in found]),
        "channel_width": np.concatenate([np.full(group.n, group.width) for group in found]),
    }


def _group(inputs: Inputs, name: str, start: int, n: int) -> Group:
    task = inputs.interface
    if name == "bias":
        return Group(name, start, np.ones(1), 0.0, 1)
    if name == "feedback" and task.feedback_values:
        return Group(name, start, np.array(task.feedback_values, dtype=float), 0.0, 1)
    repeats = 1
    if name == "trial":
        low, high = 0.0, float(max(task.n_steps - 1, 1))
    elif name == "feedback":
        ends = task.feedback_range
        middle, half = sum(ends) / 2, inputs.feedback_share * (ends[1] - ends[0]) / 2
        low, high = middle - half, middle + half
    else:
        seen = name == "observation"
        if (task.observations if seen else task.actions) == "discrete":
            return Group(name, start, np.arange(n, dtype=float), 0.0, 1)
        low, high = task.observation_range if seen else task.action_range
        repeats = task.n_observations if seen else task.n_actions
    each = n // repeats
    width = float(inputs.width * (high - low) / (each - 1))
    return Group(name, start, PopulationCode(low, high, each).centres, width, repeats)
