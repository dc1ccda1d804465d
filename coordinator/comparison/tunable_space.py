"""Translates a strategy's tunable space into Optuna's distributions, and values into settings."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spikeloop.coordinator.config.load import read_value
from spikeloop.workers.parameter_types import Choice, Integer, Parameter, Real, Weights
from spikeloop.workers.space import ParameterSpace

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distributions(space: ParameterSpace) -> "dict[str, BaseDistribution]":
    """Give Optuna's distributions; ValueError for a parameter that it has none for."""
    with warnings.catch_warnings():
        # The first import of Optuna in a notebook asks for widgets, which nothing here uses.
        warnings.filterwarnings("ignore", message="IProgress not found")
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


def around(space: ParameterSpace, given: Mapping[str, Any]) -> ParameterSpace:
    """Make the given settings the defaults of a space, so that a study can begin with them.

    A range is widened to include the given value, and a choice gets it as one more option. A
    setting that cannot be included, such as 0 on a logarithmic scale or a key of a nested table
    that was not chosen, stays as given and is not tuned. Settings are nested tables, as
    ``model_dump(mode="json")`` writes them.
    """
    parameters: list[Parameter] = []
    for parameter in space.parameters:
        value = _look_up(given, parameter.name)
        if value is None or isinstance(parameter, Weights):
            continue
        if isinstance(parameter, Choice):
            text = _toml(value)
            options = parameter.options if text in parameter.options else (*parameter.options, text)
            parameters.append(replace(parameter, options=options, default=text))
        elif isinstance(parameter, Integer):
            low, high = min(parameter.low, int(value)), max(parameter.high, int(value))
            parameters.append(replace(parameter, low=low, high=high, default=int(value)))
        elif not isinstance(parameter.low, str) and (value > 0 or parameter.scale == "linear"):
            low_, high_ = min(parameter.low, float(value)), max(parameter.high, float(value))
            parameters.append(replace(parameter, low=low_, high=high_, default=float(value)))
    return ParameterSpace(tuple(parameters))


def defaults(space: ParameterSpace) -> dict[str, float | int | str]:
    """Give the default of each parameter by name."""
    return {p.name: p.default for p in space.parameters if not isinstance(p, Weights)}


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn values by dotted keys into nested tables of settings; text is read as TOML."""
    tables: dict[str, Any] = {}
    for key, value in values.items():
        *names, last = key.split(".")
        inner = tables
        for name in names:
            inner = inner.setdefault(name, {})
        inner[last] = read_value(value) if isinstance(value, str) else value
    return tables


def _look_up(settings: Mapping[str, Any], key: str) -> Any:
    """Look up a dotted key; None if there is none."""
    value: Any = settings
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _toml(value: Any) -> str:
    """Write a value as the text of an option."""
    return value if isinstance(value, str) else str(value).lower()
