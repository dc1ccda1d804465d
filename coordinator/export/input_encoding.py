"""What each input channel of an exported network stands for, so that it can be fed another task."""

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.input_channels import ChannelGroup, InputChannels


def describe(group: ChannelGroup) -> str:
    """Describe channels, such as "one-hot, 0.0, 1.0" or "5 curves from 0.0 to 14.0, width 3.5"."""
    values = [repr(float(value)) for value in group.values]
    if group.code is not None:
        each = f" for each of {group.repeats} numbers" if group.repeats > 1 else ""
        ends = f"from {values[0]} to {values[-1]}"
        return f"{len(values)} curves {ends}, width {float(group.width)}{each}"
    if group.name != "feedback":
        return f"one-hot, 0 to {len(values) - 1}"
    return f"one-hot, {', '.join(values)}"


def arrays(inputs: InputChannels) -> dict[str, FloatArray]:
    """Return value and width (n_channels,) of every channel; 1 and 0 for the constant one."""
    groups = inputs.groups
    return {
        "channel_value": np.concatenate([np.tile(group.values, group.repeats) for group in groups]),
        "channel_width": np.concatenate([np.full(group.n, group.width) for group in groups]),
    }
