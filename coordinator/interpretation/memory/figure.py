"""The figure of the section ``memory``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.memory.lesions import PARTS, StateLesion
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.coordinator.stats.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spikeloop.coordinator.interpretation.memory.measurement import Memory

OF_PART = dict(
    zip(PARTS, (COLOURS["default"], COLOURS["learned"], COLOURS["reference"]), strict=True)
)


def memory_figure(
    memory: "Memory", always: Mapping[StateLesion, Interval], control: Mapping[str, Interval]
) -> "Figure":
    """Draw losses by lesion on the left, and by decision after a single exchange on the right."""
    once = [one for one in memory.lesioned if one.once is not None and one.how != "at rest"]
    figure = figures.new(3.4)
    left, *right = figure.subplots(
        1, 2 if once else 1, squeeze=False, width_ratios=[1, 1.2][: 1 + bool(once)]
    )[0]
    shown = {one.name: (loss, OF_PART[one.part]) for one, loss in always.items()}
    shown |= {name: (loss, COLOURS["random"]) for name, loss in control.items()}
    for place, (loss, colour) in enumerate(shown.values()):
        left.plot([100 * loss.low, 100 * loss.high], [place, place], color=colour, lw=1.6)
        left.plot(100 * loss.value, place, "o", color=colour, ms=5)
    left.set_yticks(range(len(shown)), list(shown), fontsize="small")
    left.invert_yaxis()
    left.axvline(0, color="0.5", lw=0.7, zorder=0)
    left.set_xlabel("% of the gain lost")
    left.set_title("State before each decision", loc="left", fontsize="medium")
    figures.open_frame(left)
    for axes in right:
        decisions = np.arange(1, memory.intact.shape[1] + 1)
        for lesion in once:
            band = memory.curve(memory.lesioned[lesion])
            colour = OF_PART[lesion.part]
            axes.fill_between(
                decisions, 100 * band.low, 100 * band.high, color=colour, alpha=0.2, lw=0
            )
            axes.plot(decisions, 100 * band.mean, color=colour, lw=1.6, label=lesion.part)
        axes.axhline(0, color="0.5", lw=0.7, zorder=0)
        axes.set_xlabel("decision")
        axes.set_ylabel("% of a mean gain lost")
        title = f"Exchanged before decision {(once[0].once or 0) + 1}"
        axes.set_title(title, loc="left", fontsize="medium")
        # Nothing is lost before; above the curves there is room for the legend.
        axes.set_xlim(left=(once[0].once or 0) - 1)
        axes.set_ylim(top=1.3 * axes.get_ylim()[1])
        axes.legend(frameon=False, fontsize="small", loc="upper right")
        figures.open_frame(axes)
    return figure
