"""Figures of fitted policies: likelihoods, recovery, and choices beside those of a model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.policy.curves import Curves
from spikeloop.coordinator.interpretation.policy.recovery import Recovery
from spikeloop.coordinator.interpretation.policy.simple_models import Random
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.coordinator.stats.bootstrap import Interval

CHANCE = Random().name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def likelihood_figure(
    held_out: Mapping[str, Interval], ceiling: Mapping[int, Interval], best: str
) -> "Figure":
    """Draw nats per held-out choice of each model, the best on top, and the ceilings as lines."""
    order = sorted(held_out, key=lambda name: held_out[name].value)
    figure = figures.new(1.1 + 0.24 * len(order))
    axes = figure.subplots()
    least = min(held_out[name].low for name in order if name != CHANCE)
    most = max(one.high for one in (*held_out.values(), *ceiling.values()))
    margin = 0.06 * (most - least)
    for row, name in enumerate(order):
        one = held_out[name]
        if name == CHANCE:  # so far away that nothing else could be seen
            axes.annotate(
                f"← {one.value:.3f}".replace("-", "−"),
                (0.01, row),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize="small",
                color=COLOURS["reference"],
            )
            continue
        colour = COLOURS["learned"] if name == best else COLOURS["reference"]
        axes.plot([one.low, one.high], [row, row], color=colour, lw=2)
        axes.plot(one.value, row, "o", color=colour, ms=5)
    styles = dict(zip(ceiling, (":", "--", "-"), strict=False))
    for units, one in ceiling.items():
        axes.axvline(one.value, color=COLOURS["default"], ls=styles[units], lw=1.2, zorder=0)
        label = f"{units} gated unit{'s' if units > 1 else ''}"
        axes.plot([], [], color=COLOURS["default"], ls=styles[units], lw=1.2, label=label)
    axes.set_yticks(range(len(order)), order, fontsize="small")
    axes.set(xlabel="log likelihood of a held-out choice (nats)", ylim=(-0.6, len(order) - 0.4))
    axes.set_xlim(least - margin, most + margin)
    figures.open_frame(axes)
    _legend(figure, axes)
    return figure


def recovery_figure(recovery: Recovery) -> "Figure":
    """Draw on what share of its data sets each model is recognised as which."""
    n = len(recovery.names)
    share = recovery.best / recovery.best.sum(axis=1, keepdims=True)
    figure = figures.new(2.3 + 0.25 * n)
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in zip(*np.nonzero(recovery.best), strict=True):
        colour = "white" if share[row, column] > 0.5 else "black"
        text = "1" if share[row, column] == 1 else f"{share[row, column]:.2f}".removeprefix("0")
        axes.text(column, row, text, color=colour, ha="center", va="center", fontsize="xx-small")
    names = [f"{name} ({recovery.best[row].sum()})" for row, name in enumerate(recovery.names)]
    axes.set_yticks(range(n), names, fontsize="x-small")
    axes.set_xticks(range(n), recovery.names, fontsize="x-small", rotation=90)
    axes.set(xlabel="recognised as (least BIC)", ylabel="simulated model (data sets)")
    figure.colorbar(image, ax=axes, shrink=0.6, label="share of data sets")
    return figure


def choices_figure(shown: Mapping[str, Curves], success: str) -> "Figure":
    """Draw curves of choices by pull: of the learner first, then of models in the same tasks.

    ``success`` names the first curve.
    """
    figure = figures.new(3.2)
    panels = figure.subplots(1, 3, sharex=True)
    titles = (success, "switch after a reward", "switch after no reward")
    colours = [COLOURS[name] for name in ("reference", "learned", "default")]
    for place, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        for (name, one), colour in zip(shown.items(), colours, strict=False):
            band = (one.success, one.after_reward, one.after_none)[place]
            first = 1 if place == 0 else 2
            pull = np.arange(first, first + len(band.mean))
            axes.fill_between(pull, band.low, band.high, color=colour, alpha=0.2, lw=0)
            axes.plot(pull, band.mean, color=colour, lw=1.3, label=name)
        axes.set_title(title, loc="left", fontsize="small")
        axes.set(xlabel="pull", ylim=(0, None))
        figures.open_frame(axes)
    panels[0].set_ylabel("share of episodes")
    _legend(figure, panels[0])
    return figure


def _legend(figure: "Figure", axes: "Axes") -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=len(labels),
        frameon=False,
        fontsize="small",
    )
