"""The entropy of a network's policy, the same to the bit in a tile of any shape."""

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.portable import exp, log


def entropy_nat(preferences: FloatArray) -> FloatArray:
    """Return the entropy of softmax policies in nats, from 0 to ln n_actions.

    With preferences y_a less the largest, and Z = Σ_a exp(y_a), it is ln Z − Σ_a y_a exp(y_a) / Z.

    Args:
        preferences: (..., n_actions).
    """
    behind = np.moveaxis(preferences.astype(np.float64), -1, 0)
    behind = behind - behind.max(axis=0)
    weights = exp(np.maximum(behind, -700.0))  # e⁻⁷⁰⁰ is as good as 0
    # One action is added after the other; the order of NumPy's sums depends on the shape.
    total = sum(weights)
    spread = sum(weights * behind)
    entropy: FloatArray = np.maximum(log(total) - spread / total, 0.0)
    return entropy
