"""Figures of a distilled rule: surfaces, coefficients, and what formulas explain and recover."""

from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.rule.chip_rules import formula_of
from spikeloop.coordinator.interpretation.rule.distilled import UNIFORM, Distilled
from spikeloop.coordinator.interpretation.rule.states import COLUMNS, States
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.tasks.base import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_GRID = 31
N_DOTS = 400
PANELS = (
    ("chosen, reward", 0, 1.0),
    ("chosen, none", 0, 0.0),
    ("other, reward", 1, 1.0),
    ("other, none", 1, 0.0),
)


def surface_figure(about: Distilled) -> "Figure":
    """Draw the changes of the rule above those of its short formula, over own and others' values.

    Saturation is left out, so that the rule itself is seen.
    """
    rule, formula = about.rule, about.rule.compiled(formula_of(about.short))
    figure = figures.new(3.6)
    grid = figure.subplots(2, len(PANELS), sharex=True, sharey=True)
    for axes, (title, _, _) in zip(grid[0], PANELS, strict=True):
        axes.set_title(title, fontsize="small")
    at = (np.arange(N_GRID) + 0.5) / N_GRID
    own, others = (x.ravel() for x in np.meshgrid(at, at))
    maps: list[list[FloatArray]] = []
    for which in (rule, formula):
        by_reward = {
            reward: which.changes(own, others, np.full(own.size, 0.5), np.full(own.size, reward))
            for reward in (1.0, 0.0)
        }
        maps.append([by_reward[reward][action] for _, action, reward in PANELS])
    largest = float(np.abs(maps).max()) or 1.0
    for row, of_rule, name in zip(
        grid, maps, (rule.learner.program.kind.replace("_", " "), "formula"), strict=True
    ):
        for axes, change, (_, action, reward) in zip(row, of_rule, PANELS, strict=True):
            image = axes.imshow(
                change.reshape(N_GRID, N_GRID),
                origin="lower",
                extent=(0, 1, 0, 1),
                cmap="RdBu_r",
                vmin=-largest,
                vmax=largest,
            )
            _dots(axes, about.visited, action == 0, reward)
            axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        row[0].set_ylabel(name)
    figure.supxlabel("own value", fontsize="medium")
    figure.supylabel("mean of the others' values", fontsize="medium")
    figure.colorbar(image, ax=grid, label="change of the value by one pull", shrink=0.8)
    return figure


def _dots(axes: "Axes", visited: States, chosen: bool, reward: float) -> None:
    """Mark some of the visited states, evenly spread over episodes and time."""
    shown = (visited.chosen == chosen) & (visited.reward == reward)
    own, others = visited.own[shown], visited.others[shown]
    step = max(1, len(own) // N_DOTS)
    axes.plot(own[::step], others[::step], ".", color="k", ms=1.5, alpha=0.5)


def coefficient_figure(about: Distilled) -> "Figure":
    """Draw the coefficients of the short formula with their intervals."""
    formulas, short = about.formulas, about.short
    figure = figures.new(1.3 + 0.3 * len(short.support))
    axes, shares = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    names = []
    for row, column in enumerate(short.support):
        who, term = COLUMNS[column]
        names.append(f"{who}: {term.replace('*', ' ')}")
        value = short.coefficients[column]
        bars = [[value - formulas.low[column]], [formulas.high[column] - value]]
        colour = COLOURS["learned"] if who == "chosen" else COLOURS["default"]
        axes.errorbar([value], [row], xerr=np.abs(bars), fmt="o", ms=5, capsize=3, color=colour)
        shares.barh(row, 100 * formulas.selected[column], color="0.75")
    axes.axvline(0, color="0.8", lw=0.8, zorder=0)
    axes.set(yticks=range(len(names)), yticklabels=names, xlabel="coefficient")
    axes.invert_yaxis()
    shares.set(xlim=(0, 100), xlabel="chosen by resamples (%)")
    for each in (axes, shares):
        figures.open_frame(each)
    return figure


def path_figure(about: Distilled) -> "Figure":
    """Draw R² and the recovered share of the gain over the number of terms."""
    formulas = about.formulas
    figure = figures.new(3.2)
    explained, gained = figure.subplots(1, 2)
    n_terms = np.array([len(fit.support) for fit in formulas.fits])
    explained.plot(
        n_terms, formulas.on_policy, "o-", ms=3, color=COLOURS["learned"], label="visited states"
    )
    if formulas.off_policy:
        explained.plot(
            n_terms, formulas.off_policy, "s--", ms=3, color=COLOURS["default"], label="uniform"
        )
    explained.set(xlabel="terms", ylabel="R²", ylim=(-0.05, 1.03))
    places = sorted(about.played)
    series: list[tuple[str, str, list[Interval | None]]] = [
        (f"over {UNIFORM}", COLOURS["learned"], [about.over_uniform(p) for p in places]),
        (f"over {about.beside}", COLOURS["default"], [about.over_beside(p) for p in places]),
    ]
    for label, colour, found in series:
        shown = [(n_terms[p], x) for p, x in zip(places, found, strict=True) if x is not None]
        if shown:
            at, value, low, high = np.array([(n, x.value, x.low, x.high) for n, x in shown]).T
            bars = 100 * np.array([value - low, high - value])
            gained.errorbar(
                at, 100 * value, bars, fmt="o-", ms=3, capsize=2, color=colour, label=label
            )
    gained.axhline(100, color="0.8", lw=0.8, zorder=0)
    gained.set(xlabel="terms", ylabel="recovered gain (%)", ylim=(-50, 130))
    for axes in (explained, gained):
        axes.axvline(n_terms[formulas.short], color="0.6", ls=":", lw=1, zorder=0)
        axes.legend(frameon=False, fontsize="small", loc="lower right")
        figures.open_frame(axes)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure
