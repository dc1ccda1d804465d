"""``spikeloop chip inspect``: measure one chip and draw its neurons, synapses and sensors."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikeloop.coordinator.cli.chip.output import (
    Seed,
    number,
    percentage,
    require_writable,
    summary,
)
from spikeloop.coordinator.cli.options import Json
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from spikeloop.tasks.base import FloatArray
    from spikeloop.workers.chip.calibration.results import Calibration, Measurements
    from spikeloop.workers.chip.capmem import Codes


def inspect(
    chip: Annotated[
        int | None,
        typer.Option(
            "--chip", min=0, help="number of the chip  [default: the calibration's, or 20]"
        ),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", help="file of spikeloop chip calibrate")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for figures  [default: chip-N]")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure a chip and draw its neurons, synapses and correlation sensors."""
    from spikeloop.coordinator.cli import progress as console
    from spikeloop.workers.chip.calibration.bench import Bench
    from spikeloop.workers.chip.calibration.calibrate import target_of
    from spikeloop.workers.chip.calibration.measurement import measure
    from spikeloop.workers.chip.circuit import Circuit, neuron_codes

    found = None if calibration is None else _load(calibration, chip)
    number = found.chip if found is not None else 20 if chip is None else chip
    folder = Path(f"chip-{number}") if out is None else out
    require_writable(folder)
    nominal = neuron_codes(Circuit(), 0) if found is None else found.nominal
    noise_V = Circuit().noise_V if found is None else found.noise_V
    states = {"uncalibrated": nominal}
    if found is not None:
        states["calibrated"] = found.codes
    measured = {
        state: measure(Bench(number, "uncalibrated", codes, nominal, noise_V, seed))
        for state, codes in states.items()
    }
    target = target_of(number, nominal, noise_V, seed)
    figures = _draw(number, states, nominal, noise_V, seed, folder)
    if as_json:
        quantities = {state: summary(values, target) for state, values in measured.items()}
        printed = {"chip": number, "quantities": quantities, "figures": [str(f) for f in figures]}
        typer.echo(json.dumps(printed))
        return
    for state, values in measured.items():
        _show(f"The 32 neurons of chip {number}, {state}", values, target, console.stream())
    for figure in figures:
        typer.echo(f"figure:  {figure}")


def _load(path: Path, chip: int | None) -> "Calibration":
    from spikeloop.workers.chip.calibration.results import Calibration

    try:
        found = Calibration.load(path)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file; write one by: spikeloop chip calibrate"
        ) from error
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if chip is not None and chip != found.chip:
        raise ConfigError(f"{path}: is the calibration of chip {found.chip}, not of chip {chip}")
    return found


def _draw(
    chip: int, states: "dict[str, Codes]", nominal: "Codes", noise_V: float, seed: int, folder: Path
) -> list[Path]:
    """Draw all figures of a chip, in each of its states where the states differ."""
    import numpy as np

    from spikeloop.coordinator.report import chip_figures
    from spikeloop.workers.chip.calibration.bench import Bench
    from spikeloop.workers.chip.calibration.characterisation import (
        correlation_windows,
        rate_curves,
        synapse_potentials,
    )
    from spikeloop.workers.chip.calibration.measurement import EXCITATION_V, INHIBITION_V
    from spikeloop.workers.chip.limits import MAX_WEIGHT_U6

    def bench(codes: "Codes", *, ideal: bool = False) -> Bench:
        return Bench(chip, "off" if ideal else "uncalibrated", codes, nominal, noise_V, seed)

    made = []
    weights_u6 = np.arange(3, MAX_WEIGHT_U6 + 1, 3, dtype=np.int64)
    curves = {state: rate_curves(bench(codes), weights_u6) for state, codes in states.items()}
    ideal_Hz = rate_curves(bench(nominal, ideal=True), weights_u6).mean(axis=1)
    title = f"Rates of the 32 neurons of chip {chip}"
    made.append(
        chip_figures.rates_figure(weights_u6, curves, ideal_Hz, title, folder / "rates.png")
    )

    times: dict[str, FloatArray] = {}
    potentials: dict[str, dict[str, FloatArray]] = {}
    maps: dict[str, FloatArray] = {}
    for kind, height_V in (("excitatory", EXCITATION_V), ("inhibitory", INHIBITION_V)):
        potentials[kind] = {}
        times[kind], ideal_V = synapse_potentials(bench(nominal, ideal=True), height_V)
        for state, codes in states.items():
            _, rows_V = synapse_potentials(bench(codes), height_V)
            potentials[kind][state] = rows_V.mean(axis=0)
            if height_V > 0:
                maps[state] = rows_V.max(axis=1) / ideal_V.max(axis=1)
    title = f"Postsynaptic potentials of the 32 neurons of chip {chip}, mean of all rows"
    made.append(chip_figures.potentials_figure(times, potentials, title, folder / "potentials.png"))
    title = f"Excitatory synapses of chip {chip}"
    made.append(chip_figures.synapses_figure(maps, title, folder / "synapses.png"))

    distances_s = np.concatenate([-np.geomspace(20e-6, 2e-7, 24), np.geomspace(2e-7, 20e-6, 24)])
    causal, anticausal = correlation_windows(chip, distances_s)
    title = f"Correlation sensors of row 0 of chip {chip}, uncalibrated; thick: their mean"
    path = folder / "correlation.png"
    made.append(chip_figures.windows_figure(distances_s, causal, anticausal, title, path))
    return made


def _show(title: str, measured: "Measurements", target: "Measurements", console: "Console") -> None:
    from rich.table import Table

    from spikeloop.coordinator.report.chip_figures import SHOWN

    table = Table(title=title, title_justify="left")
    table.add_column("quantity")
    for column in ("target", "mean", "SD", "min", "max", "worst neuron"):
        table.add_column(column, justify="right")
    for name, quantity in summary(measured, target).items():
        shown = SHOWN[name]
        target_, mean, least, most = (
            number(quantity, key, shown.per_si) for key in ("target", "mean", "min", "max")
        )
        worst = "–"
        if "worst_neuron" in quantity:
            worst = f"{quantity['worst_neuron']} ({100 * quantity['worst_deviation']:+.0f} %)"
        quantity_name = f"{shown.name} ({shown.unit})"
        table.add_row(quantity_name, target_, mean, percentage(quantity), least, most, worst)
    console.print(table)
