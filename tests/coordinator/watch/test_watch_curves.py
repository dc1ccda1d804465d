import math

import hypothesis.strategies as st
from hypothesis import given

from spikeloop.coordinator.watch.curves import Series, draw_curves

FINITE = st.floats(-1e6, 1e6)


def lines(*series: Series, columns: int, rows: int, braille: bool = False) -> list[str]:
    return draw_curves(series, columns, rows, braille).plain.split("\n")


def test_letters_stand_at_their_values_beside_round_ticks() -> None:
    rising = Series("rising", [0, 5, 10], [0.0, 0.5, 1.0], "+", 6, joined=False)
    low = Series("low", [0, 10], [0.0, 0.0], "o", 5, joined=False)
    shown = [line.rstrip() for line in lines(rising, low, columns=17, rows=13)]
    assert shown[0].split() == ["1.0+", "+"]
    assert shown[5].split() == ["0.5+", "+"]
    assert shown[10].split() == ["0.0+o", "o"]
    assert shown[12].split() == ["0", "10"]


def test_marks_lie_over_braille_lines() -> None:
    line = Series("line", [0, 10], [0.5, 0.5], "-", 5)
    marks = Series("marks", [0, 10], [0.0, 1.0], "o", 11, joined=False)
    covering = Series("marks", [10], [0.5], "o", 11, joined=False)
    both = "".join(lines(line, marks, columns=17, rows=9, braille=True))
    covered = "".join(lines(line, marks, covering, columns=17, rows=9, braille=True))
    assert [text.count("●") for text in (both, covered)] == [2, 3]
    dots = [sum(0x2800 < ord(c) < 0x2900 for c in text) for text in (both, covered)]
    assert dots[1] == dots[0] - 1 > 5


def test_generations_that_share_a_column_are_drawn_as_their_mean() -> None:
    noisy = Series("noisy", list(range(1000)), [k % 2 for k in range(1000)], "+", 6)
    bounds = Series("bounds", [0, 999], [0.0, 1.0], ".", 5, joined=False)
    shown = lines(noisy, bounds, columns=30, rows=13)
    heights = {row for row, line in enumerate(shown[:11]) if "+" in line[5:]}
    assert heights <= {4, 5, 6}


@given(
    st.lists(st.one_of(FINITE, st.just(math.nan)), max_size=300),
    FINITE,
    *(st.integers(30, 140), st.integers(5, 30), st.booleans()),
)
def test_a_plot_has_its_size_for_all_values(
    values: list[float], last: float, columns: int, rows: int, braille: bool
) -> None:
    series = Series("any", list(range(len(values) + 1)), [*values, last], "+", 6)
    shown = lines(series, columns=columns, rows=rows, braille=braille)
    assert len(shown) == rows
    assert max(map(len, shown)) <= columns
