"""Figures of one chip: the effect of a calibration, its neurons, synapses and sensors."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.bench import Bench
from spikeloop.workers.chip.calibration.characterisation import (
    correlation_windows,
    rate_curves,
    synapse_potentials,
)
from spikeloop.workers.chip.calibration.measurement import EXCITATION_V, INHIBITION_V
from spikeloop.workers.chip.calibration.results import QUANTITIES, RATES_WITHIN, Calibration
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6, N_NEURONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def calibration_figure(calibration: Calibration) -> "Figure":
    """Draw every quantity of every neuron before and after, relative to its target.

    Each quantity has a row and each neuron a dot, before above after. The shade is where 90 % of
    the rates belong.
    """
    figure = figures.new(4.6)
    axes = figure.subplots()
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
    axes.tick_params(axis="y", length=0)
    figures.finish(axes, f"Calibration of chip {calibration.chip}", ncols=2)
    figures.open_frame(axes, "left")
    return figure


def experiments(benches: Mapping[str, Bench]) -> "Iterator[tuple[str, Figure]]":
    """Measure one chip in each of its states, and yield every figure with its name.

    ``benches`` are the chip by the name of its state, uncalibrated first.
    """
    ideal = replace(benches["uncalibrated"], mismatch="off")
    yield "rates", rates_figure(benches, ideal)
    times_s, potentials_V, maps = {}, {}, {}
    for kind, height_V in (("excitatory", EXCITATION_V), ("inhibitory", INHIBITION_V)):
        times_s[kind], ideal_V = synapse_potentials(ideal, height_V)
        measured_V = {
            state: synapse_potentials(bench, height_V)[1] for state, bench in benches.items()
        }
        potentials_V[kind] = {state: rows.mean(axis=0) for state, rows in measured_V.items()}
        if height_V > 0:
            heights_V = ideal_V.max(axis=1)
            maps = {state: rows.max(axis=1) / heights_V for state, rows in measured_V.items()}
    yield "potentials", potentials_figure(ideal.chip, times_s, potentials_V)
    yield "synapses", synapses_figure(ideal.chip, maps)
    yield "correlation", windows_figure(ideal.chip)


def rates_figure(benches: Mapping[str, Bench], ideal: Bench) -> "Figure":
    """Draw the rates of all neurons over the weight through which they are driven.

    Each state has a panel; the dashed line is a neuron without mismatch.
    """
    weights_u6 = np.arange(3, MAX_WEIGHT_U6 + 1, 3, dtype=np.int64)
    ideal_kHz = rate_curves(ideal, weights_u6).mean(axis=1) / 1e3
    title = f"Rates of the 32 neurons of chip {ideal.chip}"
    figure = figures.new(3.9, 3.7 * len(benches) + 0.6, title)
    panels = figure.subplots(1, len(benches), sharey=True, squeeze=False)[0]
    for axes, (state, bench), colour in zip(panels, benches.items(), (BEFORE, AFTER), strict=False):
        rates_kHz = rate_curves(bench, weights_u6) / 1e3
        axes.plot(weights_u6, rates_kHz, color=colour, lw=0.9, alpha=0.6)
        axes.plot(weights_u6, ideal_kHz, color="black", lw=1.4, ls="--", label="ideal neuron")
        axes.set(
            xlabel="weight (code), an event every 0.5 µs", xlim=(0, weights_u6[-1]), ylim=(0, None)
        )
        axes.set_title(state, loc="left", fontsize="medium")
        figures.open_frame(axes)
    panels[0].set_ylabel("rate (kHz, chip time)")
    panels[0].legend(frameon=False, loc="upper left", fontsize="small")
    return figure


def potentials_figure(
    chip: int,
    times_s: Mapping[str, FloatArray],
    potentials_V: Mapping[str, Mapping[str, FloatArray]],
) -> "Figure":
    """Draw the postsynaptic potentials of all neurons over one another.

    By kind of input there are ``times_s`` after the event, (n_times,), and for each state
    ``potentials_V`` from rest, (n_times, 32).
    """
    title = f"Postsynaptic potentials of the 32 neurons of chip {chip}, mean of all rows"
    figure = figures.new(3.9, 8.0, title)
    panels = figure.subplots(1, len(potentials_V))
    for axes, (kind, curves) in zip(panels, potentials_V.items(), strict=True):
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
    return figure


def synapses_figure(chip: int, maps: Mapping[str, FloatArray]) -> "Figure":
    """Draw how strong every synapse is, relative to one without mismatch.

    Each of ``maps`` has a panel for its relative heights by row and neuron, (32, 32).
    """
    title = f"Excitatory synapses of chip {chip}"
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
    return figure


def windows_figure(chip: int) -> "Figure":
    """Draw what correlation sensors measure of pairs of spikes, over their distance in time."""
    distances_s = np.concatenate([-np.geomspace(20e-6, 2e-7, 24), np.geomspace(2e-7, 20e-6, 24)])
    causal, anticausal = correlation_windows(chip, distances_s)
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
    title = f"Correlation sensors of row 0 of chip {chip}, uncalibrated; thick: their mean"
    figures.finish(axes, title, ncols=2)
    return figure
