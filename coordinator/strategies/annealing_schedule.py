"""Cooling schedules of simulated annealing, each exact at both ends.

With x = k / n, the share of n steps that is over, a schedule runs from T₀ at k = 0 down to T_n at
k = n without ever rising, and stays at T_n afterwards:

    exponential               T₀ (T_n / T₀)^x                     Kirkpatrick et al. 1983
    logarithmic               T₀ / (1 + a ln(1 + k))              Geman and Geman 1984
    linear_multiplicative     T₀ / (1 + a k)                      Aarts and Korst 1989
    quadratic_multiplicative  T₀ / (1 + a k²)                     Aarts and Korst 1989
    linear_additive           T_n + (T₀ − T_n) (1 − x)            Luke 2002
    quadratic_additive        T_n + (T₀ − T_n) (1 − x)²           Luke 2002
    exponential_additive      T_n + (T₀ − T_n) s(x)               Luke 2002
    trigonometric_additive    T_n + (T₀ − T_n) (1 + cos πx) / 2   Luke 2002

The rate a of the multiplicative ones follows from T_n: a = (T₀ / T_n − 1) / g(n), where g is ln(1 +
k), k or k². The exponential one is the geometric law T_k = α^k T₀ with α = (T_n / T₀)^(1/n).
s is a logistic curve about the middle of the run, 1 / (1 + exp(10 (x − 1/2))), shifted and
stretched to be 1 at x = 0 and 0 at x = 1, which the bare curve is not.
Luke 2002: "Simulated annealing cooling schedules", in whose additive schedules T_n is the last
temperature; the present one in its place would end the run after one step.
"""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np

Schedule: TypeAlias = Literal[
    "exponential",
    "logarithmic",
    "linear_multiplicative",
    "quadratic_multiplicative",
    "linear_additive",
    "quadratic_additive",
    "exponential_additive",
    "trigonometric_additive",
]


def temperature(schedule: Schedule, k: int, first: float, last: float, n_steps: int) -> float:
    """T_k, the temperature after k steps.

    Args:
        schedule: its name.
        k: steps that are over, from 0; after ``n_steps`` the temperature stays.
        first: T₀ > 0.
        last: T_n in (0, T₀].
        n_steps: n > 0.
    """
    k = min(k, n_steps)
    if schedule == "exponential":
        return float(first * (last / first) ** (k / n_steps))
    if schedule in _GROWTH:
        grown = _GROWTH[schedule]
        return float(first / (1 + (first / last - 1) * grown(k) / grown(n_steps)))
    return float(last + (first - last) * _REMAINDER[schedule](k / n_steps))


def _logistic(x: float) -> float:
    steepness = 10.0
    curve, upper, lower = (1 / (1 + np.exp(steepness * (u - 0.5))) for u in (x, 0.0, 1.0))
    return float((curve - lower) / (upper - lower))


_GROWTH: Mapping[str, Callable[[int], float]] = {
    "logarithmic": lambda k: float(np.log1p(k)),
    "linear_multiplicative": lambda k: k,
    "quadratic_multiplicative": lambda k: k**2,
}
"""g(k), to which 1 / T − 1 / T₀ is proportional."""

_REMAINDER: Mapping[str, Callable[[float], float]] = {
    "linear_additive": lambda x: 1 - x,
    "quadratic_additive": lambda x: (1 - x) ** 2,
    "exponential_additive": _logistic,
    "trigonometric_additive": lambda x: float((1 + np.cos(np.pi * x)) / 2),
}
"""The share of T₀ − T_n that is left, from 1 at x = 0 to 0 at x = 1."""
