"""``spikeloop chip``: calibrate one emulated chip, look at it, or let it search."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from spikeloop.coordinator.cli.chip_evolve import evolve
from spikeloop.coordinator.cli.chip_memory import memory
from spikeloop.coordinator.cli.options import Json, help_without_command
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from spikeloop.workers.chip.calibration.board import Board
    from spikeloop.workers.chip.calibration.published import LabCodes
    from spikeloop.workers.chip.calibration.results import Calibration

T = TypeVar("T")

app = typer.Typer(rich_markup_mode=None)
app.command()(evolve)
app.command()(memory)


@app.callback(invoke_without_command=True)
def options(context: typer.Context) -> None:
    """Calibrate one emulated chip, look at it, or let it search."""
    help_without_command(context)


Seed = Annotated[int, typer.Option("--seed", min=0, help="of the noise while measuring")]
CodesFile = Annotated[
    Path | None,
    typer.Option("--codes", help="a laboratory's calibration file, whose chip this shall be"),
]


@app.command()
def calibrate(
    chip: Annotated[int, typer.Option("--chip", min=0, help="number of the chip")] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", help="JSON file for the codes  [default: chip-N.json]")
    ] = None,
    codes: CodesFile = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find by measuring the codes that bring a chip to its targets.

    Its neurons and sensors then behave alike.
    """
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.cli.chip_tables import (
        calibration_table,
        known_lines,
        sensor_summary,
        summary,
    )
    from spikeloop.coordinator.report import figures
    from spikeloop.coordinator.report.chip_figures import calibration_figure
    from spikeloop.coordinator.store import atomic_files
    from spikeloop.workers.chip.calibration import calibrate as routine
    from spikeloop.workers.chip.calibration import sensor_calibration
    from spikeloop.workers.chip.calibration.results import saturated_codes, share_of_rates_within

    lab = None if codes is None else _lab_codes(codes)
    path = Path(f"chip-{chip}.json") if out is None else out
    if path.suffix != ".json":
        raise ConfigError(f"--out must end in .json, got {path}")
    require_writable(path.parent)
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; --out must name a file")
    neurons = routine.calibrate(chip, known=None if lab is None else lab.known(), seed=seed)
    sensors = sensor_calibration.calibrate_sensors(chip, seed=seed)
    found = replace(neurons, sensors=sensors)
    atomic_files.write_json(path, found.values())
    figure = figures.save(calibration_figure(found), path.with_suffix(".png"))
    states = {"before": found.before, "after": found.after}
    rates = {name: share_of_rates_within(state, found.target) for name, state in states.items()}
    saturated = saturated_codes(found.codes)
    if as_json:
        printed = {
            "chip": chip,
            "quantities": {name: summary(state, found.target) for name, state in states.items()},
            "sensors": sensor_summary(sensors),
            "rates_within": rates,
            "codes_at_the_end": saturated,
            "file": str(path),
            "figure": str(figure),
        }
        typer.echo(json.dumps(printed))
        return
    console = progress.stream()
    for line in [] if lab is None else known_lines(lab, chip):
        console.out(line, highlight=False)
    console.print(calibration_table(found, rates))
    for name, n in saturated.items():
        console.out(
            f"{n} neurons have {name} at its upper end and may need more than the memory holds"
        )
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
    codes: CodesFile = None,
    board: Annotated[
        Path | None, typer.Option("--board", help="a laboratory's file of board voltages")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for figures  [default: chip-N]")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure a chip; draw its neurons, synapses and sensors."""
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.cli.chip_tables import known_lines, measurement_table, summary
    from spikeloop.coordinator.report import chip_figures, figures
    from spikeloop.workers.chip.calibration.bench import Bench
    from spikeloop.workers.chip.calibration.calibrate import target_of
    from spikeloop.workers.chip.calibration.measurement import measure
    from spikeloop.workers.chip.circuit import Circuit, neuron_codes
    from spikeloop.workers.chip.lab.chip import Chip

    lab = None if codes is None else _lab_codes(codes)
    correlation = True if board is None else _board(board).correlation()
    found = None if calibration is None else _load(calibration, chip)
    if lab is not None and found is not None:
        _require_same_chip(lab, found)
    number = found.chip if found is not None else 20 if chip is None else chip
    folder = Path(f"chip-{number}") if out is None else out
    require_writable(folder)
    nominal = neuron_codes(Circuit(), 0) if found is None else found.nominal
    noise_V = Circuit().noise_V if found is None else found.noise_V
    known = lab.known() if lab is not None else found.known if found is not None else None
    bench = Bench(number, "uncalibrated", nominal, nominal, noise_V, seed, known)
    benches = {"uncalibrated": bench}
    boards = {"uncalibrated": Chip(number, noise_V=0.0, sensors=correlation)}
    if found is not None:
        benches["calibrated"] = replace(bench, codes=found.codes)
        if found.sensors is not None:
            boards["calibrated"] = Chip(number, noise_V=0.0, sensors=correlation)
            boards["calibrated"].calibration_bits = found.sensors.bits_u4
    measured = {state: measure(bench) for state, bench in benches.items()}
    target = target_of(number, nominal, noise_V, seed)
    drawn = [
        str(figures.save(figure, folder / f"{name}.png"))
        for name, figure in chip_figures.experiments(benches, boards)
    ]
    if as_json:
        quantities = {state: summary(values, target) for state, values in measured.items()}
        typer.echo(json.dumps({"chip": number, "quantities": quantities, "figures": drawn}))
        return
    for line in [] if lab is None else known_lines(lab, number):
        progress.stream().out(line, highlight=False)
    for state, values in measured.items():
        title = f"The 32 neurons of chip {number}, {state}"
        progress.stream().print(measurement_table(title, values, target))
    for figure in drawn:
        typer.echo(f"figure:  {figure}")


def require_writable(folder: Path) -> None:
    """Create a folder and refuse one that cannot be written to, before anything is measured."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigError(f"{folder}: is no folder; choose another --out") from error
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written to, {error.strerror}; choose another --out"
        ) from error


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


def _require_same_chip(lab: "LabCodes", calibration: "Calibration") -> None:
    """Refuse codes of another chip than the one that a calibration measured."""
    import numpy as np

    here, there = lab.known(), calibration.known
    if here.keys() != there.keys() or not all(np.allclose(here[n], there[n]) for n in here):
        raise ConfigError(
            f"{lab.path}: says other deviations of the neurons than --calibration was made with; "
            "give one of the two, or calibrate again with --codes"
        )


def _lab_codes(path: Path) -> "LabCodes":
    from spikeloop.workers.chip.calibration.published import read_codes

    return _read(path, read_codes)


def _board(path: Path) -> "Board":
    from spikeloop.workers.chip.calibration.board import read_board

    return _read(path, read_board)


def _read(path: Path, reader: Callable[[Path], T]) -> T:
    """Read a laboratory's file, or refuse it in one line."""
    try:
        return reader(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read, {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(str(error)) from error
