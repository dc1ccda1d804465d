"""The figures of a comparison, and those of them that show runs and seeds as points."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.comparison_curves import (
    ANYTIME,
    FEW,
    PROFILE,
    LineStyle,
    draw_anytime,
    draw_by_strategy,
    draw_profile,
    line_styles,
    styled,
)
from spikeloop.tasks.base import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def write_comparison_figures(folder: Path) -> list[Path]:
    """Draw the figures of a comparison folder as PNG, and return their files."""
    from spikeloop.coordinator.comparison import session

    found = session.find(session.read_config(folder), folder)
    (folder / "figures").mkdir(exist_ok=True)
    return [
        figures.save(figure, folder / "figures" / f"{name}.png")
        for name, figure in comparison_figures(found)
    ]


@dataclass(frozen=True)
class Plot:
    """A figure of one pair of axes: how it is drawn on them, and its height in inches."""

    draw: "Callable[[Axes, Findings], None]"
    height: Callable[[Findings], float]

    def figure(self, found: Findings) -> "Figure":
        """Make a figure of it alone."""
        figure = figures.new(self.height(found))
        self.draw(figure.subplots(), found)
        return figure


def comparison_figures(found: Findings) -> "Iterator[tuple[str, Figure]]":
    """Draw every figure that there is data for, and yield it with its name."""
    few = len(found.variants) <= FEW
    measured = [variant for variant in found.variants if np.isfinite(variant.scores).any()]
    if any(np.isfinite(variant.anytime.value).any() for variant in found.variants):
        yield "anytime", PLOTS["anytime"].figure(found)
        if not few:
            yield "anytime_by_strategy", draw_by_strategy(found, ANYTIME)
    if measured:
        yield "scores", PLOTS["scores"].figure(found)
    if any(comparison.n for comparison in found.comparisons):
        yield "differences", PLOTS["differences"].figure(found)
    if measured:
        drawn = PLOTS["profile"].figure(found) if few else draw_by_strategy(found, PROFILE)
        yield "profile", drawn


def draw_scores(axes: "Axes", found: Findings) -> None:
    """Draw the final score of each run, and the interquartile mean with its interval."""
    _rows(axes, [variant.name for variant in found.variants])
    for row, (variant, style) in enumerate(styled(found)):
        scores = variant.scores[np.isfinite(variant.scores)]
        _points(axes, scores, row, style.colour, style.marker)
        _estimate(axes, variant.iqm, row, style)
        if variant.n_failed:
            _note(axes, row, f"{variant.n_failed} failed")
    axes.set_xlabel("held-out score at the end of the search (0 by chance, 1 at the optimum)")


def draw_differences(axes: "Axes", found: Findings) -> None:
    """Draw the planned comparisons: differences by seed, and their mean with its interval."""
    styles = line_styles(found)
    _rows(axes, [f"{c.variant}\n− {c.other}" for c in found.comparisons])
    axes.axvline(0.0, color=figures.COLOURS["reference"], lw=0.9, ls=":")
    for row, comparison in enumerate(found.comparisons):
        style = styles[comparison.variant]
        _points(axes, comparison.differences, row, style.colour, style.marker)
        _estimate(axes, comparison.difference, row, style)
        p = "" if not np.isfinite(comparison.p_holm) else f"\np = {comparison.p_holm:.3g}"
        verdict = comparison.verdict.replace("difference ", "difference\n")
        _note(axes, row, f"{verdict}{p}")
    axes.set_xlabel("difference of held-out scores, paired by seed")


def _rows(axes: "Axes", names: Sequence[str]) -> None:
    """Give axes a named row for each variant or comparison, the first on top."""
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.set_ylim(len(names) - 0.4, -0.6)
    figures.open_frame(axes, "top", "right", "left")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#EEEEEE")
    axes.set_axisbelow(True)


def _points(axes: "Axes", values: FloatArray, row: int, colour: str, marker: str) -> None:
    """Draw the runs, a little above and below one another in the order of their seeds."""
    offset = row + 0.22 + 0.12 * ((np.arange(values.size) % 3) - 1)
    axes.plot(values, offset, marker, ms=3.5, color=colour, alpha=0.55, mew=0, ls="none")


def _estimate(axes: "Axes", interval: Any, row: int, style: LineStyle) -> None:
    if not np.isfinite(interval.value):
        return
    if np.isfinite([interval.low, interval.high]).all():
        axes.plot([interval.low, interval.high], [row - 0.12] * 2, color=style.colour, lw=2)
    axes.plot(
        interval.value,
        row - 0.12,
        style.marker,
        ms=7,
        mfc="white" if style.line == "--" else style.colour,
        mec=style.colour,
        mew=1.6,
    )


def _note(axes: "Axes", row: int, text: str) -> None:
    axes.annotate(
        text, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize="x-small"
    )


PLOTS = {
    "anytime": Plot(draw_anytime, lambda found: max(4.2, 0.6 + 0.2 * len(found.variants))),
    "scores": Plot(draw_scores, lambda found: 0.9 + 0.42 * len(found.variants)),
    "differences": Plot(draw_differences, lambda found: 0.9 + 0.52 * len(found.comparisons)),
    "profile": Plot(draw_profile, lambda found: 4.2),
}
"""The figures of all variants together, by name."""
