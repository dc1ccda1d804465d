"""Lives, candidates and generations as Arrow tables in the columns of ``schemas``."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from spikeloop.coordinator.config.limits import MAX_STORED_DIM
from spikeloop.coordinator.search.evaluation import GridLives
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.scores import gain_and_span, score
from spikeloop.coordinator.store import schemas
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid, Status
from spikeloop.workers.space import ParameterSpace

POINTS = b"points"
"""Key of a transfer's metadata: the digest of the points that met the tasks."""


def lives_table(lives: GridLives, generation: int) -> pa.Table:
    """The lives of a generation, candidate by candidate."""
    candidate, _ = np.indices(lives.returns.shape)
    table = _table(
        schemas.LIVES,
        generation=np.full(lives.returns.size, generation),
        candidate=candidate.ravel(),
        **_life_columns(lives),
    )
    return table.filter(pa.array(lives.lived.ravel()))


def finalists_table(lives: GridLives, generations: Sequence[int]) -> pa.Table:
    """The lives of the race between the points recommended after these generations."""
    table = _table(
        schemas.FINALISTS,
        generation=np.repeat(generations, lives.grid.n_tasks),
        **_life_columns(lives),
    )
    return table.filter(pa.array(lives.lived.ravel()))


def curves_table(lives: GridLives, generation: int) -> pa.Table:
    """The held-out lives of the point recommended after a generation, with their curves."""
    return _table(
        schemas.CURVES,
        generation=np.full(lives.returns.size, generation),
        curve=_curves(lives),
        **_life_columns(lives),
    )


def transfer_table(lives: GridLives, theta: tuple[str, ...]) -> pa.Table:
    """Held-out lives of several points, with their curves; ``point`` counts within a theta.

    Its metadata name the points, which it does not hold: a run that goes on after a transfer
    learns another Θ.
    """
    n_tasks = lives.grid.n_tasks
    number = [theta[:row].count(name) for row, name in enumerate(theta)]
    table = _table(
        schemas.TRANSFER,
        transfer_seed=np.full(lives.returns.size, lives.grid.index),
        theta=np.repeat(theta, n_tasks),
        point=np.repeat(number, n_tasks),
        curve=_curves(lives),
        **_life_columns(lives),
    )
    named = table.replace_schema_metadata({POINTS: points_digest(lives.grid)})
    return named.filter(pa.array(lives.lived.ravel()))


def points_digest(grid: Grid) -> bytes:
    """What names the points of a grid: the SHA-256 of their coordinates."""
    points = grid.population.rows(0, grid.n_candidates)
    return hashlib.sha256(points.tobytes()).hexdigest().encode()


def candidates_table(
    lives: GridLives, fitness: FloatArray, space: ParameterSpace, generation: int
) -> pa.Table:
    """One row a candidate of a generation."""
    n = lives.grid.n_candidates
    schema = schemas.candidates(space)
    columns: dict[str, Any] = {
        "generation": np.full(n, generation),
        "candidate": np.arange(n),
        "fitness": fitness,
        "n_lives": lives.lived.sum(axis=1),
        "n_failed": (lives.lived & ~lives.ok).sum(axis=1),
        "status": np.where(np.isfinite(fitness), "ok", "failed"),
    }
    if space.n_dim <= MAX_STORED_DIM:
        points = lives.grid.population.rows(0, n)
        values = space.decode(points).values
        columns |= dict(zip(schemas.parameter_columns(space), values.T, strict=True))
        columns["point"] = pa.FixedSizeListArray.from_arrays(
            pa.array(points.ravel(), pa.float64()), space.n_dim
        )
    return _table(schema, **columns)


def generation_table(
    lives: GridLives,
    fitness: FloatArray,
    summary: Mapping[str, float],
    columns: Mapping[str, Any],
) -> pa.Table:
    """The one row of a generation.

    Args:
        lives: of the generation.
        fitness: (n_candidates,) of its candidates.
        summary: what the strategy tells of itself.
        columns: by name, those that do not follow from these.
    """
    best_candidate = int(np.nanargmax(fitness))
    fitness = fitness[np.isfinite(fitness)]
    row: dict[str, Any] = {
        "best": fitness.max(),
        "mean": fitness.mean(),
        "median": np.median(fitness),
        "sd": fitness.std(ddof=1) if fitness.size > 1 else 0.0,
        "worst": fitness.min(),
        "best_candidate": best_candidate,
        "n_candidates": lives.grid.n_candidates,
        "n_tasks": lives.grid.n_tasks,
        "n_lives": lives.n_lived,
        "n_failed": lives.n_failed,
        "simulated_steps": lives.n_simulated_steps,
        "retries": int((lives.attempts - 1).clip(min=0).sum()),
        **{f"strategy_{name}": value for name, value in summary.items()},
        **columns,
    }
    for name, status in zip(schemas.FAILURES, list(Status)[1:], strict=True):
        row[name] = int((lives.lived & (lives.status == status)).sum())
    return _table(schemas.generations(tuple(summary)), **{k: [v] for k, v in row.items()})


def held_out_columns(lives: GridLives | None, held_out: Interval | None) -> dict[str, Any]:
    """Columns of a generation about its held-out score; without values if it has none."""
    return {
        "held_out_score": held_out and held_out.value,
        "held_out_low": held_out and held_out.low,
        "held_out_high": held_out and held_out.high,
        "held_out_tasks": held_out and held_out.n,
        "held_out_failed": lives and lives.n_failed,
    }


def _life_columns(lives: GridLives) -> dict[str, Any]:
    shape = lives.returns.shape
    errors = np.full(shape, None, dtype=object)
    for failure in lives.failures:
        errors[failure.tile.c0, failure.tile.t0] = failure.message
    gain, span = gain_and_span(lives.returns, lives.references, np.ones(shape, dtype=np.bool_))
    words = np.array([status.words for status in Status], dtype=object)
    columns = {
        "task": np.indices(shape)[1],
        "life_seed": lives.grid.seeds(),
        "return": lives.returns,
        "random": np.broadcast_to(lives.references.random, shape),
        "optimal": np.broadcast_to(lives.references.optimal, shape),
        "score": score(gain, span),
        "status": words[lives.status],
        "error": errors,
        "attempts": lives.attempts,
        "worker": lives.workers,
    }
    return {name: values.ravel() for name, values in columns.items()}


def _curves(lives: GridLives) -> pa.Array:
    n_bins = lives.curve.shape[2]
    flat = pa.array(lives.curve.ravel(), pa.float32())
    offsets = pa.array(np.arange(0, lives.curve.size + 1, n_bins), pa.int32())
    return pa.ListArray.from_arrays(offsets, flat)


def _table(schema: pa.Schema, **columns: Any) -> pa.Table:
    return pa.table(
        [pa.array(columns[field.name], type=field.type) for field in schema], schema=schema
    )
