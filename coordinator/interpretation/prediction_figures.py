"""Figures of functions learned from a teacher."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.prediction_errors import LINE, NETWORK, PRIOR, Errors
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import TARGET_RANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES: Mapping[str, tuple[str, str]] = {
    NETWORK: (COLOURS["learned"], "-"),
    PRIOR: (COLOURS["reference"], ":"),
    "running mean": (COLOURS["random"], "-."),
    LINE: (COLOURS["default"], "--"),
    "Bayes regression": ("#009E73", "-"),
}
"""Colour and line of each predictor."""


def errors_figure(errors: Errors, n_tasks: int, path: Path) -> Path:
    """Write the figure of errors on so many new functions."""
    figure = figures.new()
    axes = figure.subplots()
    draw_errors(axes, errors)
    axes.set_title(
        f"Learning {n_tasks} new functions (mean, 95 % bootstrap intervals)", loc="left", pad=30
    )
    return figures.save(figure, path)


def stages_figure(
    target: FloatArray,
    answers: Sequence[FloatArray],
    titles: Sequence[str],
    n_tasks: int,
    path: Path,
) -> Path:
    """Write the figure of ``draw_stages``; ``n_tasks`` functions gave the errors in its titles."""
    title = f"The same new function at stages of training (errors: means over {n_tasks} functions)"
    figure = figures.new(0.9 + 1.9 * len(titles), title=title)
    panels = figure.subplots(len(titles), 1, sharex=True)
    draw_stages(panels, target, answers, titles, TARGET_RANGE)
    return figures.save(figure, path)


def draw_errors(axes: "Axes", errors: Errors) -> None:
    """Draw mean squared errors by the number of samples seen, with pointwise 95 % intervals."""
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
    figures.legend_above(axes, ncols=5, bbox_to_anchor=(-0.02, 1), columnspacing=1.2)
    figures.open_frame(axes)


def draw_stages(
    panels: Sequence["Axes"],
    target: FloatArray,
    answers: Sequence[FloatArray],
    titles: Sequence[str],
    limits: tuple[float, float],
) -> None:
    """Draw the targets of one episode, and the answers to them at each stage of training.

    Args:
        panels: one for each stage, from top to bottom.
        target: (n_steps,).
        answers: for each stage, (n_steps,).
        titles: of the stages.
        limits: of all targets; answers further beyond them than they are apart leave the figure.
    """
    sample = np.arange(1, len(target) + 1)
    least, most = limits
    shown = np.concatenate([target, *answers]).clip(2 * least - most, 2 * most - least)
    low, high = float(shown.min()), float(shown.max())
    margin = 0.08 * (high - low)
    for axes, answer, title in zip(panels, answers, titles, strict=True):
        axes.vlines(sample, target, answer, color=COLOURS["random"], lw=0.8, alpha=0.7)
        axes.plot(sample, target, "o-", color=COLOURS["reference"], ms=3.5, lw=1, label="target")
        axes.plot(sample, answer, "s-", color=COLOURS["learned"], ms=3.5, lw=1.4, label="answer")
        axes.set_title(title, loc="left", fontsize="medium")
        axes.set(ylabel="output", ylim=(low - margin, high + margin))
        axes.set_xlim(0.5, len(target) + 0.5)
        figures.open_frame(axes)
    figures.legend_above(panels[0], ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    panels[-1].set_xlabel("sample of the episode")
