"""The figures of a comparison: which there are, and those that show runs and seeds as points."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.comparison_curves import (
    FEW,
    Look,
    draw_anytime,
    draw_anytime_by_strategy,
    draw_profile,
    draw_profile_by_strategy,
    looks,
    styled,
)
from spikeloop.tasks.base import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def write_comparison_figures(folder: Path) -> list[Path]:
    """Draws the figures of a comparison folder as PNG, and gives their files."""
    import matplotlib

    from spikeloop.coordinator.comparison import session

    matplotlib.use("Agg")
    found = session.find(session.read_config(folder), folder)
    (folder / "figures").mkdir(exist_ok=True)
    return [
        figures.save(figure, folder / "figures" / f"{name}.png")
        for name, figure in comparison_figures(found)
    ]


def comparison_figures(found: Findings) -> "Iterator[tuple[str, Figure]]":
    """Every figure that there is data for, with its name."""
    few = len(found.variants) <= FEW
    measured = [variant for variant in found.variants if np.isfinite(variant.scores).any()]
    if any(np.isfinite(variant.anytime.value).any() for variant in found.variants):
        yield "anytime", draw_anytime(found)
        if not few:
            yield "anytime_by_strategy", draw_anytime_by_strategy(found)
    if measured:
        yield "scores", draw_scores(found)
    if any(comparison.n for comparison in found.comparisons):
        yield "differences", draw_differences(found)
    if measured:
        yield "profile", draw_profile(found) if few else draw_profile_by_strategy(found)


def draw_scores(found: Findings) -> "Figure":
    """Every run's final score as a point, and the interquartile mean with its interval."""
    figure, axes = _rows([variant.name for variant in found.variants])
    for row, (variant, look) in enumerate(styled(found)):
        scores = variant.scores[np.isfinite(variant.scores)]
        _points(axes, scores, row, look.colour, look.marker)
        _estimate(axes, variant.iqm, row, look)
        if variant.n_failed:
            _note(axes, row, f"{variant.n_failed} failed")
    axes.set_xlabel("held-out score at the end of the budget (0 by chance, 1 at the optimum)")
    return figure


def draw_differences(found: Findings) -> "Figure":
    """Differences of the planned comparisons, seed by seed, and their mean with its interval."""
    styles = looks(found)
    names = [f"{c.variant}\n− {c.other}" for c in found.comparisons]
    figure, axes = _rows(names, height=0.52)
    axes.axvline(0.0, color=figures.COLOURS["reference"], lw=0.9, ls=":")
    for row, comparison in enumerate(found.comparisons):
        look = styles[comparison.variant]
        _points(axes, comparison.differences, row, look.colour, look.marker)
        _estimate(axes, comparison.difference, row, look)
        p = "" if not np.isfinite(comparison.p_holm) else f"\np = {comparison.p_holm:.3g}"
        verdict = comparison.verdict.replace("difference ", "difference\n")
        _note(axes, row, f"{verdict}{p}")
    axes.set_xlabel("difference of held-out scores, paired by seed")
    return figure


def _rows(names: Sequence[str], height: float = 0.42) -> "tuple[Figure, Axes]":
    """Axes with a named row for each variant or comparison, the first on top."""
    figure = figures.new()
    figure.set_size_inches(7.2, 0.9 + height * len(names))
    axes = figure.subplots()
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#EEEEEE")
    axes.set_axisbelow(True)
    return figure, axes


def _points(axes: "Axes", values: FloatArray, row: int, colour: str, marker: str) -> None:
    """The runs, a little above and below one another in the order of their seeds."""
    offset = row + 0.22 + 0.12 * ((np.arange(values.size) % 3) - 1)
    axes.plot(values, offset, marker, ms=3.5, color=colour, alpha=0.55, mew=0, ls="none")


def _estimate(axes: "Axes", interval: Any, row: int, look: Look) -> None:
    if not np.isfinite(interval.value):
        return
    if np.isfinite([interval.low, interval.high]).all():
        axes.plot([interval.low, interval.high], [row - 0.12] * 2, color=look.colour, lw=2)
    axes.plot(
        interval.value,
        row - 0.12,
        look.marker,
        ms=7,
        mfc="white" if look.line == "--" else look.colour,
        mec=look.colour,
        mew=1.6,
    )


def _note(axes: "Axes", row: int, text: str) -> None:
    axes.annotate(
        text, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize="x-small"
    )
