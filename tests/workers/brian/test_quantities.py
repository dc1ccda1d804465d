"""Text becomes the quantity that Python's own reading of it would be, or one clear line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.units import in_unit, quantity, require_dimension, same_dimension, unit

pytestmark = pytest.mark.brian


@pytest.mark.parametrize(
    ("text", "si", "like"),
    [
        ("-60*mV", -0.06, "volt"),
        ("2.5 nS", 2.5e-9, "siemens"),
        ("  2.5e-3 volt ", 2.5e-3, "volt"),
        ("1/(4*Mohm)", 2.5e-7, "siemens"),
        ("-70 mV + 5*mV", -0.065, "volt"),
        ("+3 mV - 1 mV", 0.002, "volt"),
        ("2*uF/cm**2", 0.02, "farad/metre**2"),
        ("mV", 1e-3, "volt"),
        ("second**-0.5", 1.0, "second**-0.5"),
        ("1/2 ms", 5e-4, "second"),
        ("Hz*ms", 1e-3, "1"),
        ("3", 3.0, "1"),
    ],
)
def test_text_has_the_value_and_the_dimension_it_says(text: str, si: float, like: str) -> None:
    value = quantity(text)
    assert float(value) == pytest.approx(si, rel=1e-15)
    assert same_dimension(value, like)


def test_quantities_are_brians_and_plain_numbers_are_floats() -> None:
    b2 = brian2()
    assert type(quantity("mV")) is b2.Quantity
    assert type(quantity("3*mV/mV")) is float
    assert b2.have_same_dimensions(quantity("-60*mV"), b2.volt)


sums = st.recursive(
    st.sampled_from(["mV", "ms", "nS", "Mohm", "2", "0.5", "1e-3", "7 mV"]),
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from(["*", "/", "+", "-"]), parts).map(" ".join),
        parts.map("({})".format),
        parts.map("-({})".format),
        parts.map("({})**2".format),
    ),
    max_leaves=6,
)


@given(sums)
def test_arithmetic_is_brians_own(text: str) -> None:
    b2 = brian2()
    names = {name: 1.0 * b2.DEFAULT_UNITS[name] for name in ("mV", "ms", "nS", "Mohm")}
    try:
        expected = eval(text.replace("7 mV", "7*mV"), {}, names)
    except b2.DimensionMismatchError:
        with pytest.raises(ValueError, match="same dimension"):
            quantity(text)
    else:
        value = quantity(text)
        assert float(value) == pytest.approx(float(expected), rel=1e-12, abs=1e-300)
        assert b2.have_same_dimensions(value, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mv", "a unit must be one of Brian2's, got 'mv' in 'mv', did you mean 'mV'?"),
        ("10 mVolt", "got 'mVolt' in '10 mVolt', did you mean 'mvolt'?"),
        ("3*siemen", "did you mean 'siemens'?"),
        ("", "a quantity must be numbers and units"),
        ("1 2", "a quantity must be numbers and units"),
        ("__import__('os')", "a quantity must be numbers and units"),
        ("mV.dim", "a quantity must be numbers and units"),
        ("[mV]", "a quantity must be numbers and units"),
        ("'mV'", "a quantity must be numbers and units"),
        ("True*mV", "a quantity must be numbers and units"),
        ("2j*mV", "a quantity must be numbers and units"),
        ("mV if 1 else mV", "a quantity must be numbers and units"),
        ("80and.5", "a quantity must be numbers and units"),
        ("80 and .5", "a quantity must be numbers and units"),
        ("80#.5", "a quantity must be numbers and units"),
        ("8_0", "a quantity must be numbers and units"),
        ("0x10", "a quantity must be numbers and units"),
        ("µV", "a unit must be one of Brian2's"),
        ("2 // 1", "a quantity must be numbers and units"),
        ("1 mV + 2 ms", "terms of a sum must have the same dimension"),
        ("ms**ms", "an exponent must be a number in [-12, 12]"),
        ("9**9**9", "an exponent must be a number in [-12, 12]"),
        ("(-mV)**0.5", "a root must be of a positive quantity"),
        ("ms/0", "a quantity must be finite"),
        ("1e400 mV", "a quantity must be finite"),
        ("1e300**12", "a quantity must be finite"),
        ("(" * 500 + "mV" + ")" * 500, "at most 200 characters, got '(((((((((((((((((((('..."),
    ],
)
def test_mistakes_are_one_line(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        quantity(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="mVsS 0123456789.()*/+-_eandor'[]\n\\#", max_size=30))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    try:
        assert np.isfinite(float(quantity(text)))
    except ValueError as error:
        assert "\n" not in str(error)


def test_values_in_a_unit_are_scaled_to_si() -> None:
    np.testing.assert_allclose(in_unit(np.array([[1.0], [20.0]]), "ms"), [[1e-3], [2e-2]])
    np.testing.assert_array_equal(in_unit(np.array([3.0]), "1"), [3.0])
    with pytest.raises(ValueError, match=r"^a unit must be positive, got '-1\*ms'$"):
        unit("-1*ms")


def test_dimensions_are_compared_by_the_name_of_a_unit() -> None:
    assert same_dimension(quantity("3 mV"), "volt")
    assert not same_dimension(quantity("3 mV"), "amp")
    assert same_dimension(3.0, "1")
    with pytest.raises(ValueError, match=r"^threshold must be in volt, got 3\. ms$"):
        require_dimension(quantity("3 ms"), "volt", "threshold")
