"""Figures of functions learned from a teacher."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.behaviour.prediction_errors import (
    LINE,
    NETWORK,
    PRIOR,
    Errors,
)
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import TARGET_RANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES: Mapping[str, tuple[str, str]] = {
    NETWORK: (COLOURS["learned"], "-"),
    PRIOR: (COLOURS["reference"], ":"),
    "running mean": (COLOURS["random"], "-."),
    LINE: (COLOURS["default"], "--"),
    "Bayes regression": ("#009E73", "-"),
}
"""Colour and line of each predictor."""


def errors_figure(errors: Errors, n_tasks: int) -> "Figure":
    """Draw mean squared errors by the number of samples seen, with pointwise 95 % intervals."""
    figure = figures.new()
    axes = figure.subplots()
    seen = np.arange(errors.n_samples)
    for name, band in errors.bands.items():
        colour, line = STYLES[name]
        # The network, which comes first, lies above the others.
        width, order = (2.2, 3) if name == NETWORK else (1.4, 2)
        axes.fill_between(seen, band.low, band.high, color=colour, alpha=0.2, lw=0)
        axes.plot(seen, band.mean, color=colour, ls=line, label=name, lw=width, zorder=order)
    if errors.below_line is not None:
        k, prior = errors.below_line, errors.bands[PRIOR]
        others = [band.high[k:].max() for name, band in errors.bands.items() if name != PRIOR]
        free = (max(others) + prior.low[k:].min()) / 2  # between the prior mean and all others
        axes.annotate(
            f"below linear regression\nfrom {k} {'sample' if k == 1 else 'samples'} on",
            (k, errors.bands[NETWORK].mean[k]),
            xytext=(k + 0.5, free),
            verticalalignment="center",
            arrowprops={"arrowstyle": "->", "color": COLOURS["learned"]},
            color=COLOURS["learned"],
            fontsize="small",
        )
    axes.set(xlabel="samples seen before", ylabel="mean squared error")
    axes.set_xlim(-0.5, errors.n_samples - 0.5)
    # A network that errs much more than the prior mean leaves the figure.
    highest = errors.bands[PRIOR].high.max()
    axes.set_ylim(0, 1.05 * max(highest, min(errors.bands[NETWORK].high.max(), 2 * highest)))
    title = f"Learning {n_tasks} new functions (mean, 95 % bootstrap intervals)"
    figures.finish(axes, title, ncols=5, bbox_to_anchor=(-0.02, 1), columnspacing=1.2)
    return figure


def within_reach(values: FloatArray, limits: tuple[float, float]) -> FloatArray:
    """Clip answers that lie further beyond the limits of all targets than these are apart."""
    least, most = limits
    return values.clip(2 * least - most, 2 * most - least)


def stages_figure(
    target: FloatArray, answers: Sequence[FloatArray], titles: Sequence[str], n_tasks: int
) -> "Figure":
    """Draw the targets of one episode, and the answers to them at each stage of training.

    Target and the answers of each stage are (n_steps,); ``n_tasks`` functions gave the errors in
    the stages' titles.
    """
    title = f"The same new function at stages of training (errors: means over {n_tasks} functions)"
    figure = figures.new(0.9 + 1.9 * len(titles), title=title)
    panels = figure.subplots(len(titles), 1, sharex=True)
    sample = np.arange(1, len(target) + 1)
    shown = within_reach(np.concatenate([target, *answers]), TARGET_RANGE)
    for axes, answer, title in zip(panels, answers, titles, strict=True):
        axes.vlines(sample, target, answer, color=COLOURS["random"], lw=0.8, alpha=0.7)
        axes.plot(sample, target, "o-", color=COLOURS["reference"], ms=3.5, lw=1, label="target")
        axes.plot(sample, answer, "s-", color=COLOURS["learned"], ms=3.5, lw=1.4, label="answer")
        axes.set_title(title, loc="left", fontsize="medium")
        axes.set(ylabel="output", xlim=(0.5, len(target) + 0.5))
        figures.bound(axes, shown.min(), shown.max(), 0.08)
        figures.open_frame(axes)
    figures.legend_above(panels[0], ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    panels[-1].set_xlabel("sample of the episode")
    return figure
