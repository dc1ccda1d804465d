"""Figures of one chip: the effect of a calibration, its neurons, synapses and sensors."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.results import QUANTITIES, RATES_WITHIN, Calibration
from spikeloop.workers.chip.limits import N_NEURONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE, AFTER = COLOURS["default"], COLOURS["learned"]
REFERENCE = COLOURS["reference"]


@dataclass(frozen=True)
class Quantity:
    """How a measured quantity is shown; ``per_si`` units are one SI unit."""

    name: str
    unit: str
    per_si: float


SHOWN = {
    "tau_mem_s": Quantity("membrane time constant", "µs", 1e6),
    "tau_exc_s": Quantity("excitatory time constant", "µs", 1e6),
    "tau_inh_s": Quantity("inhibitory time constant", "µs", 1e6),
    "exc_V": Quantity("excitatory strength", "mV/code", 1e3),
    "inh_V": Quantity("inhibitory strength", "mV/code", 1e3),
    "refractory_s": Quantity("refractory time", "µs", 1e6),
    "gap_V": Quantity("threshold above leak", "mV", 1e3),
    "rate_Hz": Quantity("rate at standard drive", "kHz", 1e-3),
}


def calibration_figure(calibration: Calibration, path: Path) -> Path:
    """Draw every quantity of every neuron before and after, relative to its target."""
    figure = figures.new(4.6)
    draw_calibration(figure.subplots(), calibration)
    return figures.save(figure, path)


def draw_calibration(axes: "Axes", calibration: Calibration) -> None:
    """Draw a row for each quantity and a dot for each neuron, before above after.

    The shade is where 90 % of the rates belong.
    """
    # Within a row, neurons lie one below the other in the order of their number.
    spread = np.linspace(-0.14, 0.14, N_NEURONS)
    for row, name in enumerate(QUANTITIES):
        target = getattr(calibration.target, name)
        for measured, colour, at, label in (
            (calibration.before, BEFORE, row - 0.2, "before calibration"),
            (calibration.after, AFTER, row + 0.2, "after calibration"),
        ):
            axes.plot(
                getattr(measured, name) / target,
                at + spread,
                ls="",
                marker="o",
                ms=3.5,
                mec="none",
                alpha=0.7,
                color=colour,
                label=label if row == 0 else None,
            )
    low, high = RATES_WITHIN
    rate = len(QUANTITIES) - 1
    axes.fill_betweenx([rate - 0.45, rate + 0.45], low, high, color=REFERENCE, alpha=0.15, lw=0)
    axes.annotate(
        "90 % belong here", (high + 0.01, rate + 0.42), fontsize="x-small", color=REFERENCE
    )
    axes.axvline(1.0, color=REFERENCE, lw=0.9, ls=":", zorder=0)
    axes.set_yticks(range(len(QUANTITIES)), [SHOWN[name].name for name in QUANTITIES])
    axes.set_ylim(len(QUANTITIES) - 0.5, -0.5)
    axes.set_xlabel("measured / target")
    axes.set_title(f"Calibration of chip {calibration.chip}", loc="left", pad=30)
    figures.legend_above(axes, ncols=2)
    axes.tick_params(axis="y", length=0)
    figures.open_frame(axes, "top", "right", "left")


def rates_figure(
    weights_u6: NDArray[np.int64],
    curves: dict[str, FloatArray],
    ideal_Hz: FloatArray,
    title: str,
    path: Path,
) -> Path:
    """Draw the rates of all neurons over the weight through which they are driven.

    Each of ``curves`` has a panel for its rates, (n, 32); ``ideal_Hz`` are those of a neuron
    without mismatch, (n,).
    """
    figure = figures.new(3.9, 3.7 * len(curves) + 0.6, title)
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (label, rates_Hz), colour in zip(
        panels, curves.items(), (BEFORE, AFTER), strict=False
    ):
        axes.plot(weights_u6, rates_Hz / 1e3, color=colour, lw=0.9, alpha=0.6)
        axes.plot(weights_u6, ideal_Hz / 1e3, color="black", lw=1.4, ls="--", label="ideal neuron")
        axes.set(
            xlabel="weight (code), an event every 0.5 µs", xlim=(0, weights_u6[-1]), ylim=(0, None)
        )
        axes.set_title(label, loc="left", fontsize="medium")
        figures.open_frame(axes)
    panels[0].set_ylabel("rate (kHz, chip time)")
    panels[0].legend(frameon=False, loc="upper left", fontsize="small")
    return figures.save(figure, path)


def potentials_figure(
    times_s: dict[str, FloatArray],
    potentials: dict[str, dict[str, FloatArray]],
    title: str,
    path: Path,
) -> Path:
    """Draw the postsynaptic potentials of all neurons over one another.

    By kind of input there are ``times_s`` after the event, (n_times,), and for each name
    ``potentials`` in V from rest, (n_times, 32).
    """
    figure = figures.new(3.9, 8.0, title)
    panels = figure.subplots(1, len(potentials))
    for axes, (kind, curves) in zip(panels, potentials.items(), strict=True):
        for (label, curve_V), colour in zip(curves.items(), (BEFORE, AFTER), strict=False):
            lines = axes.plot(times_s[kind] * 1e6, curve_V * 1e3, color=colour, lw=0.8, alpha=0.6)
            lines[0].set_label(label)
        axes.axhline(0.0, color=REFERENCE, lw=0.8, ls=":")
        axes.set(xlabel="time after the event (µs)", xlim=(0, times_s[kind][-1] * 1e6 / 2))
        axes.set_title(f"{kind} input", loc="left", fontsize="medium")
        figures.open_frame(axes)
    panels[0].set_ylabel("membrane above rest (mV)")
    legend = panels[0].legend(frameon=False, fontsize="small")
    for line in legend.get_lines():
        line.set(lw=2, alpha=1)
    return figures.save(figure, path)


def synapses_figure(maps: dict[str, FloatArray], title: str, path: Path) -> Path:
    """Draw how strong every synapse is, relative to one without mismatch.

    Each of ``maps`` has a panel for its relative heights by row and neuron, (32, 32).
    """
    figure = figures.new(4.9, 3.6 * len(maps) + 1.2, title)
    panels = figure.subplots(1, len(maps), sharey=True, squeeze=False)[0]
    most = max(float(np.abs(values - 1).max()) for values in maps.values())
    for axes, (label, values) in zip(panels, maps.items(), strict=True):
        image = axes.imshow(values, cmap="RdBu_r", vmin=1 - most, vmax=1 + most, origin="lower")
        axes.set(xlabel="neuron (column)", xticks=range(0, 32, 8), yticks=range(0, 32, 8))
        axes.set_title(
            f"{label}: SD {100 * values.std() / values.mean():.0f} %", loc="left", fontsize="medium"
        )
    panels[0].set_ylabel("row")
    figure.colorbar(image, ax=panels, label="height of its potential / ideal", shrink=0.85)
    return figures.save(figure, path)


def windows_figure(
    distances_s: FloatArray, causal: FloatArray, anticausal: FloatArray, title: str, path: Path
) -> Path:
    """Draw what correlation sensors measure of pairs of spikes, over their distance.

    ``distances_s`` from an event to the neuron's spike are (n,); both branches give LSB for each
    pair, (n, 32).
    """
    figure = figures.new(3.9)
    axes = figure.subplots()
    label: str | None
    for values, colour, label in (
        (causal, AFTER, "causal branch"),
        (anticausal, BEFORE, "anticausal branch"),
    ):
        for side in (distances_s < 0, distances_s >= 0):  # no line across the jump at 0
            distances_us, pairs = distances_s[side] * 1e6, values[side]
            axes.plot(distances_us, pairs, color=colour, lw=0.7, alpha=0.35)
            axes.plot(distances_us, pairs.mean(axis=1), color=colour, lw=2, label=label)
            label = None
    axes.axvline(0.0, color=REFERENCE, lw=0.8, ls=":")
    axes.set(xlabel="spike of the neuron − event (µs)", ylabel="charge of a pair (LSB)")
    axes.set_title(title, loc="left", pad=30)
    figures.legend_above(axes, ncols=2)
    figures.open_frame(axes)
    return figures.save(figure, path)
