"""The figure of the section ``decoding``."""

from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.decoding import features as of
from spikeloop.coordinator.interpretation.decoding.measurement import (
    PERMUTED,
    UNTRAINED,
    Decoding,
)
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = {
    of.COUNTS: (COLOURS["learned"], "o"),
    of.BINS: (COLOURS["default"], "s"),
    of.LATENCIES: ("#009E73", "D"),
    of.SHUFFLED: (COLOURS["best"], "s"),
    PERMUTED: (COLOURS["random"], "x"),
    UNTRAINED: (COLOURS["reference"], "+"),
}
"""Colour and mark of each kind of features and null."""
LEAST = -0.2
"""Of the shares in the figure: what is worse is only known to be useless."""


def decoding_figure(decoding: Decoding) -> "Figure":
    """Draw shares by target and features on the left, and the matrix over time on the right."""
    matrix = len(decoding.over_time) > 0
    figure = figures.new(3.6)
    left, *right = figure.subplots(
        1, 1 + matrix, squeeze=False, width_ratios=[1.25, 1][: 1 + matrix]
    )[0]
    for name, (colour, mark) in STYLES.items():
        offset = 0.12 * (list(STYLES).index(name) - (len(STYLES) - 1) / 2)
        known = [(i, r.share(name)) for i, r in enumerate(decoding.readings) if name in r.explained]
        places = [place + offset for place, _ in known]
        shares = [max(share.value, LEAST) for _, share in known]
        left.plot(places, shares, mark, color=colour, ms=5, ls="", label=name)
        bounds = [np.maximum([share.low, share.high], LEAST) for _, share in known]
        left.vlines(places, *np.array(bounds).T, color=colour, lw=1.4)
    left.axhline(0, color="0.5", lw=0.7, zorder=0)
    left.set_xticks(range(len(decoding.readings)), [r.target for r in decoding.readings])
    left.set_ylabel("share explained")
    lowest = min(r.share(name).low for r in decoding.readings for name in r.explained)
    left.set_ylim(min(-0.03, max(lowest, LEAST)) - 0.03, 1.03)
    left.set_title(f"In decision {decoding.planned + 1}", loc="left", fontsize="medium", pad=36)
    figures.legend_above(left, ncols=3, fontsize="x-small", columnspacing=1, handletextpad=0.3)
    figures.open_frame(left)
    for axes in right:
        shown = axes.imshow(
            np.clip(decoding.over_time, 0, 1), vmin=0, vmax=1, cmap="viridis", origin="lower"
        )
        for place, share in np.ndenumerate(decoding.over_time):
            dark = np.clip(share, 0, 1) < 0.6
            axes.text(
                *place[::-1],
                f"{max(share, 0):.2f}".lstrip("0"),
                ha="center",
                va="center",
                fontsize="x-small",
                color="white" if dark else "black",
            )
        numbers = [at + 1 for at in decoding.decisions]
        axes.set_xticks(range(len(numbers)), numbers)
        axes.set_yticks(range(len(numbers)), numbers)
        axes.set(xlabel="tested at decision", ylabel="fitted at decision")
        axes.set_title(f"{decoding.about} over decisions", loc="left", fontsize="medium")
        figure.colorbar(shown, ax=axes, shrink=0.8, label="share explained")
    return figure
