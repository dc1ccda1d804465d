"""The learned Θ beside its default, with units and ranges, for terminals, pages and notebooks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table
from rich.text import Text

from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.search.learned_theta import Value, named_values
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Choice, Integer, Parameter, Real, Weights
from spikeloop.workers.space import ParameterSpace

COLUMNS = ("hyperparameter", "learned", "default", "unit", "range")
MOST_OPTIONS = 4
"""Options of a choice that its range names."""
MOST_ROWS = 40
"""Hyperparameters that a terminal shows."""


@dataclass(frozen=True)
class ThetaRow:
    """One hyperparameter as text: its learned and its default value, unit, range and meaning."""

    name: str
    learned: str
    default: str
    unit: str
    range: str
    description: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of ``COLUMNS``."""
        return self.name, self.learned, self.default, self.unit, self.range


def theta_rows(space: ParameterSpace, point: FloatArray) -> list[ThetaRow]:
    """Format each hyperparameter of a point, (n_dim,).

    The weights of an array have one row: their shape, mean and standard deviation.
    """
    learned, default = named_values(space, point), named_values(space, space.default_point())
    return [
        ThetaRow(
            parameter.name,
            format_value(learned[parameter.name]),
            format_value(default[parameter.name]),
            "" if parameter.unit == "1" else parameter.unit,
            _range(parameter),
            parameter.description,
        )
        for parameter in space.parameters
    ]


def format_value(value: Value) -> str:
    """Format for example as "0.8871", "31", "first" or "32 × 4 weights, mean 0.01, SD 1.2"."""
    if isinstance(value, np.ndarray):
        shape = " × ".join(map(str, value.shape))
        return f"{shape} weights, mean {value.mean():.3g}, SD {value.std():.3g}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def terminal_table(rows: Sequence[ThetaRow], caption: str = "") -> Table:
    """Lay the table out for a terminal; its texts may come from a foreign folder."""
    left_out = len(rows) - MOST_ROWS
    more = f"the first {MOST_ROWS} of {len(rows)}; " if left_out > 0 else ""
    table = Table(
        title=Text("The learned Θ", "table.title"),
        title_justify="left",
        caption=Text(printable(more + caption)),
        caption_justify="left",
    )
    for column in COLUMNS:
        right = column in ("learned", "default")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(Text(printable(cell)) for cell in row.cells))
    return table


def _range(parameter: Parameter) -> str:
    if isinstance(parameter, Weights):
        return f"any, begun with SD {parameter.scale:.4g}"
    if isinstance(parameter, Choice):
        more = [f"{len(parameter.options) - MOST_OPTIONS} more"]
        few = len(parameter.options) <= MOST_OPTIONS
        return ", ".join([*parameter.options[:MOST_OPTIONS], *([] if few else more)])
    return f"{_bound(parameter.low)} to {_bound(parameter.high)}{_scale(parameter)}"


def _bound(bound: float | str) -> str:
    return f"{bound:.4g}" if isinstance(bound, float) else str(bound)


def _scale(parameter: Real | Integer) -> str:
    return ", log" if isinstance(parameter, Real) and parameter.scale == "log" else ""
