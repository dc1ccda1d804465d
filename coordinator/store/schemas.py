"""Define the columns of a run's Parquet files.

Fields of quantities have their ``unit`` in the metadata, "1" where a hyperparameter has none.
``SCHEMA_VERSION`` grows with every change that would break an older reader. The columns in
``VOLATILE`` describe how a run went; all others are functions of configuration and seed.
"""

from collections.abc import Mapping

import pyarrow as pa

from spikeloop.coordinator.config.limits import MAX_STORED_DIM
from spikeloop.coordinator.config.stopping import RULES
from spikeloop.workers.job import Status
from spikeloop.workers.space import ParameterSpace

SCHEMA_VERSION = 3

VOLATILE = frozenset(
    {"attempts", "worker", "wall_s", "work_s", "overhead_s", "retries", "finished"}
)

FAILURES = tuple(f"failed_{status.name.lower()}" for status in Status if status is not Status.OK)

_CANDIDATE = [("generation", pa.int32()), ("candidate", pa.int32())]
_FITNESS = [
    ("fitness", pa.float64()),
    ("n_episodes", pa.int32()),
    ("n_failed", pa.int32()),
    ("status", pa.string()),
]
_EPISODE = [
    ("task", pa.int32()),
    ("episode_seed", pa.uint64()),
    ("return", pa.float64()),
    ("random", pa.float64()),
    ("optimal", pa.float64()),
    ("score", pa.float64()),
    ("status", pa.string()),
]
_TRACE = [("error", pa.string()), ("attempts", pa.int32()), ("worker", pa.string())]
_CURVE = [("curve", pa.list_(pa.float32()))]

EPISODES = pa.schema([*_CANDIDATE, *_EPISODE, *_TRACE])
"""One row an episode of the search."""

FINALISTS = pa.schema([("generation", pa.int32()), *_EPISODE, *_TRACE])
"""One row an episode of the race at the end, of the point recommended after a generation."""

CURVES = pa.schema([("generation", pa.int32()), *_EPISODE, *_CURVE, *_TRACE])
"""One row a held-out episode of the point recommended after a generation, with its curve."""

TRANSFER = pa.schema(
    [
        *(("transfer_seed", pa.int64()), ("theta", pa.string()), ("point", pa.int32())),
        *(*_EPISODE, *_CURVE, *_TRACE),
    ]
)
"""One row a held-out episode of the default, a random or the learned Θ."""


def candidates(space: ParameterSpace) -> pa.Schema:
    """Give the schema of candidates: one row each, with point, named parameters and fitness."""
    units = [parameter.unit for parameter in space.parameters for _ in range(parameter.size)]
    parameters = [
        pa.field(name, pa.float64(), metadata={"unit": unit})
        for name, unit in zip(parameter_columns(space), units, strict=False)
    ]
    points = (
        [("point", pa.list_(pa.float64(), space.n_dim))] if space.n_dim <= MAX_STORED_DIM else []
    )
    return pa.schema([*_CANDIDATE, *parameters, *_FITNESS, *points])


def parameter_columns(space: ParameterSpace) -> tuple[str, ...]:
    """Name the columns of parameters, "theta_" in front; none for spaces that are too large."""
    if space.n_dim > MAX_STORED_DIM:
        return ()
    return tuple(f"theta_{name}" for name in space.columns)


def generations(summary: tuple[str, ...], staged: bool = False) -> pa.Schema:
    """Give the schema of generations.

    Args:
        summary: names of the strategy's numbers about itself.
        staged: whether the run has a curriculum, of which a column then names the stage.
    """
    return pa.schema(
        [
            ("generation", pa.int32()),
            *((name, pa.float64()) for name in ("best", "mean", "median", "sd", "worst")),
            ("best_candidate", pa.int32()),
            ("n_candidates", pa.int32()),
            ("n_tasks", pa.int32()),
            ("n_episodes", pa.int64()),
            ("n_failed", pa.int64()),
            *((name, pa.int64()) for name in FAILURES),
            ("total_episodes", pa.int64()),
            ("epoch", pa.int32()),
            ("spread", pa.float64()),
            ("stopped", pa.string()),
            ("simulated_steps", pa.int64()),
            ("held_out_score", pa.float64()),
            ("held_out_low", pa.float64()),
            ("held_out_high", pa.float64()),
            ("held_out_tasks", pa.int32()),
            ("held_out_failed", pa.int32()),
            *([("stage", pa.int32())] if staged else ()),
            *((f"strategy_{name}", pa.float64()) for name in summary),
            *(
                pa.field(name, pa.float64(), metadata={"unit": "s"})
                for name in ("wall_s", "work_s", "overhead_s")
            ),
            ("retries", pa.int64()),
            ("finished", pa.timestamp("us", tz="UTC")),
        ]
    )


COLUMNS: Mapping[str, Mapping[str, pa.DataType]] = {
    name: dict(zip(schema.names, schema.types, strict=True))
    for name, schema in {
        "episodes": EPISODES,
        "candidates": pa.schema([*_CANDIDATE, *_FITNESS]),
        "generations": generations(()),
        "curves": CURVES,
        "finalists": FINALISTS,
        "theta": pa.schema([]),
        "transfer": TRANSFER,
        "other_transfers": TRANSFER,
    }.items()
}
"""Folder of a run -> the columns of its tables that do not depend on the space."""


def problem(name: str, table: pa.Table) -> str:
    """Describe a wrong type or value in a table; "" if there is none."""
    for column, wanted in COLUMNS[name].items():
        if column in table.column_names:
            found = table.schema.field(column).type
            if not pa.types.is_null(found) and _kind(found) != _kind(wanted):
                return f"{column} must be of the type {wanted}, it is of {found}"
    if name == "generations" and "stopped" in table.column_names:
        for rule in table["stopped"].unique().to_pylist():
            if rule is not None and rule not in RULES:
                return f"stopped must be one of {', '.join(RULES)}, it is {rule!r}"
    return ""


def units(schema: pa.Schema) -> dict[str, str]:
    """Give the unit of each column that has one in its field's metadata."""
    known = {field.name: (field.metadata or {}).get(b"unit") for field in schema}
    return {name: unit.decode() for name, unit in known.items() if unit}


def _kind(found: pa.DataType) -> str:
    """Name a type without its number of bits."""
    if pa.types.is_list(found):
        return f"list of {_kind(found.value_type)}"
    kinds = {"whole": pa.types.is_integer, "number": pa.types.is_floating}
    return next((kind for kind, holds in kinds.items() if holds(found)), str(found))
