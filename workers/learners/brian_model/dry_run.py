"""A single step of a user's model, to find what only Brian2's generation of code refuses."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.blueprint import Blueprint
from spikeloop.workers.brian.equations import one_line_reason
from spikeloop.workers.brian.units import in_unit
from spikeloop.workers.learners.brian_model.compile import START, CompiledModel
from spikeloop.workers.learners.brian_model.settings import Model

KEY_OF_OBJECT = {
    "stateupdater": "method",
    "spike_thresholder": "threshold",
    "spike_resetter": "reset",
    "subexpression_update": "equations",
    "pre": "on_pre",
    "post": "on_post",
    "run_regularly": "on_feedback",
}
"""Endings of the names of Brian2's objects, and the key whose code each runs."""
METHODS = ("exact", "exponential_euler", "euler", "heun", "milstein", "rk2", "rk4")


def try_out(model: Model, compiled: CompiledModel) -> None:
    """Generate all code and run it for a step: the last of the checks.

    Raises:
        ValueError: one line that names table and key.
    """
    blueprint = compiled.blueprint
    with _from_brian(blueprint), np.errstate(all="ignore"):
        batch = BatchedNetwork(blueprint, 1)
        batch.reset(np.zeros(1, dtype=np.uint64))

        def between_windows(decision: int) -> None:
            for name, table in model.hyperparameters.items():
                for group in compiled.holders[name]:
                    batch.array(group, name)[:] = in_unit(np.array(table.default), table.unit)
            batch.call(START)
            for weights in model.weights.values():
                typical = in_unit(np.array(weights.scale), weights.unit)
                batch.array(weights.group, weights.variable)[:] = typical
            batch.run_feedback()

        batch.run(1, 1, between_windows)


@contextmanager
def _from_brian(blueprint: Blueprint) -> Iterator[None]:
    """Name table and key of what fails inside Brian2."""
    try:
        yield
    except Exception as error:  # of any kind, from parser, code generation or the model's numbers
        text = str(error)
        where, method = "neurons", ""
        if match := re.search(r"object named '(\w+)'", text):
            groups = (*blueprint.neurons, *blueprint.synapses)
            named = [g for g in groups if match[1] == g or match[1].startswith(f"{g}_")]
            if named:
                group = max(named, key=len)
                table = "neurons" if group in blueprint.neurons else "synapses"
                part = blueprint.neurons.get(group) or blueprint.synapses[group]
                ending = re.sub(r"_\d+$", "", match[1][len(group) + 1 :])
                where = f"{table}.{group}.{KEY_OF_OBJECT.get(ending, 'equations')}"
                method = part.method
        what = one_line_reason(error)
        if "No state updater" in what:
            what = f"must be one of {', '.join(METHODS)}, got {method!r}"
        elif where.endswith("method"):
            try_ = "exponential_euler or euler" if method == "exact" else "euler"
            what = f"{method!r} cannot solve these equations, try {try_}: {what}"
        raise ValueError(f"{where}: {what}") from error
