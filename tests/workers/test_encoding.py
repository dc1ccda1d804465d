"""Population codes: the formula, its symmetries, and that the value can be read off again."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloop.workers.encoding import PopulationCode, one_hot

CODE = PopulationCode(low=-10.0, high=10.0, n_per_dimension=21, width=1.0)


def test_rates_are_those_of_the_formula() -> None:
    rates = PopulationCode(0.2, 0.8, n_per_dimension=4, width=0.5).encode(np.array([[0.4], [0.5]]))
    expected = [
        [math.exp(-((x - centre) ** 2) / (2 * 0.1**2)) for centre in (0.2, 0.4, 0.6, 0.8)]
        for x in (0.4, 0.5)
    ]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)
    assert rates[0, 1] == 1.0


def test_centres_span_the_range_evenly() -> None:
    np.testing.assert_allclose(CODE.centres, np.arange(-10, 11), rtol=1e-12)
    assert (PopulationCode(-1, 3, 2).centres == [-1, 3]).all()


def test_each_dimension_has_its_own_neurons_in_order() -> None:
    values = np.array([[1.0, -2.0, 0.5], [0.0, 9.0, -9.5]])
    rates = CODE.encode(values)
    assert rates.shape == (2, 63)
    for dimension in range(3):
        alone = CODE.encode(values[:, dimension : dimension + 1])
        np.testing.assert_array_equal(rates[:, 21 * dimension : 21 * (dimension + 1)], alone)


@given(st.floats(-1e300, 1e300), st.integers(2, 60), st.floats(0.05, 10))
def test_rates_lie_between_0_and_1(value: float, n: int, width: float) -> None:
    rates = PopulationCode(-1.0, 1.0, n, width).encode(np.array([[value]]))
    assert ((rates >= 0) & (rates <= 1)).all()


def test_values_beyond_the_range_count_as_its_end() -> None:
    rates = CODE.encode(np.array([[-10.0], [-11.0], [-1e9], [10.0], [1e9]]))
    np.testing.assert_array_equal(rates[0], rates[1])
    np.testing.assert_array_equal(rates[0], rates[2])
    np.testing.assert_array_equal(rates[3], rates[4])


def test_a_value_has_the_same_bits_beside_any_others_and_in_any_memory_layout() -> None:
    """Vector instructions take values in groups, and their remainders and strides otherwise."""
    values = np.random.default_rng(0).uniform(-10, 10, (130, 2))
    whole = CODE.encode(values)
    for n in (*range(1, 20), 63, 64, 65, 129):
        np.testing.assert_array_equal(CODE.encode(values[-n:]), whole[-n:])
    np.testing.assert_array_equal(CODE.encode(np.asfortranarray(values)), whole)
    np.testing.assert_array_equal(CODE.encode(values[::3]), whole[::3])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"low": 1.0}, "low must be below high, got 1.0 and 1.0"),
        ({"high": math.inf}, "low must be below high, got 0.0 and inf"),
        ({"low": math.nan}, "low must be below high, got nan and 1.0"),
        ({"n_per_dimension": 1}, "n_per_dimension must be at least 2, got 1"),
        ({"width": 0.0}, "width must be above 0, got 0.0"),
        ({"width": math.nan}, "width must be above 0, got nan"),
    ],
)
def test_impossible_codes_are_refused(wrong: dict[str, float], message: str) -> None:
    settings = {"low": 0.0, "high": 1.0, "n_per_dimension": 5, "width": 1.0, **wrong}
    with pytest.raises(ValueError, match=message):
        PopulationCode(**settings)  # type: ignore[arg-type]


def test_one_hot_has_one_neuron_per_value() -> None:
    np.testing.assert_array_equal(
        one_hot(np.array([2, 0, 2]), 4), [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    )
    assert one_hot(np.array([], dtype=np.int64), 4).shape == (0, 4)


@pytest.mark.parametrize("index", [-1, 4])
def test_one_hot_refuses_values_that_do_not_exist(index: int) -> None:
    with pytest.raises(ValueError, match=r"indices must be in \[0, 4\)"):
        one_hot(np.array([0, index]), 4)
