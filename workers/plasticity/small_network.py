"""A small network of integers, whose output is a change of a weight.

    h_j = σ(Σ_i V_ji x_i + b_j);  change = Σ_j u_j h_j / 64

Formats. Inputs x, V, b and u are Q12, the weights in signed halfwords, ±8. σ is a table with linear
interpolation over [−8, 8], in Q15. Sums are 32 bits wide: where the sizes of all inputs sum to 7 at
most, Σ V x + b 2¹² stays below 8 · 2¹² · 2¹⁵ = 2³⁰, and with at most 15 hidden units Σ h u stays
below 15 · 2¹² · 2¹⁵ < 2³¹, because h is shifted to Q12 first. An output of 1 is 1/64 of the range
of values. Shifts of negative numbers round half up, since rounding down would make every value
drift.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.portable import exp
from spikeloop.workers.kernels import part, routine

FRACTION_BITS = 12
ONE_Q12 = 1 << FRACTION_BITS
OUTPUT_SHIFT = 14
RANGE = 8
"""Inputs of the sigmoid beyond ±8 count as ±8."""


class SmallNetwork(NamedTuple):
    """Weights of the network, and room for its inputs.

    Attributes:
        n_inputs_u8: inputs.
        n_hidden_u8: hidden units.
        hidden_q12: (n_hidden · n_inputs,) int16 V, a row for each hidden unit.
        bias_q12: (n_hidden,) int16 b.
        output_q12: (n_hidden,) int16 u.
        second_output_q12: (n_hidden,) int16 weights of the second output, or none.
        sigmoid_q15: (n_points,) int16 table of σ.
        point_bits_u8: distance of two points of the table, as a power of 2 in Q12.
        saturates_u1: 1 for the cheap activation, clip(a / 4 + 1/2, 0, 1), without a table.
        inputs_q12: int32 scratch: the inputs, n_inputs or more of them.
    """

    n_inputs_u8: int
    n_hidden_u8: int
    hidden_q12: NDArray[np.int16]
    bias_q12: NDArray[np.int16]
    output_q12: NDArray[np.int16]
    second_output_q12: NDArray[np.int16]
    sigmoid_q15: NDArray[np.int16]
    point_bits_u8: int
    saturates_u1: int
    inputs_q12: NDArray[np.int32]


def small_network(
    theta: Mapping[str, float],
    n_inputs: int,
    n_hidden: int,
    *,
    has_second: bool = False,
    saturates: bool = False,
    n_points: int = 257,
    weight_bits: int = 16,
    n_scratch: int = 0,
) -> SmallNetwork:
    """Return the network of a Θ with the weights hidden_weights, hidden_bias and output_weights.

    Args:
        theta: values by name; the weights of an array are numbered.
        n_inputs: inputs.
        n_hidden: hidden units.
        has_second: whether there is a second output, with the weights second_weights.
        saturates: whether the activation is the cheap one.
        n_points: points of the table, a power of 2 and one more.
        weight_bits: of the weights.
        n_scratch: room for inputs, by default for ``n_inputs``.
    """

    def weights(name: str, size: int) -> NDArray[np.int16]:
        return weights_q12(theta, name, size, weight_bits)

    return SmallNetwork(
        n_inputs_u8=n_inputs,
        n_hidden_u8=n_hidden,
        hidden_q12=weights("hidden_weights", n_hidden * n_inputs),
        bias_q12=weights("hidden_bias", n_hidden),
        output_q12=weights("output_weights", n_hidden),
        second_output_q12=weights("second_weights", n_hidden if has_second else 0),
        sigmoid_q15=sigmoid_q15(n_points),
        point_bits_u8=(2 * RANGE * ONE_Q12 // (n_points - 1)).bit_length() - 1,
        saturates_u1=int(saturates),
        inputs_q12=np.zeros(n_scratch or n_inputs, dtype=np.int32),
    )


def weights_q12(
    theta: Mapping[str, float], name: str, size: int, weight_bits: int = 16
) -> NDArray[np.int16]:
    """Return weights of a Θ in Q12, of so many bits, saturated at ±8."""
    weights = np.array([theta[f"{name}_{i}"] for i in range(size)])
    step = 1 << (16 - weight_bits)  # in Q12
    limit = (1 << 15) // step
    codes = np.clip(np.rint(weights * ONE_Q12 / step), -limit, limit - 1)
    return (codes * step).astype(np.int16)


def sigmoid_q15(n_points: int) -> NDArray[np.int16]:
    """Return a table of the logistic function at equal distances over [−8, 8]."""
    at = np.linspace(-RANGE, RANGE, n_points)
    table: NDArray[np.int16] = np.rint(32767 / (1.0 + exp(-at))).astype(np.int16)
    return table


@routine
def evaluate(
    network: SmallNetwork,
    change_q16: NDArray[np.int32],
    second_change_q15: NDArray[np.int32],
    k: int,
) -> None:
    """Compute both outputs from the inputs, and write them to place k."""
    n_inputs = network.n_inputs_u8
    output, second = 0, 0
    for j in range(network.n_hidden_u8):
        total = int(network.bias_q12[j]) << FRACTION_BITS
        for i in range(n_inputs):
            total += int(network.inputs_q12[i]) * int(network.hidden_q12[j * n_inputs + i])
        hidden = activation_q12(network, (total + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS)
        output += hidden * int(network.output_q12[j])
        if network.second_output_q12.size > 0:
            second += hidden * int(network.second_output_q12[j])
    change_q16[k] = (output + (1 << (OUTPUT_SHIFT - 1))) >> OUTPUT_SHIFT
    second_change_q15[k] = (second + (1 << OUTPUT_SHIFT)) >> (OUTPUT_SHIFT + 1)


@part
def activation_q12(network: SmallNetwork, a: int) -> int:
    """Return the activation of a hidden unit in [0, 1), for a sum of inputs in Q12."""
    if network.saturates_u1 == 1:
        return min(max((a >> 2) + ONE_Q12 // 2, 0), ONE_Q12 - 1)
    limit = RANGE * ONE_Q12
    above = min(max(a, -limit), limit - 1) + limit
    bits: int = network.point_bits_u8
    point = above >> bits
    low, high = int(network.sigmoid_q15[point]), int(network.sigmoid_q15[point + 1])
    between = (high - low) * (above - (point << bits))
    return (low + ((between + (1 << (bits - 1))) >> bits)) >> (15 - FRACTION_BITS)
