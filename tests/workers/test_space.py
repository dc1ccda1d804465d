"""The parameter space: every point decodes to legal physical values, and defaults come back."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from support.statistical_asserts import assert_frequencies, assert_law

from spikeloop.workers.parameter_types import Choice, Integer, Parameter, Real, Weights
from spikeloop.workers.space import ParameterSpace

ALPHA = 1e-4
finite = st.floats(-1e6, 1e6, allow_nan=False)
coordinates = st.floats(-50, 50, allow_nan=False)
X = Real(0.0, 1.0, 0.5, name="x")


def space(*parameters: Parameter) -> ParameterSpace:
    return ParameterSpace(parameters)


def decoded(parameter: Parameter, *coordinate: float) -> list[float]:
    points = np.array(coordinate, dtype=np.float64)[:, None]
    return [float(value) for value in space(parameter).decode(points)[parameter.name]]


@st.composite
def reals(draw: st.DrawFn, name: str = "x") -> Real:
    if draw(st.booleans()):
        low, high = sorted(draw(st.lists(finite, min_size=2, max_size=2, unique=True)))
        return Real(low, high, draw(st.floats(low, high)), name=name)
    low = draw(st.floats(1e-9, 1e3))
    high = low * draw(st.floats(1.001, 1e6))
    return Real(low, high, draw(st.floats(low, high)), name=name, scale="log")


@st.composite
def integers(draw: st.DrawFn, name: str = "n") -> Integer:
    low = draw(st.integers(-1000, 1000))
    high = low + draw(st.integers(1, 1000))
    return Integer(low, high, draw(st.integers(low, high)), name=name)


@st.composite
def choices(draw: st.DrawFn, name: str = "c") -> Choice:
    options = tuple(draw(st.lists(st.text(min_size=1), min_size=1, max_size=9, unique=True)))
    return Choice(options, draw(st.sampled_from(options)), name=name)


# Decoding: exact cases


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (Real(10.0, 20.0, 12.0, name="x"), {0: 10, 0.25: 12.5, 1: 20}),
        # Reflected outside, so that no mass piles up at a bound.
        (
            Real(10.0, 20.0, 12.0, name="x"),
            {-0.25: 12.5, 1.25: 17.5, 2: 10, 2.25: 12.5, -1: 20, 3: 20},
        ),
        (
            Real(1e-4, 1.0, 0.01, name="x", scale="log"),
            {0: 1e-4, 0.25: 1e-3, 0.5: 1e-2, 0.75: 0.1, 1: 1},
        ),
        (Integer(3, 6, 4, name="n"), {0: 3, 0.24: 3, 0.26: 4, 0.51: 5, 0.76: 6, 1: 6}),
        (Choice(("a", "b"), "b", name="c"), {0: 0, 0.49: 0, 0.51: 1, 1: 1}),
    ],
    ids=["linear", "reflected", "logarithmic", "integer", "choice"],
)
def test_coordinates_decode_to_their_values(
    parameter: Parameter, values: dict[float, float]
) -> None:
    np.testing.assert_allclose(decoded(parameter, *values), list(values.values()), rtol=1e-12)


def test_weights_are_coordinates_times_scale_in_c_order() -> None:
    points = np.random.default_rng(0).standard_normal((2, 6))
    values = space(Weights((2, 3), 0.5, name="w")).decode(points)
    np.testing.assert_array_equal(values["w"], points.reshape(2, 2, 3) / 2)


def test_a_dependent_bound_is_the_value_of_the_earlier_parameter() -> None:
    both = space(Real(0.0, 1.0, 0.5, name="low"), Real("low", 1.0, 0.75, name="high"))
    values = both.decode(np.array([[0.4, 0.0], [0.4, 0.5], [0.4, 1.0], [1.0, 0.3]]))
    np.testing.assert_allclose(values["high"], [0.4, 0.7, 1.0, 1.0])


# Decoding: properties


@given(parameter=reals() | integers(), coordinate=coordinates)
def test_a_number_stays_within_its_bounds(parameter: Real | Integer, coordinate: float) -> None:
    value = decoded(parameter, coordinate)[0]
    assert not isinstance(parameter.low, str)
    assert parameter.low <= value <= parameter.high
    assert isinstance(parameter, Real) or value == int(value)


@given(
    low=reals("low"),
    unit=st.floats(0, 1),
    above=st.floats(0, 1e6),
    points=st.tuples(*[coordinates] * 2),
)
def test_a_dependent_bound_is_never_crossed(
    low: Real, unit: float, above: float, points: tuple[float, float]
) -> None:
    high = low.high + above
    default = min(max(low.default + unit * (high - low.default), low.default), high)
    both = space(low, Real("low", high, default, name="high", scale=low.scale))
    values = both.decode(np.array([points]))
    assert values["low"][0] <= values["high"][0] <= high
    at_default = both.decode(both.default_point()[None]).values[0]
    np.testing.assert_allclose(at_default, [low.default, default], rtol=1e-6, atol=1e-6)


@given(real=reals(), integer=integers(), choice=choices())
def test_the_default_point_decodes_to_the_defaults(
    real: Real, integer: Integer, choice: Choice
) -> None:
    whole = space(real, integer, choice, Weights((2,), 3.0, name="w"))
    point = whole.default_point()
    assert ((point >= 0) & (point <= 1)).all()
    values = whole.decode(point[None])
    width = real.high - float(real.low)
    np.testing.assert_allclose(values["x"], real.default, rtol=1e-9, atol=1e-9 * width)
    assert values["n"][0] == integer.default
    assert choice.options[int(values["c"][0])] == choice.default
    np.testing.assert_array_equal(values["w"], 0.0)


def test_weights_with_a_seed_default_to_one_draw_of_the_initial_law() -> None:
    n = 20_000
    input_, output = (
        Weights((n,), 3.0, name="input", seed=1),
        Weights((2, n // 2), 3.0, name="output", seed=1),
    )
    whole = space(X, input_, Weights((4,), 1.0, name="bias"), output)
    point = whole.default_point()
    values = whole.decode(point[None])
    np.testing.assert_array_equal(values["input"][0], input_.default)
    np.testing.assert_array_equal(values["output"][0], output.default)
    np.testing.assert_array_equal(values["bias"][0], np.zeros(4))
    assert_law(input_.default, stats.norm(0, 3).cdf, ALPHA)
    # The same arrays have the same default wherever they stand; another name or seed draws anew.
    np.testing.assert_array_equal(space(output, input_).default_point()[n:], point[1 : n + 1])
    for other in (output, Weights((n,), 3.0, name="input", seed=2)):
        correlation = stats.pearsonr(other.default.ravel(), input_.default)
        assert correlation.pvalue > ALPHA / 2


@given(points=st.lists(st.tuples(*[coordinates] * 4), min_size=2, max_size=6))
def test_rows_decode_on_their_own(points: list[tuple[float, ...]]) -> None:
    whole = space(
        Real(0.0, 1.0, 0.5, name="low"),
        Real("low", 1.0, 0.75, name="high"),
        Integer(0, 9, 1, name="n"),
        Weights((1,), 2.0, name="w"),
    )
    together = whole.decode(np.array(points))
    for row in range(len(points)):
        alone = whole.decode(np.array(points[row : row + 1]))
        np.testing.assert_array_equal(together.values[row], alone.values[0])
        np.testing.assert_array_equal(together.rows(slice(row, row + 1)).values, alone.values)


# The initial law


def test_initial_draws_are_uniform_within_bounds_and_normal_for_weights() -> None:
    whole = space(
        Real(-2.0, 6.0, 0.0, name="x"),
        Real(1e-3, 1.0, 0.1, name="tau", scale="log"),
        Integer(0, 3, 1, name="n"),
        Choice(("a", "b", "d"), "a", name="c"),
        Weights((2,), 3.0, name="w"),
    )
    n = 20_000
    points = whole.sample(n, np.random.default_rng(0))
    values = whole.decode(points)
    assert_law(values["x"], stats.uniform(-2, 8).cdf, ALPHA / 5)
    assert_law(values["tau"], stats.loguniform(1e-3, 1.0).cdf, ALPHA / 5)
    assert_frequencies(np.bincount(values["n"].astype(int)), [0.25] * 4, ALPHA / 5)
    assert_frequencies(np.bincount(values["c"].astype(int)), [1 / 3] * 3, ALPHA / 5)
    assert_law(values["w"], stats.norm(0, 3).cdf, ALPHA / 5, control=stats.norm(0, 3.3).cdf)
    np.testing.assert_array_equal(whole.bounded(), [True] * 4 + [False] * 2)


# Names, shapes and mistakes


def test_columns_name_every_coordinate() -> None:
    whole = space(
        Real(0.0, 1.0, 0.5, name="x"), Weights((2, 2), 1.0, name="w"), Integer(0, 9, 1, name="n")
    )
    assert whole.columns == ("x", "w_0", "w_1", "w_2", "w_3", "n")
    assert whole.n_dim == 6
    values = whole.decode(np.zeros((3, 6)))
    assert values.n_candidates == 3
    assert values["x"].shape == (3,)
    assert values["w"].shape == (3, 2, 2)
    with pytest.raises(KeyError, match="no parameter 'y'; there are x, w_0"):
        values["y"]


def test_an_empty_space_and_an_empty_population_are_legal() -> None:
    assert space().decode(np.zeros((4, 0))).values.shape == (4, 0)
    values = space(Weights((2, 2), 1.0, name="w")).decode(np.zeros((0, 4)))
    assert values["w"].shape == (0, 2, 2)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 3), (1, 3, 2)])
def test_points_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    two = space(Real(0.0, 1.0, 0.5, name="x"), Real(0.0, 1.0, 0.5, name="y"))
    with pytest.raises(ValueError, match=r"points must have shape \(n, 2\)"):
        two.decode(np.zeros(shape))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ([X, X], "unique"),
        ([Real(1.0, 0.0, 0.5, name="x")], "low < high"),
        ([Real(1.0, 1.0, 1.0, name="x")], "low < high"),
        ([Real(0.0, float("inf"), 1.0, name="x")], "finite"),
        ([Real(0.0, 1.0, 1.5, name="x")], "default"),
        ([Real(0.0, 1.0, float("nan"), name="x")], "default"),
        ([Real(0.0, 1.0, 0.5, name="x", scale="log")], "log scale"),
        ([X, Real("z", 1.0, 0.5, name="y")], "earlier real parameter"),
        ([Real("x", 1.0, 0.5, name="y"), X], "earlier real parameter"),
        ([Integer(0, 1, 0, name="n"), Real("n", 1.0, 0.5, name="y")], "earlier real parameter"),
        ([X, Real("x", 0.5, 0.5, name="y")], "high <= 0.5"),
        ([X, Real("x", 1.0, 0.4, name="y")], "default must be in \\[0.5, 1.0\\]"),
        ([X, Real("x", 1.0, 0.6, name="y", scale="log")], "log scale"),
        ([Integer(3, 3, 3, name="n")], "low < high"),
        ([Integer(0, 3, 4, name="n")], "default"),
        ([Choice(("a", "b"), "d", name="c")], "option"),
        ([Choice((), "d", name="c")], "option"),
        ([Weights((2,), 0.0, name="w")], "scale"),
        ([Weights((2,), 1.0, name="w", seed=-1)], "seed must be >= 0"),
    ],
)
def test_mistakes_are_named_where_they_are_made(parameters: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        space(*parameters)


@pytest.mark.parametrize(
    ("parameter", "default"),
    [
        (Real(10.0, 20.0), 15.0),
        (Real(1.0, 100.0, scale="log"), 10.0),
        (Real(1e-200, 1e-100, scale="log"), 1e-150),
        (Integer(0, 63), 31),
        (Choice(("b", "a")), "b"),
    ],
)
def test_default_is_the_middle_of_the_range_unless_it_is_given(
    parameter: Parameter, default: float | str
) -> None:
    made = ParameterSpace.of({"x": parameter})
    assert made.parameters[0].default == pytest.approx(default, rel=1e-15)
    if isinstance(parameter, Real):
        assert made.default_point() == pytest.approx(0.5)


def test_a_dictionary_names_its_parameters_in_its_order() -> None:
    named = ParameterSpace.of({"b": Real(0, 1), "a": Weights((2,), 1.0)})
    assert named == space(Real(0, 1, 0.5, name="b"), Weights((2,), 1.0, name="a"))
    assert named.columns == ("b", "a_0", "a_1")
    with pytest.raises(ValueError, match="b: the parameter has the name 'a' already"):
        ParameterSpace.of({"b": Real(0, 1, name="a")})


def test_a_parameter_without_name_or_default_is_refused_where_it_needs_one() -> None:
    with pytest.raises(ValueError, match=r"must have a name, by name=.* or in a dictionary"):
        space(Real(0, 1))
    with pytest.raises(ValueError, match="default is missing"):
        Real("tau", 100.0)
