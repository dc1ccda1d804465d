"""Portable arithmetic is accurate to about one unit in the last place, in a fixed order."""

from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from spikeloop.tasks import portable

RNG = np.random.default_rng(1)
NEAR_0 = RNG.uniform(-0.5, 0.5, 500) * np.logspace(-9, 0, 500)
CASES: dict[str, tuple[Callable[[Any], Any], Callable[[Decimal], Decimal], Any, float]] = {
    "exp": (portable.exp, Decimal.exp, [*RNG.uniform(-700, 700, 500), *NEAR_0], 0.7),
    "expm1": (portable.expm1, lambda x: x.exp() - 1, [*RNG.uniform(-30, 30, 500), *NEAR_0], 1.5),
    "log": (portable.log, Decimal.ln, [*np.exp(RNG.uniform(-700, 700, 500)), *(1 + NEAR_0)], 1.0),
}


@pytest.mark.parametrize("name", CASES)
def test_elementary_functions_are_right_to_about_a_unit_in_the_last_place(name: str) -> None:
    function, exact, arguments, most = CASES[name]
    with localcontext(prec=40):
        for x, value in zip(arguments, function(np.array(arguments)), strict=True):
            right = exact(Decimal(float(x)))
            units = (Decimal(float(value)) - right) / Decimal(float(np.spacing(abs(float(right)))))
            assert abs(units) < most, x


def test_ends_of_the_exponential() -> None:
    x = np.array([0.0, -np.inf, -800.0, np.nan])
    np.testing.assert_array_equal(portable.exp(x), [1.0, 0.0, 0.0, np.nan])
    assert portable.expm1(-np.inf) == -1.0
    assert portable.log(1.0) == 0.0
    with np.errstate(over="ignore"):
        assert portable.exp(1e9) == np.inf


@pytest.mark.parametrize("x", [0.0, -1.0, np.nan, np.inf])
def test_logarithms_of_anything_else_are_refused(x: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        portable.log([1.0, x])


def test_powers_are_the_nearest_floats() -> None:
    for base, exponent in ((0.997, 1000), (0.999, 123_456), (1.5, 7), (0.9, 0), (0.0, 3), (0.0, 0)):
        exact = Fraction(base) ** exponent if exponent < 2000 else None
        found = portable.power(base, exponent)
        assert found == (pytest.approx(base**exponent) if exact is None else float(exact))


def test_a_product_adds_in_the_order_of_the_common_axis() -> None:
    left, right = RNG.normal(size=(5, 40)), RNG.normal(size=(40, 7))
    found = portable.product(left, right)
    for row in range(5):
        for column in range(7):
            total = 0.0
            for a, b in zip(left[row], right[:, column], strict=True):
                total += float(a) * float(b)
            assert found[row, column] == total


def test_sums_of_counted_values_do_not_depend_on_the_order() -> None:
    counts = RNG.multinomial(50, np.full(50, 0.02), size=200).astype(np.float64)
    values = RNG.normal(size=(50, 30)) * np.logspace(-2, 2, 30)
    found = portable.counted_sums(counts, values)
    plain = counts @ values
    order = RNG.permutation(50)
    assert (portable.counted_sums(counts[:, order], values[order]) == found).all()
    assert (counts[:, order] @ values[order] != plain).any()  # as a product of matrices does
    np.testing.assert_allclose(found, plain, rtol=1e-9, atol=1e-10)
    assert (portable.counted_sums(counts, np.zeros((50, 2))) == 0.0).all()
    one = portable.counted_sums(np.ones((1, 1)), values[:1, -3:])
    assert (one == values[:1, -3:]).all()


def test_norm() -> None:
    assert portable.norm(np.array([3.0, -4.0])) == 5.0
