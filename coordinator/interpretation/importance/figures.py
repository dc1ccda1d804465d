"""Figures of importance: bars with intervals, and marginal curves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.importance.marginals import Marginals
from spikeloop.coordinator.interpretation.importance.random_points import RandomPoints
from spikeloop.coordinator.interpretation.importance.resampling import Importance
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELS = {
    "fanova": "fANOVA: share of variance explained alone",
    "ped_anova": "PED-ANOVA: divergence among the best",
}
N_DOTS = 500
MOST_PANELS = 12
"""Marginal curves are drawn of the most important hyperparameters."""


def importance_figure(
    names: Sequence[str], measures: Mapping[str, Importance], order: Sequence[int]
) -> "Figure":
    """Draw the importance of each hyperparameter, a panel for each measure."""
    figure = figures.new(1.1 + 0.28 * len(order))
    grid = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    rows = np.arange(len(order))
    for axes, (measure, of) in zip(grid, measures.items(), strict=True):
        value = of.value[order]
        bars = np.abs([value - of.low[order], of.high[order] - value])
        axes.barh(rows, value, color=COLOURS["learned"], height=0.6)
        axes.errorbar(value, rows, xerr=bars, fmt="none", color="k", capsize=2, lw=1)
        axes.axvline(of.chance, color="0.5", lw=1.5, label="chance")
        axes.set(xlabel=LABELS[measure], xlim=(0, None))
        axes.xaxis.label.set_size("small")
        axes.locator_params(axis="x", nbins=4)
        figures.open_frame(axes)
    grid[0].set(yticks=rows, yticklabels=[names[column].replace("_", " ") for column in order])
    grid[0].invert_yaxis()
    grid[-1].legend(frameon=False, fontsize="small", loc="lower right")
    return figure


def marginal_figure(points: RandomPoints, curves: Marginals, order: Sequence[int]) -> "Figure":
    """Draw the mean score over each of the most important hyperparameters."""
    shown = list(order[:MOST_PANELS])
    titles = [points.space.parameters[column].name.replace("_", " ") for column in shown]
    figure, panels = figures.panels(titles, 1.5, 0.5, sharey=True)
    step = max(1, len(points.fitness) // N_DOTS)
    for axes, column in zip(panels, shown, strict=True):
        axes.plot(
            points.points[::step, column], points.fitness[::step], ".", ms=2, color="0.8", zorder=0
        )
        axes.plot(curves.middle[column], curves.mean[column], color=COLOURS["learned"])
        axes.fill_between(
            curves.middle[column],
            curves.low[column],
            curves.high[column],
            color=COLOURS["learned"],
            alpha=0.3,
            lw=0,
        )
        axes.set(xlim=(0, 1))
    figure.supxlabel("place in its range (0: lowest value, 1: highest)", fontsize="small")
    figure.supylabel("score", fontsize="small")
    return figure
