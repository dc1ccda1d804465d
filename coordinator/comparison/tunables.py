"""What a comparison may tune: from a strategy's space to Optuna's distributions and to settings."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from spikeloop.coordinator.kinds import read_value
from spikeloop.workers.space import Choice, Integer, Parameters, ParameterSpace, Real

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distributions(space: ParameterSpace) -> "dict[str, BaseDistribution]":
    """The space as Optuna sees it; ValueError for parameters that it has no distribution for."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found: dict[str, BaseDistribution] = {}
    for parameter in space.parameters:
        if isinstance(parameter, Real) and not isinstance(parameter.low, str):
            log = parameter.scale == "log"
            found[parameter.name] = FloatDistribution(parameter.low, parameter.high, log=log)
        elif isinstance(parameter, Integer):
            found[parameter.name] = IntDistribution(parameter.low, parameter.high)
        elif isinstance(parameter, Choice):
            found[parameter.name] = CategoricalDistribution(parameter.options)
        else:
            raise ValueError(
                f"{parameter.name}: a tunable setting must be real with fixed bounds, integer or "
                "a choice"
            )
    return found


def named_values(parameters: Parameters) -> Iterator[dict[str, float | int | str]]:
    """For each candidate its values by name, choices as the text of their option."""
    for row in parameters.values:
        values: dict[str, float | int | str] = {}
        for parameter, columns in parameters.space.slices():
            value = row[columns.start]
            if isinstance(parameter, Choice):
                values[parameter.name] = parameter.options[int(value)]
            else:
                values[parameter.name] = int(value) if isinstance(parameter, Integer) else value
        yield values


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as nested tables, from values by their dotted keys; text is read as TOML."""
    tables: dict[str, Any] = {}
    for key, value in values.items():
        *names, last = key.split(".")
        inner = tables
        for name in names:
            inner = inner.setdefault(name, {})
        inner[last] = read_value(value) if isinstance(value, str) else float_or_int(value)
    return tables


def float_or_int(value: float | int) -> float | int:
    """Plain Python numbers, which strict settings ask for."""
    return int(value) if isinstance(value, int) else float(value)
