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
from spikeloop.workers.chip.lab.chip import Chip
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
    "rest_V": Quantity("potential at rest", "mV", 1e3),
    "gap_V": Quantity("threshold above leak", "mV", 1e3),
    "rate_Hz": Quantity("rate at standard drive", "kHz", 1e-3),
}

SENSORS_SHOWN = {
    "tau_s": Quantity("sensors' time constant", "µs", 1e6),
    "amplitude_lsb": Quantity("sensors' amplitude", "LSB", 1.0),
}


def calibration_figure(calibration: Calibration) -> "Figure":
    """Draw every quantity of every neuron before and after, relative to its target.

    Each quantity has a row and each neuron or synapse a dot, before above after. The shade is where
    90 % of the rates belong.
    """
    rows = _relative(calibration)
    figure = figures.new(0.6 + 0.5 * len(rows))
    axes = figure.subplots()
    for row, states in enumerate(rows.values()):
        for values, colour, at, label in zip(
            states,
            (BEFORE, AFTER),
            (row - 0.2, row + 0.2),
            ("before calibration", "after calibration"),
            strict=True,
        ):
            many = values.size > N_NEURONS
            axes.plot(
                values,
                # Within a row, they lie one below the other in the order of their number.
                at + np.linspace(-0.14, 0.14, values.size),
                ls="",
                marker="o",
                ms=1.5 if many else 3.5,
                mec="none",
                alpha=0.4 if many else 0.7,
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
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("measured / target")
    axes.tick_params(axis="y", length=0)
    figures.finish(axes, f"Calibration of chip {calibration.chip}", ncols=2)
    figures.open_frame(axes, "left")
    return figure


def _relative(calibration: Calibration) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return what was measured before and after, relative to its target, by the quantity's name."""
    rows: dict[str, tuple[FloatArray, FloatArray]] = {}
    for name in QUANTITIES:
        states = (calibration.before, calibration.after)
        before, after = (getattr(s, name) / getattr(calibration.target, name) for s in states)
        rows[SHOWN[name].name] = before, after
    if (sensors := calibration.sensors) is not None:
        for name, quantity in SENSORS_SHOWN.items():
            target = getattr(sensors, f"target_{name}")
            before, after = (
                getattr(s, name).ravel() / target for s in (sensors.before, sensors.after)
            )
            rows[quantity.name] = before, after
    return rows


def experiments(
    benches: Mapping[str, Bench], boards: Mapping[str, Chip]
) -> "Iterator[tuple[str, Figure]]":
    """Measure one chip in each of its states, and yield every figure with its name.

    ``benches`` are the chip by the name of its state, uncalibrated first, and ``boards`` the same
    with its sensors.
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
    yield "correlation", windows_figure(ideal.chip, boards)


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


def windows_figure(chip: int, boards: Mapping[str, Chip]) -> "Figure":
    """Draw what the correlation sensors of all 1024 synapses measure, over the distance of pairs.

    Each state has a panel. Lines are medians over the synapses, shades hold 90 % of them.
    """
    one_side_s = np.geomspace(2e-7, 20e-6, 12)
    distances_s = np.concatenate([-one_side_s[::-1], one_side_s])
    title = f"Correlation sensors of chip {chip}: median and 90 % of all synapses"
    figure = figures.new(3.9, max(5.6, 3.7 * len(boards) + 0.6), title)
    panels = figure.subplots(1, len(boards), sharey=True, squeeze=False)[0]
    for axes, (state, board) in zip(panels, boards.items(), strict=True):
        branches = correlation_windows(board, distances_s)
        label: str | None
        for values, colour, label in zip(
            branches, (AFTER, BEFORE), ("causal branch", "anticausal branch"), strict=True
        ):
            synapses = values.reshape(distances_s.size, -1)
            low, middle, high = np.percentile(synapses, (5, 50, 95), axis=1)
            for side in (distances_s < 0, distances_s >= 0):  # no line across the jump at 0
                distances_us = distances_s[side] * 1e6
                axes.fill_between(
                    distances_us, low[side], high[side], color=colour, alpha=0.2, lw=0
                )
                axes.plot(distances_us, middle[side], color=colour, lw=2, label=label)
                label = None
        axes.axvline(0.0, color=REFERENCE, lw=0.8, ls=":")
        axes.set(xlabel="spike of the neuron − event (µs)")
        axes.set_title(state, loc="left", fontsize="medium")
        figures.open_frame(axes)
    panels[0].set_ylabel("charge of a pair (LSB)")
    panels[0].legend(frameon=False, fontsize="small")
    return figure
