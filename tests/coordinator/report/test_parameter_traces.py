"""The figure of a population's course shows its exact numbers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.parameter_traces import (
    MAX_PANELS,
    reported_numbers,
    set_range,
    shorten,
    summary_figure,
    traces_figure,
)
from spikeloop.workers.parameter_types import Choice, Integer, Real, Weights
from spikeloop.workers.space import ParameterSpace

SPACE = ParameterSpace.of(
    {
        "tau": Real(1e-4, 1e-1, 1e-2, unit="s", scale="log"),
        "low": Real(0, 2, 0.5),
        "high": Real("low", 3, 1.0),
        "weight": Integer(0, 63, 20),
        "coding": Choice(("fired", "first", "often"), "first"),
        "w": Weights((3, 4), 0.5),
    }
)


def population(space: ParameterSpace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Candidates of three generations, and what was recommended before and after some."""
    rng = np.random.default_rng(0)
    frames = []
    for generation in (1, 2, 3):
        values = space.decode(space.sample(20, rng)).values
        frame = pd.DataFrame(values, columns=[f"theta_{name}" for name in space.columns])
        frames.append(frame.assign(generation=generation))
    recommended = space.decode(space.sample(3, rng)).values
    return pd.concat(frames), pd.DataFrame(recommended, index=[0, 2, 3])


def drawn(space: ParameterSpace) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    candidates, recommended = population(space)
    figure = traces_figure(candidates, recommended, space)
    assert figure is not None
    return {axes.get_title("left"): axes for axes in figure.axes}, candidates, recommended


def line(axes: Any, label: str) -> Any:
    (found,) = (one for one in axes.lines if one.get_label() == label)
    return found


def test_lines_are_median_recommendation_and_default() -> None:
    panels, candidates, recommended = drawn(SPACE)
    for column, title in enumerate(("tau (s)", "low", "high", "weight")):
        name = f"theta_{SPACE.columns[column]}"
        median = candidates.groupby("generation")[name].median()
        shown = line(panels[title], "population: median")
        np.testing.assert_array_equal(shown.get_xdata(), [1, 2, 3])
        np.testing.assert_allclose(shown.get_ydata(), median)
        shown = line(panels[title], "recommended")
        np.testing.assert_array_equal(shown.get_xdata(), [0, 2, 3])
        np.testing.assert_array_equal(shown.get_ydata(), recommended[column])
    for title, default in (("tau (s)", 1e-2), ("low", 0.5), ("high", 1.0), ("weight", 20)):
        np.testing.assert_allclose(line(panels[title], "default").get_ydata(), default)


def test_band_is_from_the_5th_to_the_95th_percentile() -> None:
    panels, candidates, _ = drawn(SPACE)
    (band,) = panels["low"].collections
    corners = band.get_paths()[0].vertices
    for generation, values in candidates.groupby("generation")["theta_low"]:
        heights = corners[corners[:, 0] == generation, 1]
        np.testing.assert_allclose([heights.min(), heights.max()], values.quantile([0.05, 0.95]))


def test_axes_have_the_scale_and_range_of_the_search() -> None:
    panels, _, _ = drawn(SPACE)
    assert {title for title, axes in panels.items() if axes.get_yscale() == "log"} == {"tau (s)"}
    for title, low, high in (("tau (s)", 1e-4, 1e-1), ("high", 0, 3), ("weight", 0, 63)):
        bottom, top = panels[title].get_ylim()
        assert bottom < low < high < top < 1.5 * high


def test_rows_of_a_choice_are_as_thick_as_the_shares_of_its_options() -> None:
    panels, candidates, recommended = drawn(SPACE)
    axes = panels["coding"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["fired", "first", "often"]
    for option, row in enumerate(axes.collections):
        corners = row.get_paths()[0].vertices
        for generation, values in candidates.groupby("generation")["theta_coding"]:
            heights = corners[corners[:, 0] == generation, 1]
            share = (values == option).mean()
            np.testing.assert_allclose(np.ptp(heights), 0.9 * share, atol=1e-12)
    default, chosen = axes.lines
    np.testing.assert_array_equal(default.get_ydata(), [1, 1])
    np.testing.assert_array_equal(chosen.get_ydata(), recommended[4])


def test_weights_are_taken_together_and_have_no_single_recommendation() -> None:
    panels, candidates, _ = drawn(SPACE)
    (median,) = panels["w"].lines
    names = [f"theta_w_{i}" for i in range(12)]
    for generation, height in zip((1, 2, 3), median.get_ydata(), strict=True):
        values = candidates.loc[candidates["generation"] == generation, names]
        assert height == pytest.approx(np.median(values.to_numpy()))


def test_the_number_of_panels_is_limited() -> None:
    many = ParameterSpace(tuple(Real(0, 1, 0.5, name=f"p{i}") for i in range(30)))
    panels, _, _ = drawn(many)
    assert list(panels) == [f"p{i}" for i in range(MAX_PANELS)]
    bare = pd.DataFrame({"generation": [1], "fitness": [0.0]})
    assert traces_figure(bare, pd.DataFrame(np.empty((2, 30))), many) is None


def test_summary_shows_each_number_of_the_strategy() -> None:
    generations = pd.DataFrame(
        {
            "generation": [1, 2],
            "mean": [0, 1],
            "strategy_sigma": [1.0, 0.01],
            "strategy_x": [-1.0, 3],
        }
    )
    assert reported_numbers(generations) == ["sigma", "x"]
    sigma, x = summary_figure(generations).axes
    assert (sigma.get_yscale(), x.get_yscale()) == ("log", "linear")
    np.testing.assert_array_equal(sigma.lines[0].get_ydata(), [1.0, 0.01])


@pytest.mark.parametrize("high", [3.0, 0.3, 0.02, 20.0])
def test_every_log_axis_has_at_least_two_plain_ticks(high: float) -> None:
    axes = figures.new().subplots()
    set_range(axes, "y", 0.01, high, log=True)
    low, top = axes.get_ylim()
    inside = [tick for tick in axes.get_yticks() if low <= tick <= top]
    assert len(inside) >= 2
    assert axes.yaxis.get_major_formatter()(0.02) == "0.02"


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [("gamma", 5, "gamma"), ("abcdef", 5, "ab…ef"), ("abcdefg", 6, "abc…fg")],
)
def test_shortened_text_keeps_both_ends(text: str, length: int, short: str) -> None:
    assert shorten(text, length) == short
