"""Pictures of functions learned from a teacher: axes in, axes out."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.answers import LINE, NETWORK, PRIOR, Errors
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.tasks.base import FloatArray

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


def draw_errors(axes: "Axes", errors: Errors) -> "Axes":
    """Mean squared error by the number of samples seen before, with pointwise 95 % intervals."""
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
        free = (max(others) + prior.low[k:].min()) / 2  # between who knows nothing and all others
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
    # A network that errs much more than who knows nothing leaves the picture.
    highest = errors.bands[PRIOR].high.max()
    axes.set_ylim(0, 1.05 * max(highest, min(errors.bands[NETWORK].high.max(), 2 * highest)))
    axes.legend(
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1),
        ncols=5,
        fontsize="small",
        columnspacing=1.2,
    )
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def draw_stages(
    panels: Sequence["Axes"],
    target: FloatArray,
    answers: Sequence[FloatArray],
    titles: Sequence[str],
    limits: tuple[float, float],
) -> None:
    """The targets of one episode, and what the network answers in it at each stage of its training.

    Args:
        panels: one for each stage, from top to bottom.
        target: (n_steps,).
        answers: for each stage, (n_steps,).
        titles: of the stages.
        limits: of all targets; answers that lie further beyond them than they are apart leave the
            picture.
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
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(
        frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize="small"
    )
    panels[-1].set_xlabel("sample of the episode")
