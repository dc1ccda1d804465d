"""From a point x of coordinates in [0, 65535] to the constants of a plasticity program.

A bounded parameter in [low, high] has the value low + (x + 1/2) / 65536 (high - low), and its
constant is that value rounded to the constant's format. All numbers below are exact, since (2x + 1)
is odd and no value is halfway between two constants; so the host's program makes the same constants
of the same value. Products of more than 32 bits, marked 64, need the upper word of a product too
(mullw and mulhwu). A network's weight is (x - 32768) / 8192, which is in [-4, 4].

Coordinates stand in the order of the program's parameters; the last one is always the inhibition, a
weight code, which is the weight of every synapse from an action neuron to another one.
"""

from collections.abc import Sequence

from support.on_chip_reference.words import u32

Constants = dict[str, int]


def code(x: int) -> int:
    """Return a weight code of [0, 63]: round(63 (2x + 1) / 2^17)."""
    return (63 * (2 * x + 1) + 65536) >> 17


def inhibition_u6(x: int) -> int:
    """Return the weight between actions, of [6.3, 63]: round(6.3 (1 + 9 (2x + 1) / 2^17)).

    That is 63 (2^17 + 9 (2x + 1)) / (10 2^17), with a division by 10.
    """
    return (u32(63 * (131072 + 9 * (2 * x + 1)) >> 17) + 5) // 10


def code_low(x: int) -> int:
    """Return the code of a value of 0, of [0, 48]: round(48 (2x + 1) / 2^17)."""
    return (48 * (2 * x + 1) + 65536) >> 17


def q7(x: int) -> int:
    """Return a Q7 number of [0, 1], at most 127: round(128 (2x + 1) / 2^17)."""
    return min((x + 256) >> 9, 127)


def rate_q15(x: int) -> int:
    """Return a Q15 number of [0, 1]: round((2x + 1) / 4)."""
    return (2 * x + 3) >> 2


def learning_rate_q15(x: int) -> int:
    """Return a Q15 number of [0, 0.9]: round(9 (2x + 1) / 40), with a division by 40."""
    return (9 * (2 * x + 1) + 20) // 40


def value_u16(x: int) -> int:
    """Return a value of [0, 1] in 1/65536: x + 1/2 rounded to the even neighbour, at most 65535."""
    return min(x + (x & 1), 65535)


def weight_upper_u6(x_lower: int, x_upper: int) -> int:
    """Return the upper code of rescaling, between the lower one's value and 63.

    With u = (2x + 1) / 2^17 it is 63 - 63 (1 - u_lower) (1 - u_upper), rounded. 64: 63 a b has 40
    bits.
    """
    a, b = 131072 - (2 * x_lower + 1), 131072 - (2 * x_upper + 1)
    return 63 - ((63 * a * b + (1 << 33)) >> 34)


def rescale_period(x: int, n_steps: int) -> int:
    """Return the steps between two rescalings, of [0.0129 n, n], at least 1.

    It is n (129 + 9871 (2x + 1) / 2^17) / 10000, rounded: a shift, then a division by 10000. 64: n
    9871 (2x + 1), n < 2^20.
    """
    share = (n_steps * 9871 * (2 * x + 1)) >> 17
    return max((u32(129 * n_steps + share) + 5000) // 10000, 1)


def reward_scale_q7(x: int) -> int:
    """Return the factor on rewards of [0.1, 1] in Q7: 12.8 (1 + 9 (2x + 1) / 2^17), rounded.

    It takes a division by 10.
    """
    return (128 + (u32(1152 * (2 * x + 1)) >> 17) + 5) // 10


def network_q12(x: int) -> int:
    """Return a weight of a network in Q12: (x - 32768) / 2, halves up; -16384 to 16384."""
    return (x - 32768 + 1) >> 1


def td_lambda(
    x: Sequence[int],
    n_steps: int,
    trace_decay: int | None = 64,
    search_reward_scale: bool = False,
) -> Constants:
    """Return the constants of ``td_lambda`` and ``td_published``.

    Coordinates: gamma, eta, weight_lower, weight_upper, initial_weight, rescale_period, then the
    trace decay where ``trace_decay`` (its Q7 number) is None, then the reward's scale where it is
    searched, then the inhibition.
    """
    rest = list(x[6:])
    return {
        "gamma_q7": q7(x[0]),
        "eta_q7": q7(x[1]),
        "lower_u6": code(x[2]),
        "upper_u6": weight_upper_u6(x[2], x[3]),
        "initial_u6": code(x[4]),
        "rescale_period": rescale_period(x[5], n_steps),
        "lambda_q7": q7(rest.pop(0)) if trace_decay is None else trace_decay,
        "scale_q7": reward_scale_q7(rest.pop(0)) if search_reward_scale else 128,
        "inhibition_u6": inhibition_u6(rest.pop(0)),
    }


def incremental(x: Sequence[int], fictive: bool = False) -> Constants:
    """Return the constants of ``incremental``, or with one coordinate more of ``fictive``.

    Coordinates: learning_rate, rate_decay, initial_value, code_low, fictive if there, inhibition.
    """
    return {
        "rate_q15": learning_rate_q15(x[0]),
        "decay_q15": rate_q15(x[1]),
        "initial_u16": value_u16(x[2]),
        "low_u6": code_low(x[3]),
        "fictive_q15": rate_q15(x[4]) if fictive else 0,
        "inhibition_u6": inhibition_u6(x[5 if fictive else 4]),
    }


def plasticity_network(x: Sequence[int], n_inputs: int = 5, n_hidden: int = 7) -> Constants:
    """Return the constants of ``plasticity_network`` with 16-bit weights.

    Coordinates: V (a row of inputs for each hidden unit), b, u, with 7 inputs the weights of the
    second output, then initial_value, code_low, inhibition. Constants have the names of arrays with
    indices: "hidden_q12_0" and so on.
    """
    sizes = {"hidden_q12": n_hidden * n_inputs, "bias_q12": n_hidden, "output_q12": n_hidden}
    if n_inputs == 7:
        sizes["second_output_q12"] = n_hidden
    found, j = Constants(), 0
    for name, size in sizes.items():
        found |= {f"{name}_{i}": network_q12(x[j + i]) for i in range(size)}
        j += size
    return found | {
        "initial_u16": value_u16(x[j]),
        "low_u6": code_low(x[j + 1]),
        "inhibition_u6": inhibition_u6(x[j + 2]),
    }
