"""Sums, products and elementary functions that give the same bits on every processor.

IEEE 754 fixes the result of one addition, multiplication, division or square root, so NumPy gives
the same bits for these everywhere. It does not fix the order of a sum, whether a product and a sum
are rounded once or twice, or the last bit of an exponential. BLAS, the vector kernels of NumPy and
the C library choose all three by the processor that they find, so the same product of matrices, or
the same exponential, differs in its last bits between an old and a new processor. The functions
here consist of single operations of IEEE 754 in a fixed order.

``exp``, ``expm1`` and ``log`` are within 0.6, 1.1 and 0.8 units in the last place of the exact
value (measured). They reduce the argument as is usual (Tang 1989, "Table-driven implementation of
the exponential function in IEEE floating-point arithmetic"; Muller 2016, "Elementary Functions",
chapter 11) and then sum the Taylor series.
"""

import decimal
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikeloop.tasks.base import FloatArray

LN2_HIGH = 6.93147180369123816490e-01
"""ln 2 without its last 21 bits, so that a multiple by a small integer is exact."""
LN2_LOW = 1.90821492927058770002e-10
"""ln 2 minus ``LN2_HIGH``."""
PER_LN2 = 1.44269504088896338700
"""1 / ln 2."""
LARGEST, SMALLEST = 710.0, -746.0
"""Arguments beyond which an exponential overflows or is 0."""
COEFFICIENTS = tuple(1.0 / math.factorial(n) for n in range(2, 16))
"""Coefficients of the Taylor series of e^r from the quadratic term on."""
ROOT_HALF = 0.7071067811865476

EXACT = decimal.Context(prec=50, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX, traps=[])
"""Decimal arithmetic with three times the digits of a float."""


def summed_products(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return Σ_n left[n] · right[n], elementwise products added in the order of n.

    The first axis of both is n, at least 1; the other axes broadcast.
    """
    total = np.asarray(left[0] * right[0])
    term = np.empty_like(total)
    for n in range(1, len(left)):
        total += np.multiply(left[n], right[n], out=term)
    return total


def product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the product of the matrices (n_rows, n) and (n, n_columns)."""
    return summed_products(left.T[:, :, None], right[:, None, :])


def counted_sums(counts: FloatArray, values: FloatArray) -> FloatArray:
    """Return the product of two matrices of which the first holds integers.

    Values are cut into two parts of 30 bits each, counted from the largest value of their column.
    Every sum of such parts is exact in any order, so BLAS can form it; only the final addition
    rounds.

    Args:
        counts: (n_rows, n) integers, at least 0; a row sums to at most 2^22.
        values: (n, n_columns).
    """
    _, exponent = np.frexp(np.abs(values).max(axis=0, initial=0.0))
    unit = np.ldexp(1.0, exponent - 30)
    coarse = np.rint(values / unit) * unit
    unit = np.ldexp(unit, -30)
    fine = np.rint((values - coarse) / unit) * unit
    sums: FloatArray = counts @ coarse + counts @ fine
    return sums


def norm(vector: FloatArray) -> float:
    """Return the Euclidean length of a vector."""
    return float(np.sqrt(np.square(vector).sum()))


def power(base: float, exponent: int) -> float:
    """Return base^exponent for a non-negative exponent, computed in decimal arithmetic."""
    if exponent == 0:
        return 1.0
    return float(EXACT.power(decimal.Decimal(float(base)), int(exponent)))


def exp(x: ArrayLike) -> Any:
    """Return e^x, elementwise: e^x = 2^k e^r with k = round(x / ln 2), hence |r| ≤ ln 2 / 2."""
    k, r, lost = _reduced(x)
    one_and_r = 1.0 + r
    rest = (r - (one_and_r - 1.0)) + lost + r * r * _after_linear(r)
    return _doubled(one_and_r + rest, k)


def expm1(x: ArrayLike) -> Any:
    """Return e^x − 1, elementwise, precise near 0: 2^k (e^r − 1) + (2^k − 1)."""
    k, r, lost = _reduced(x)
    return _doubled(r + (lost + r * r * _after_linear(r)), k) + (_doubled(1.0, k) - 1.0)


def log(x: ArrayLike) -> Any:
    """Return the natural logarithm ln x, elementwise, of finite numbers above 0.

    With x = 2^k (1 + f) and s = f / (2 + f), ln(1 + f) = f − f² / 2 + s (f² / 2 + R), where
    R = 2 (s² / 3 + s⁴ / 5 + …).

    Raises:
        ValueError: a number is not finite or not above 0.
    """
    x = np.asarray(x, dtype=np.float64)
    if not (np.isfinite(x) & (x > 0)).all():
        raise ValueError("logarithms need finite numbers above 0")
    mantissa, exponent = np.frexp(x)
    below = mantissa < ROOT_HALF
    f = np.where(below, 2.0 * mantissa, mantissa) - 1.0
    k = (exponent - below).astype(np.float64)
    s = f / (2.0 + f)
    z = s * s
    series: Any = 2.0 / 25.0
    for n in range(23, 1, -2):
        series = series * z + 2.0 / n
    half = 0.5 * f * f
    sum_ = k * LN2_HIGH + f
    lost = f - (sum_ - k * LN2_HIGH)
    return sum_ + (lost - (half - (s * (half + z * series) + k * LN2_LOW)))


def _reduced(x: ArrayLike) -> tuple[Any, Any, Any]:
    """Return k, r, and the rounding error of r, with x = k ln 2 + r."""
    within: Any = np.minimum(np.maximum(x, SMALLEST), LARGEST)
    k = np.rint(within * PER_LN2)
    high, low = within - k * LN2_HIGH, k * LN2_LOW
    r = high - low
    return k, r, (high - r) - low


def _doubled(x: Any, k: Any) -> Any:
    """Return 2^k x; nan where k is nan."""
    return np.ldexp(x, np.where(np.isnan(k), 0.0, k).astype(np.int64))


def _after_linear(r: Any) -> Any:
    """Return (e^r − 1 − r) / r² for |r| ≤ ln 2 / 2: Σ r^n / (n + 2)!."""
    total: Any = COEFFICIENTS[-1]
    for coefficient in COEFFICIENTS[-2::-1]:
        total = total * r + coefficient
    return total
