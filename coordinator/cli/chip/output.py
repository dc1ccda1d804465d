"""What both chip commands print and where they may write."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from spikeloop.workers.chip.calibration.results import Measurements

Seed = Annotated[int, typer.Option("--seed", min=0, help="of the noise while measuring")]


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


def number(quantity: dict[str, Any], key: str, per_si: float) -> str:
    """Format a number of a summary for a table; a dash where no neuron could be measured."""
    return f"{quantity[key] * per_si:.2f}" if key in quantity else "–"


def percentage(quantity: dict[str, Any]) -> str:
    """Format the relative standard deviation of a summary for a table."""
    return f"{100 * quantity['sd_relative']:.1f} %" if "sd_relative" in quantity else "–"
