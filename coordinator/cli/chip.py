"""``spikeloop chip``: calibrate one emulated chip, measure and draw it, or lay out its memory."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikeloop.coordinator.cli.chip_memory import memory
from spikeloop.coordinator.cli.options import Json
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from spikeloop.workers.chip.calibration.results import Calibration, Measurements

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Calibrate one emulated chip, or look at it."
)
app.command()(memory)
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
    from spikeloop.coordinator.cli import progress
    from spikeloop.coordinator.report import figures
    from spikeloop.coordinator.report.chip_figures import calibration_figure
    from spikeloop.coordinator.store import atomic_files
    from spikeloop.workers.chip.calibration import calibrate as routine
    from spikeloop.workers.chip.calibration.results import saturated_codes, share_of_rates_within

    path = Path(f"chip-{chip}.json") if out is None else out
    if path.suffix != ".json":
        raise ConfigError(f"--out must end in .json, got {path}")
    require_writable(path.parent)
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; --out must name a file")
    found = routine.calibrate(chip, seed=seed)
    atomic_files.write_json(path, found.values())
    figure = figures.save(calibration_figure(found), path.with_suffix(".png"))
    states = {"before": found.before, "after": found.after}
    rates = {name: share_of_rates_within(state, found.target) for name, state in states.items()}
    saturated = saturated_codes(found.codes)
    if as_json:
        printed = {
            "chip": chip,
            "quantities": {name: summary(state, found.target) for name, state in states.items()},
            "rates_within": rates,
            "codes_at_the_end": saturated,
            "file": str(path),
            "figure": str(figure),
        }
        typer.echo(json.dumps(printed))
        return
    console = progress.stream()
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
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for figures  [default: chip-N]")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure a chip and draw its neurons, synapses and correlation sensors."""
    from spikeloop.coordinator.cli import progress
    from spikeloop.coordinator.report import chip_figures, figures
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
    benches = {"uncalibrated": Bench(number, "uncalibrated", nominal, nominal, noise_V, seed)}
    if found is not None:
        bench = Bench(number, "uncalibrated", found.codes, nominal, noise_V, seed)
        benches["calibrated"] = bench
    measured = {state: measure(bench) for state, bench in benches.items()}
    target = target_of(number, nominal, noise_V, seed)
    drawn = [
        str(figures.save(figure, folder / f"{name}.png"))
        for name, figure in chip_figures.experiments(benches)
    ]
    if as_json:
        quantities = {state: summary(values, target) for state, values in measured.items()}
        typer.echo(json.dumps({"chip": number, "quantities": quantities, "figures": drawn}))
        return
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


def summary(measured: "Measurements", target: "Measurements") -> dict[str, dict[str, Any]]:
    """Summarise each quantity in SI units: target, mean, relative SD, range and worst neuron."""
    import numpy as np

    found: dict[str, dict[str, Any]] = {}
    for name, values in vars(measured).items():
        wanted = getattr(target, name)
        relative = values / wanted
        seen = np.isfinite(relative)
        found[name] = {"target": float(wanted.mean()), "n_seen": int(seen.sum())}
        if seen.any():
            worst = int(np.argmax(np.where(seen, np.abs(relative - 1), -1)))
            found[name] |= {
                "mean": float(values[seen].mean()),
                "sd_relative": float(relative[seen].std() / relative[seen].mean()),
                "min": float(values[seen].min()),
                "max": float(values[seen].max()),
                "worst_neuron": worst,
                "worst_deviation": float(relative[worst] - 1),
            }
    return found


def calibration_table(found: "Calibration", rates: dict[str, float]) -> "Table":
    """Tabulate each quantity before and after, and the shares of rates that are near enough."""
    from spikeloop.coordinator.report.chip_figures import SHOWN
    from spikeloop.coordinator.report.result_table import result_table
    from spikeloop.workers.chip.calibration.results import RATES_WITHIN

    table = result_table(
        f"Calibration of chip {found.chip}, 32 neurons",
        *("quantity", "target", "before", "SD", "after", "SD"),
        left="quantity",
    )
    before, after = (summary(state, found.target) for state in (found.before, found.after))
    for name, shown in SHOWN.items():
        row = [_number(before[name], "target", shown.per_si)]
        for state in (before[name], after[name]):
            row += [_number(state, "mean", shown.per_si), _percentage(state)]
        table.add_row(f"{shown.name} ({shown.unit})", *row)
    low, high = RATES_WITHIN
    within = [f"{100 * share:.0f} %" for share in rates.values()]
    table.add_section()
    table.add_row(f"rates within {low} to {high} of target", "90 %", within[0], "", within[1], "")
    return table


def measurement_table(title: str, measured: "Measurements", target: "Measurements") -> "Table":
    """Tabulate each quantity of a chip beside its target."""
    from spikeloop.coordinator.report.chip_figures import SHOWN
    from spikeloop.coordinator.report.result_table import result_table

    columns = ("quantity", "target", "mean", "SD", "min", "max", "worst neuron")
    table = result_table(title, *columns, left="quantity")
    for name, quantity in summary(measured, target).items():
        shown = SHOWN[name]
        wanted, mean, least, most = (
            _number(quantity, key, shown.per_si) for key in ("target", "mean", "min", "max")
        )
        worst = "–"
        if "worst_neuron" in quantity:
            worst = f"{quantity['worst_neuron']} ({100 * quantity['worst_deviation']:+.0f} %)"
        label = f"{shown.name} ({shown.unit})"
        table.add_row(label, wanted, mean, _percentage(quantity), least, most, worst)
    return table


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


def _number(quantity: dict[str, Any], key: str, per_si: float) -> str:
    """Format a number of a summary for a table; a dash where no neuron could be measured."""
    return f"{quantity[key] * per_si:.2f}" if key in quantity else "–"


def _percentage(quantity: dict[str, Any]) -> str:
    return f"{100 * quantity['sd_relative']:.1f} %" if "sd_relative" in quantity else "–"
