"""Tables of what was measured of one chip, for ``spikeloop chip``."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from spikeloop.workers.chip.calibration.published import LabCodes
    from spikeloop.workers.chip.calibration.results import Calibration, Measurements
    from spikeloop.workers.chip.calibration.sensor_calibration import SensorCalibration


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


def sensor_summary(found: "SensorCalibration") -> dict[str, dict[str, dict[str, float]]]:
    """Summarise both quantities of all sensors before and after, in s and LSB."""
    return {
        state: {
            name: {
                "target": float(getattr(found, f"target_{name}")),
                "mean": float(values.mean()),
                "sd_relative": float(values.std() / values.mean()),
            }
            for name, values in vars(getattr(found, state)).items()
        }
        for state in ("before", "after")
    }


def calibration_table(found: "Calibration", rates: dict[str, float]) -> "Table":
    """Tabulate each quantity before and after, and the shares of rates that are near enough."""
    from spikeloop.coordinator.report.chip_figures import SENSORS_SHOWN, SHOWN
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
    if found.sensors is not None:
        sensors = sensor_summary(found.sensors)
        for name, shown in SENSORS_SHOWN.items():
            states = [sensors[state][name] for state in ("before", "after")]
            row = [_number(states[0], "target", shown.per_si)]
            for state in states:
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


def _number(quantity: dict[str, Any], key: str, per_si: float) -> str:
    """Format a number of a summary for a table; a dash where no neuron could be measured."""
    return f"{quantity[key] * per_si:.2f}" if key in quantity else "–"


def _percentage(quantity: dict[str, Any]) -> str:
    return f"{100 * quantity['sd_relative']:.1f} %" if "sd_relative" in quantity else "–"


KNOWN_NAMES = {
    "tau_mem": "membrane time constant",
    "tau_exc": "excitatory time constant",
    "tau_inh": "inhibitory time constant",
    "refractory": "refractory time",
    "threshold_gap": "threshold above leak",
    "v_syn_exc": "reference of the excitatory input",
    "v_syn_inh": "reference of the inhibitory input",
}


def known_lines(lab: "LabCodes", chip: int) -> list[str]:
    """Say which quantities a laboratory's file measures, with their spread, and which are drawn."""
    known = lab.known()
    spreads = [f"{KNOWN_NAMES[name]} {100 * known[name].std():.1f} %" for name in known]
    lines = [f"{lab.path}: spread of the 32 neurons: {', '.join(spreads) or 'none'}"]
    others = [KNOWN_NAMES[name] for name in KNOWN_NAMES if name not in known]
    drawn = ["strengths", "leak and reset potentials", *others]
    lines.append(f"drawn from the number {chip}: {', '.join(drawn)}; synapses, sensors, ADC")
    if lab.unused:
        lines.append(f"cells without a model: {', '.join(lab.unused)}")
    return lines
