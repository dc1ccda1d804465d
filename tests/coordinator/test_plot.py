import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from spikeloop.coordinator.watch.plot import Scale, Series, draw, nice

FINITE = st.floats(-1e6, 1e6)


def drawn(*series: Series, columns: int, rows: int, dots: bool = False) -> list[str]:
    return [line.plain for line in draw(series, columns, rows, dots)]


def test_known_values_land_in_known_cells() -> None:
    rising = Series("rising", [0, 5, 10], [0.0, 0.5, 1.0], "+", "", line=False)
    low = Series("low", [0, 10], [0.0, 0.0], "o", "", line=False)
    assert drawn(rising, low, columns=16, rows=13) == [
        " 1.0+          +",
        "    |",
        "    |",
        "    |",
        "    |",
        " 0.5+     +",
        "    |",
        "    |",
        "    |",
        "    |",
        " 0.0+o         o",
        "    ++---------+",
        "     0        10",
    ]


def test_dots_of_a_line_land_in_known_cells() -> None:
    line = Series("line", [0, 1], [0.0, 1.0], "+", "")
    # Two cells of 2 x 4 dots: the line goes up through 4 x 4 dots.
    assert drawn(line, columns=5, rows=3, dots=True)[0] == " 1┤⡠⠊"


def test_a_mark_covers_lines_and_numbers_stand_at_their_ticks() -> None:
    line = Series("line", [0, 10], [0.5, 0.5], "-", "blue")
    marks = Series("marks", [0, 10], [0.0, 1.0], "o", "yellow", line=False)
    assert drawn(line, marks, columns=16, rows=9, dots=True) == [
        " 1.0┤          ●",
        "    │",
        "    │",
        " 0.5┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤",
        "    │",
        "    │",
        " 0.0┤●",
        "    └┬─────────┬",
        "     0        10",
    ]
    covering = Series("marks", [10], [0.5], "o", "yellow", line=False)
    assert drawn(line, marks, covering, columns=16, rows=9, dots=True)[3] == " 0.5┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤●"


def test_generations_that_share_a_column_are_drawn_as_their_mean() -> None:
    noisy = Series("noisy", list(range(1000)), [k % 2 for k in range(1000)], "+", "")
    bounds = Series("bounds", [0, 999], [0.0, 1.0], ".", "", line=False)
    shown = drawn(noisy, bounds, columns=30, rows=13)
    assert {row for row, line in enumerate(shown[:11]) if "+" in line[5:]} == {5}


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0.0, 0.5, 1.0]),
        (0.12, 0.87, [0.0, 0.5, 1.0]),
        (-3.0, 4.0, [-5.0, 0.0, 5.0]),
        (990.0, 1010.0, [990.0, 1000.0, 1010.0]),
    ],
)
def test_ticks_are_round_and_around_the_values(low: float, high: float, ticks: list[float]) -> None:
    assert nice(low, high, 2) == pytest.approx(ticks)


@given(FINITE, FINITE, st.integers(1, 12))
def test_ticks_enclose_whatever_there_is(one: float, other: float, n: int) -> None:
    low, high = min(one, other), max(one, other)
    ticks = nice(low, high, n)
    slack = 1e-6 * max(abs(low), abs(high), 1e-3)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= n + 3
    assert ticks == sorted(set(ticks))


@given(
    st.lists(st.one_of(FINITE, st.just(math.nan)), max_size=300),
    st.integers(30, 140),
    st.integers(5, 30),
    st.booleans(),
)
def test_a_plot_has_its_size_whatever_is_drawn(
    values: list[float], columns: int, rows: int, dots: bool
) -> None:
    series = Series("any", list(range(len(values))), values, "+", "")
    shown = draw([series], columns, rows, dots)
    assert len(shown) == rows
    assert max(line.cell_len for line in shown) <= columns


def test_the_ends_of_a_scale_are_its_first_and_last_place() -> None:
    scale = Scale(-1.0, 3.0, 5)
    assert [scale.place(v) for v in (-9.0, -1.0, 0.0, 1.0, 3.0, 9.0)] == [0, 0, 1, 2, 4, 4]
