"""Checks that the population "input" of a user's model can fire as its table says."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.workers.brian.equations import fail, names_in
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.units import in_unit
from spikeloop.workers.learners.brian_model.names import ACTIVITY, SIGNALS
from spikeloop.workers.learners.brian_model.namespace import Namespace, specimen
from spikeloop.workers.learners.brian_model.settings import Model

VARYING = {*SIGNALS, "t", "t_in_timesteps", "lastspike", "rand", "randn"}
"""Names whose values are not known before an episode."""
MAX_CORNER_NAMES = 10
"""Hyperparameters of one expression whose bounds are tried in all combinations, at most."""


def check_input(
    model: Model,
    equations: str,
    interface: Interface,
    namespace: Namespace,
    shared: Mapping[str, Any],
) -> None:
    """Check ``rate`` or ``at`` of a population, at the bounds of the hyperparameters in them.

    Raises:
        ValueError: one line; names or units are wrong, or units would never fire, or faster than
            once in a time step.
    """
    table, step_s = model.input, model.step_ms * 1e-3
    if table.coding == "poisson":
        namespace.expression(table.rate, brian2().hertz, "input.rate")
        for (rate,), bounds in _values(model, equations, table.rate, "hertz", [1.0], shared):
            # One spike in each step may be meant; a little above it is rounding.
            if not 0 <= rate * step_s <= 1 + 1e-9:
                fail(
                    "input.rate",
                    f"must be in [0, {1 / step_s:g}] Hz, at most one spike in each step_ms = "
                    f"{model.step_ms:g}, got {rate:g} Hz{bounds}",
                )
    if table.coding == "spike":
        namespace.expression(table.at, brian2().second, "input.at")
        # Latencies may be such that units of little activity stay silent, but not all units.
        activities = [1.0] if interface.observations == "discrete" else [0.0, 1.0]
        for times, bounds in _values(model, equations, table.at, "second", activities, shared):
            step = np.trunc(times / step_s + 0.5)  # as in the threshold of the population
            if not ((step >= 0) & (step < model.window_steps)).any():
                fail(
                    "input.at",
                    f"must be at least 0 ms and less than window_ms = {model.window_ms:g} for some "
                    f"unit, else none ever fires, got {times[-1] * 1e3:g} ms"
                    f"{bounds}",
                )


def _values(
    model: Model,
    equations: str,
    expression: str,
    unit: str,
    activities: Sequence[float],
    shared: Mapping[str, Any],
) -> Iterator[tuple[FloatArray, str]]:
    """Yield values (n_activities,) of an expression and a text for each combination of bounds."""
    names = names_in(expression)
    tables = {name: t for name, t in model.hyperparameters.items() if name in names}
    if names & VARYING or len(tables) > MAX_CORNER_NAMES:
        return
    corners = list(product(*((t.low, t.high) for t in tables.values())))
    n = len(activities)
    group = specimen("NeuronGroup")(
        n * len(corners), f"{equations}\nepisode_input = {expression} : {unit}", **shared
    )
    group.variables[ACTIVITY].get_value()[:] = np.tile(activities, len(corners))
    for k, (name, table) in enumerate(tables.items()):
        bounds = np.array([corner[k] for corner in corners])
        group.variables[name].get_value()[:] = np.repeat(in_unit(bounds, table.unit), n)
    with np.errstate(all="ignore"):
        found = np.asarray(group.state("episode_input", use_units=False)[:]).reshape(-1, n)
    units = ["" if table.unit == "1" else f" {table.unit}" for table in tables.values()]
    for values, corner in zip(found, corners, strict=True):
        at = map("{} = {:g}{}".format, tables, corner, units)
        yield values, f" at {', '.join(at)}" if corner else ""
