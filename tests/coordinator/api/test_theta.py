"""A Θ in Python is a mapping from names to physical values that shows itself as a table."""

import numpy as np
import pytest
from support.html_page import HtmlPage

import spikeloop as sl

EVIL = "<script>alert('&')</script>"
SPACE = sl.ParameterSpace.of(
    {
        "tau": sl.Real(1.0, 100.0, 10.0, "ms", "log"),
        "slower": sl.Real("tau", 200.0, 50.0, "ms"),
        "code": sl.Integer(0, 63, 31, "LSB"),
        "rule": sl.Choice(("stdp", EVIL), "stdp"),
        "w": sl.Weights((2, 3), 0.5, "nA"),
    }
)
POINT = np.array([0.5, 0.0, 0.999, 0.9, *np.arange(6.0)])


@pytest.fixture
def theta() -> sl.LearnedTheta:
    return sl.LearnedTheta(SPACE, POINT)


def test_it_is_a_mapping_of_physical_values(theta: sl.LearnedTheta) -> None:
    assert list(theta) == ["tau", "slower", "code", "rule", "w"]
    assert [theta["tau"], theta["slower"]] == pytest.approx([10.0, 10.0])
    assert (theta["code"], theta["rule"]) == (63, EVIL)
    np.testing.assert_array_equal(theta["w"], [[0.0, 0.5, 1.0], [1.5, 2.0, 2.5]])
    with pytest.raises(KeyError):
        _ = theta["no such"]


def test_its_default_is_a_theta_of_its_own(theta: sl.LearnedTheta) -> None:
    assert theta.default["slower"] == pytest.approx(50.0)
    assert (theta.default["code"], theta.default["rule"]) == (31, "stdp")
    np.testing.assert_array_equal(theta.default["w"], np.zeros((2, 3)))


def test_the_frame_has_values_beside_defaults_units_and_bounds(theta: sl.LearnedTheta) -> None:
    frame = theta.frame
    assert list(frame["unit"]) == ["ms", "ms", "LSB", "1", "nA"]
    assert dict(frame[["low", "high", "scale"]].loc["slower"]) == {
        "low": "tau",
        "high": 200.0,
        "scale": "linear",
    }
    assert frame.loc["w", "learned"] is theta["w"]


def test_a_terminal_and_a_notebook_show_it_with_every_text_escaped(theta: sl.LearnedTheta) -> None:
    page = HtmlPage(theta._repr_html_())
    assert page.faults == []
    (rows,) = page.tables.values()
    assert rows[1] == ["tau", "10", "10", "ms", "1 to 100, log"]
    assert rows[4][1] == EVIL
    assert rows[5][1] == "2 × 3 weights, mean 1.25, SD 0.854"
    for cell in (cell for row in rows[1:] for cell in row):
        assert cell in repr(theta)


def test_a_notebook_shows_the_first_of_very_many() -> None:
    space = sl.ParameterSpace.of({f"p{i}": sl.Real(0.0, 1.0) for i in range(60)})
    page = HtmlPage(sl.LearnedTheta(space, space.default_point())._repr_html_())
    ((caption, rows),) = page.tables.items()
    assert "the first 40 of 60" in caption
    assert len(rows) == 41
