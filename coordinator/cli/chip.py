"""``spikeloop chip``: calibrate one emulated chip, or look at it."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikeloop.coordinator.cli.options import Json
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from spikeloop.tasks.base import FloatArray
    from spikeloop.workers.chip.calibration.calibrate import Calibration
    from spikeloop.workers.chip.calibration.measured import Measured
    from spikeloop.workers.chip.capmem import Codes

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Calibrate one emulated chip, or look at it."
)

Seed = Annotated[int, typer.Option("--seed", min=0, help="of the noise while measuring")]


@app.command()
def calibrate(
    chip: Annotated[int, typer.Option("--chip", min=0, help="number of the chip")] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", help="JSON file for the codes  [default: chip-N.json]")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find the codes that bring all neurons of a chip to a common target, by measuring it."""
    from spikeloop.coordinator.cli import progress as console
    from spikeloop.coordinator.report.chip_figures import calibration_figure
    from spikeloop.coordinator.store import atomic_files
    from spikeloop.workers.chip.calibration.calibrate import at_the_end, rates_within
    from spikeloop.workers.chip.calibration.calibrate import calibrate as find

    path = Path(f"chip-{chip}.json") if out is None else out
    if path.suffix != ".json":
        raise ConfigError(f"--out must end in .json, got {path}")
    _file(path)
    found = find(chip, seed=seed)
    atomic_files.write_json(path, found.values())
    figure = calibration_figure(found, path.with_suffix(".png"))
    if as_json:
        summary = {
            "chip": chip,
            "quantities": {
                state: _summary(measured, found.target)
                for state, measured in (("before", found.before), ("after", found.after))
            },
            "rates_within": {
                "before": rates_within(found.before, found.target),
                "after": rates_within(found.after, found.target),
            },
            "codes_at_the_end": at_the_end(found.codes),
            "file": str(path),
            "figure": str(figure),
        }
        typer.echo(json.dumps(summary))
        return
    _show_calibration(found, console.stream())
    typer.echo(f"codes:   {path}\nfigure:  {figure}")


@app.command()
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
    from spikeloop.workers.chip.calibration.calibrate import target_of
    from spikeloop.workers.chip.calibration.measurement import Bench, measure
    from spikeloop.workers.chip.circuit import Circuit, neuron_codes

    found = None if calibration is None else _load(calibration, chip)
    number = found.chip if found is not None else 20 if chip is None else chip
    folder = Path(f"chip-{number}") if out is None else out
    _folder(folder)
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
        quantities = {state: _summary(values, target) for state, values in measured.items()}
        summary = {"chip": number, "quantities": quantities, "figures": [str(f) for f in figures]}
        typer.echo(json.dumps(summary))
        return
    for state, values in measured.items():
        _show_neurons(f"The 32 neurons of chip {number}, {state}", values, target, console.stream())
    for figure in figures:
        typer.echo(f"figure:  {figure}")


def _load(path: Path, chip: int | None) -> "Calibration":
    from spikeloop.workers.chip.calibration.calibrate import Calibration

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


def _folder(path: Path) -> None:
    """Makes a folder to write to, before anything is measured."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigError(f"{path}: is no folder; choose another --out") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written to, {error.strerror}; choose another --out"
        ) from error


def _file(path: Path) -> None:
    """Makes the folder of a file to write."""
    _folder(path.parent)
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; --out must name a file")


def _draw(
    chip: int, states: "dict[str, Codes]", nominal: "Codes", noise_V: float, seed: int, folder: Path
) -> list[Path]:
    """All figures of a chip, in each of its states where that makes a difference."""
    import numpy as np

    from spikeloop.coordinator.report import chip_figures
    from spikeloop.workers.chip.calibration.characterisation import (
        correlation_windows,
        rate_curves,
        synapse_potentials,
    )
    from spikeloop.workers.chip.calibration.measurement import EXCITATION_V, INHIBITION_V, Bench
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


def _summary(measured: "Measured", target: "Measured") -> dict[str, dict[str, Any]]:
    """Of each quantity in SI units: target, mean, relative SD, extremes, and the worst neuron."""
    import numpy as np

    from spikeloop.workers.chip.calibration.measured import QUANTITIES

    found = {}
    for name in QUANTITIES:
        values, wanted = getattr(measured, name), getattr(target, name)
        relative = values / wanted
        seen = np.isfinite(relative)
        if not seen.any():
            found[name] = {"target": float(wanted.mean()), "n_seen": 0}
            continue
        worst = int(np.argmax(np.where(seen, np.abs(relative - 1), -1)))
        found[name] = {
            "target": float(wanted.mean()),
            "mean": float(values[seen].mean()),
            "sd_relative": float(relative[seen].std() / relative[seen].mean()),
            "min": float(values[seen].min()),
            "max": float(values[seen].max()),
            "worst_neuron": worst,
            "worst_deviation": float(relative[worst] - 1),
            "n_seen": int(seen.sum()),
        }
    return found


def _show_calibration(found: "Calibration", console: "Console") -> None:
    from rich.table import Table

    from spikeloop.coordinator.report.chip_figures import SHOWN
    from spikeloop.workers.chip.calibration.calibrate import RATES_WITHIN, at_the_end, rates_within

    table = Table(title=f"Calibration of chip {found.chip}, 32 neurons", title_justify="left")
    table.add_column("quantity")
    for column in ("target", "before", "SD", "after", "SD"):
        table.add_column(column, justify="right")
    before, after = (_summary(m, found.target) for m in (found.before, found.after))
    for name, shown in SHOWN.items():
        row = [f"{before[name]['target'] * shown.per_si:.2f}"]
        for summary in (before[name], after[name]):
            seen = summary["n_seen"] > 0
            row.append(f"{summary['mean'] * shown.per_si:.2f}" if seen else "–")
            row.append(f"{100 * summary['sd_relative']:.1f} %" if seen else "–")
        table.add_row(f"{shown.name} ({shown.unit})", *row)
    within = [f"{100 * rates_within(m, found.target):.0f} %" for m in (found.before, found.after)]
    low, high = RATES_WITHIN
    table.add_section()
    table.add_row(f"rates within {low} to {high} of target", "90 %", within[0], "", within[1], "")
    console.print(table)
    for name, n in at_the_end(found.codes).items():
        console.print(
            f"{n} neurons have {name} at its upper end and may need more than the memory holds",
            highlight=False,
            soft_wrap=True,
        )


def _show_neurons(title: str, measured: "Measured", target: "Measured", console: "Console") -> None:
    from rich.table import Table

    from spikeloop.coordinator.report.chip_figures import SHOWN

    table = Table(title=title, title_justify="left")
    table.add_column("quantity")
    for column in ("target", "mean", "SD", "min", "max", "worst neuron"):
        table.add_column(column, justify="right")
    for name, summary in _summary(measured, target).items():
        shown = SHOWN[name]
        numbers = {
            column: f"{summary[column] * shown.per_si:.2f}" if column in summary else "–"
            for column in ("target", "mean", "min", "max")
        }
        seen = summary["n_seen"] > 0
        table.add_row(
            f"{shown.name} ({shown.unit})",
            numbers["target"],
            numbers["mean"],
            f"{100 * summary['sd_relative']:.1f} %" if seen else "–",
            numbers["min"],
            numbers["max"],
            f"{summary['worst_neuron']} ({100 * summary['worst_deviation']:+.0f} %)"
            if seen
            else "–",
        )
    console.print(table)
