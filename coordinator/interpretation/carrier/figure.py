"""The figure of the section ``carrier``: losses by the strength of the lesion."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.carrier import conditions as of
from spikeloop.coordinator.interpretation.carrier.losses import MARGIN
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.coordinator.stats.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spikeloop.coordinator.interpretation.carrier.measurement import Measured

STYLES = {
    "jitter up to J": (COLOURS["learned"], "o-"),
    "delay J / 2": (COLOURS["learned"], "o:"),
    "low-pass filter J": (COLOURS["default"], "s-"),
    "delay J": (COLOURS["default"], "s:"),
    "Poisson of the filtered rate": (COLOURS["random"], "^-"),
    "jitter − delay J / 2": (COLOURS["learned"], "o-"),
    "filter − delay J": (COLOURS["default"], "s-"),
    "Poisson − filter": (COLOURS["random"], "^-"),
    "exchange, equal counts": ("#009E73", "D"),
}
"""Colour and marks of each curve; equal colours belong together."""
TOP = 1.3
"""Largest share of the gain that is shown."""


def losses_figure(measured: "Measured") -> "Figure":
    """Draw losses by J on the left, and losses beyond their controls on the right."""
    returns, tested = measured.returns, measured.tested
    figure = figures.new(3.9)
    left, right = figure.subplots(1, 2, sharex=True)
    ms = np.array(tested) * measured.step_ms
    jitters = [of.jitter(j) for j in tested]
    filters = [of.low_pass(j) for j in tested]
    resamplings = [of.resampling(j) for j in tested]
    _curve(left, ms, [returns.loss(one) for one in jitters], "jitter up to J")
    _curve(left, ms, [returns.loss(one.control) for one in jitters], "delay J / 2")
    _curve(left, ms, [returns.loss(one) for one in filters], "low-pass filter J")
    _curve(left, ms, [returns.loss(one.control) for one in filters], "delay J")
    _curve(left, ms, [returns.loss(one) for one in resamplings], "Poisson of the filtered rate")
    _curve(right, ms, [measured.beyond(one) for one in jitters], "jitter − delay J / 2")
    _curve(right, ms, [measured.beyond(one) for one in filters], "filter − delay J")
    noise = [returns.beyond(*pair) for pair in zip(resamplings, filters, strict=True)]
    _curve(right, ms, noise, "Poisson − filter")
    exchanged = returns.loss(of.EXCHANGES[0])
    _curve(right, np.array([1.7 * ms[-1]]), [exchanged], "exchange, equal counts")
    right.axhspan(-MARGIN, MARGIN, color="0.88", lw=0, zorder=0)
    right.axvline(measured.planned * measured.step_ms, color="0.75", lw=0.8, ls="--", zorder=0)
    for axes, title in ((left, "Loss by a lesion"), (right, "Loss beyond its control")):
        axes.axhline(0, color="0.5", lw=0.7, zorder=0)
        axes.set_xscale("log")
        axes.set_xticks(ms, [f"{x:g}" for x in ms])
        axes.minorticks_off()
        axes.set_xlabel("J (ms)")
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, 1 - 2 * TOP), min(high, TOP))
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}")
        axes.set_title(
            title, loc="left", fontsize="medium", pad=14 * len(axes.get_legend_handles_labels()[0])
        )
        figures.legend_above(axes, ncols=1, fontsize="x-small")
        figures.open_frame(axes)
    left.set_ylabel("% of the gain")
    return figure


def _curve(axes: "Axes", ms: "np.ndarray", points: Sequence[Interval], label: str) -> None:
    """Draw a curve with the intervals of its points."""
    colour, marks = STYLES[label]
    value, low, high = (
        np.array([getattr(one, name) for one in points]) for name in ("value", "low", "high")
    )
    axes.plot(ms, value, marks, color=colour, ms=4, lw=1.4, label=label)
    axes.vlines(ms, low, high, color=colour, lw=1.1)
