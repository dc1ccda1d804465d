"""The learned Θ as a table of one row: physical values by name, with their units.

    theta/part-000030.parquet   after a search of 30 generations

Each hyperparameter has a column: a number, the name of the chosen option, or a flat list of
weights in C order. The metadata of its field hold ``unit`` ("1" where it has none), ``default``,
bounds, ``scale``, ``shape`` and ``description`` as text, of whatever the hyperparameter has::

    field = pyarrow.parquet.read_schema("theta/part-000030.parquet").field("inhibition")
    field.metadata[b"unit"]
"""

import json
from typing import Any

import numpy as np
import pyarrow as pa

from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.manifest import describe_space
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.own_learner.theta import Theta
from spikeloop.workers.parameter_types import Parameter, Weights
from spikeloop.workers.space import ParameterSpace

Value = float | int | str | FloatArray
"""Of a real, an integer, a choice, or (*shape) of weights."""


def named_values(space: ParameterSpace, point: FloatArray) -> dict[str, Value]:
    """Give the physical values of a point, (n_dim,), by the names of their hyperparameters."""
    return dict(Theta(space.decode(point[None, :])))


def theta_table(space: ParameterSpace, point: FloatArray) -> pa.Table:
    """Give the one row of a point, (n_dim,), with the fields' metadata."""
    fields, columns = [], []
    values = named_values(space, point)
    for parameter, described in zip(space.parameters, describe_space(space), strict=True):
        about = {k: v if isinstance(v, str) else json.dumps(v) for k, v in described.items()}
        if not isinstance(parameter, Weights):  # whose default follows from seed, name and shape
            about["default"] = str(parameter.default)
        column = _column(parameter, values[parameter.name])
        fields.append(pa.field(parameter.name, column.type, metadata={"unit": "1", **about}))
        columns.append(column)
    return pa.table(columns, schema=pa.schema(fields))


def write_theta(run: RunFolder, point: FloatArray) -> None:
    """Write the learned Θ of a finished search into its folder."""
    path = run.store.part_path("theta", run.store.generation())
    atomic_files.make_folder(path.parent)  # which runs of earlier versions have not
    run.store.write_part(path, theta_table(run.config.space, point))


def has_theta(run: RunFolder) -> bool:
    """Whether the learned Θ of a finished search is on file."""
    return run.store.part_path("theta", run.store.generation()).exists()


def follows(run: RunFolder, written: pa.Table) -> bool:
    """Whether a table on file holds the point that the run deploys."""
    expected = theta_table(run.config.space, deployed(run))
    if not written.schema.equals(expected.schema) or written.num_rows != 1:
        return False
    pairs = zip(written.to_pylist()[0].values(), expected.to_pylist()[0].values(), strict=True)
    return all(_agree(found, wanted) for found, wanted in pairs)


def _column(parameter: Parameter, value: Any) -> pa.Array:
    if isinstance(parameter, Weights):
        return pa.FixedSizeListArray.from_arrays(pa.array(value.ravel()), parameter.size)
    return pa.array([value])


def _agree(found: Any, wanted: Any) -> bool:
    """Whether two values of a type are the same but for the rounding of another processor."""
    if isinstance(wanted, str):
        return bool(found == wanted)
    return bool(np.allclose(np.asarray(found, np.float64), wanted, rtol=1e-9))  # None is nan
