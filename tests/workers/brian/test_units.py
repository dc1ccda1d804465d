"""Text becomes the quantity that Python's own evaluation gives, or a one-line error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.units import in_unit, quantity, unit

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
    assert brian2().have_same_dimensions(value, quantity(like))


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
    ("requirement", "texts"),
    [
        (
            "numbers and units",
            [
                *("", "1 2", "__import__('os')", "mV.dim", "[mV]", "'mV'", "True*mV", "2j*mV"),
                *("8_0", "mV if 1 else mV", "80and.5", "80 and .5", "80#.5", "0x10", "2 // 1"),
            ],
        ),
        ("one of Brian2's", ["µV"]),
        ("did you mean 'mV'?", ["mv"]),
        ("did you mean 'mvolt'?", ["10 mVolt"]),
        ("did you mean 'siemens'?", ["3*siemen"]),
        ("same dimension", ["1 mV + 2 ms"]),
        ("[-12, 12]", ["ms**ms", "9**9**9"]),
        ("positive", ["(-mV)**0.5"]),
        ("finite", ["ms/0", "1e400 mV", "1e300**12"]),
        ("at most 200 characters", ["(" * 500 + "mV" + ")" * 500]),
    ],
)
def test_mistakes_are_one_short_line(requirement: str, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError) as caught:
            quantity(text)
        assert requirement in str(caught.value)
        assert text[:20] in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 200


@given(st.text(alphabet="mVsS 0123456789.()*/+-_eandor'[]\n\\#", max_size=30))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    try:
        assert np.isfinite(float(quantity(text)))
    except ValueError as error:
        assert "\n" not in str(error)


def test_values_in_a_unit_are_scaled_to_si() -> None:
    np.testing.assert_allclose(in_unit(np.array([[1.0], [20.0]]), "ms"), [[1e-3], [2e-2]])
    np.testing.assert_array_equal(in_unit(np.array([3.0]), "1"), [3.0])
    with pytest.raises(ValueError, match=r"positive, got '-1\*ms'$"):
        unit("-1*ms")
