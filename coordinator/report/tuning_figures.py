"""The figures of a study: its trials by number and by setting, and which setting matters."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.coordinator.report.parameter_traces import set_range, shorten
from spikeloop.workers.parameter_types import Choice, Integer, Parameter, Real

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VALUE = "held-out score"


def draw_history(axes: "Axes", complete: pd.DataFrame) -> None:
    """Draw the value of each complete trial by its number, and the best of them so far.

    ``complete`` are rows of the table ``trials``, in the order of their numbers.
    """
    from matplotlib.ticker import MaxNLocator

    number, value = complete["trial"].to_numpy(), complete["value"].to_numpy()
    axes.plot(number, value, "o", ms=4, color=COLOURS["best"], label="trial")
    best = complete["value"].cummax().to_numpy()
    axes.step(number, best, where="post", color=COLOURS["learned"], label="best so far")
    axes.set(xlabel="trial", ylabel=VALUE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figures.finish(axes, "", ncols=2)


def draw_importances(axes: "Axes", shares: Mapping[str, float]) -> None:
    """Draw the share of importance of each setting, the largest on top."""
    ascending = sorted(shares.items(), key=lambda item: item[1])
    names = [shorten(name, 30) for name, _ in ascending]
    bars = axes.barh(names, [share for _, share in ascending], color=COLOURS["learned"], height=0.6)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize="small")
    axes.set(xlabel="importance", xlim=(0, 1.1 * max(*shares.values(), 1e-9)))
    axes.tick_params(axis="y", labelsize="small", length=0)
    figures.open_frame(axes)


def slices_figure(complete: pd.DataFrame, parameters: Sequence[Parameter]) -> "Figure":
    """Draw the value of each complete trial against each setting, later trials darker."""
    figure = figures.new(2.6)
    panels = figure.subplots(1, len(parameters), sharey=True, squeeze=False)[0]
    settings = [json.loads(text) for text in complete["settings"]]
    for axes, parameter in zip(panels, parameters, strict=True):
        tried = [row for row, own in enumerate(settings) if parameter.name in own]
        rows = complete.iloc[tried]
        axes.scatter(
            [_place(parameter, settings[row][parameter.name]) for row in tried],
            rows["value"],
            c=rows["trial"],
            cmap="Blues",
            vmin=-0.3 * max(len(complete), 1),  # the first are not white
            edgecolors=COLOURS["reference"],
            linewidths=0.4,
            s=18,
        )
        _scale(axes, parameter)
        axes.set_xlabel(shorten(parameter.name, 28), fontsize="small")
        axes.tick_params(labelsize="x-small")
        figures.open_frame(axes)
    panels[0].set_ylabel(VALUE)
    return figure


def _place(parameter: Parameter, value: Any) -> float:
    """Give the position of a setting on its axis, of a choice the number of its option."""
    return parameter.options.index(value) if isinstance(parameter, Choice) else float(value)


def _scale(axes: "Axes", parameter: Parameter) -> None:
    """Show the whole range of a setting, on the scale on which it is tuned."""
    if isinstance(parameter, Choice):
        names = [shorten(option, 14) for option in parameter.options]
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
        axes.set_xlim(-0.5, len(names) - 0.5)
    elif isinstance(parameter, Real | Integer) and not isinstance(parameter.low, str):
        log = isinstance(parameter, Real) and parameter.scale == "log"
        set_range(axes, "x", float(parameter.low), float(parameter.high), log)
