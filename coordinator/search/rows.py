"""Episodes, candidates and generations as Arrow tables in the columns of ``schemas``."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from spikeloop.coordinator.config.limits import MAX_STORED_DIM
from spikeloop.coordinator.search.evaluation import GridEpisodes
from spikeloop.coordinator.stats.scores import Estimate, score
from spikeloop.coordinator.store import schemas
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid, Status
from spikeloop.workers.space import ParameterSpace

POINTS = b"points"
"""Key of a transfer's metadata: the digest of the points that met the tasks."""


def episodes_table(episodes: GridEpisodes, generation: int) -> pa.Table:
    """The episodes of a generation, candidate by candidate."""
    candidate, _ = np.indices(episodes.returns.shape)
    table = _table(
        schemas.EPISODES,
        generation=np.full(episodes.returns.size, generation),
        candidate=candidate.ravel(),
        **_episode_columns(episodes),
    )
    return table.filter(pa.array(episodes.episodes_done.ravel()))


def finalists_table(episodes: GridEpisodes, generations: Sequence[int]) -> pa.Table:
    """The episodes of the race between the points recommended after these generations."""
    table = _table(
        schemas.FINALISTS,
        generation=np.repeat(generations, episodes.grid.n_tasks),
        **_episode_columns(episodes),
    )
    return table.filter(pa.array(episodes.episodes_done.ravel()))


def curves_table(episodes: GridEpisodes, generation: int) -> pa.Table:
    """The held-out episodes of the point recommended after a generation, with their curves."""
    return _table(
        schemas.CURVES,
        generation=np.full(episodes.returns.size, generation),
        curve=_curves(episodes),
        **_episode_columns(episodes),
    )


def transfer_table(episodes: GridEpisodes, theta: tuple[str, ...]) -> pa.Table:
    """Held-out episodes of several points, with their curves; ``point`` counts within a theta.

    Its metadata name the points, which it does not hold: a run that goes on after a transfer
    learns another Θ.
    """
    n_tasks = episodes.grid.n_tasks
    number = [theta[:row].count(name) for row, name in enumerate(theta)]
    table = _table(
        schemas.TRANSFER,
        transfer_seed=np.full(episodes.returns.size, episodes.grid.index),
        theta=np.repeat(theta, n_tasks),
        point=np.repeat(number, n_tasks),
        curve=_curves(episodes),
        **_episode_columns(episodes),
    )
    named = table.replace_schema_metadata({POINTS: points_digest(episodes.grid)})
    return named.filter(pa.array(episodes.episodes_done.ravel()))


def points_digest(grid: Grid) -> bytes:
    """What names the points of a grid: the SHA-256 of their coordinates."""
    points = grid.population.rows(0, grid.n_candidates)
    return hashlib.sha256(points.tobytes()).hexdigest().encode()


def candidates_table(
    episodes: GridEpisodes, fitness: FloatArray, space: ParameterSpace, generation: int
) -> pa.Table:
    """One row a candidate of a generation."""
    n = episodes.grid.n_candidates
    schema = schemas.candidates(space)
    columns: dict[str, Any] = {
        "generation": np.full(n, generation),
        "candidate": np.arange(n),
        "fitness": fitness,
        "n_episodes": episodes.episodes_done.sum(axis=1),
        "n_failed": (episodes.episodes_done & ~episodes.ok).sum(axis=1),
        "status": np.where(np.isfinite(fitness), "ok", "failed"),
    }
    if space.n_dim <= MAX_STORED_DIM:
        points = episodes.grid.population.rows(0, n)
        values = space.decode(points).values
        columns |= dict(zip(schemas.parameter_columns(space), values.T, strict=True))
        columns["point"] = pa.FixedSizeListArray.from_arrays(
            pa.array(points.ravel(), pa.float64()), space.n_dim
        )
    return _table(schema, **columns)


def generation_table(
    episodes: GridEpisodes,
    fitness: FloatArray,
    summary: Mapping[str, float],
    columns: Mapping[str, Any],
) -> pa.Table:
    """The one row of a generation.

    Args:
        episodes: of the generation.
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
        "n_candidates": episodes.grid.n_candidates,
        "n_tasks": episodes.grid.n_tasks,
        "n_episodes": episodes.n_episodes_done,
        "n_failed": episodes.n_failed,
        "simulated_steps": episodes.n_simulated_steps,
        "retries": int((episodes.attempts - 1).clip(min=0).sum()),
        **{f"strategy_{name}": value for name, value in summary.items()},
        **columns,
    }
    for name, status in zip(schemas.FAILURES, list(Status)[1:], strict=True):
        row[name] = int((episodes.episodes_done & (episodes.status == status)).sum())
    return _table(schemas.generations(tuple(summary)), **{k: [v] for k, v in row.items()})


def held_out_columns(episodes: GridEpisodes | None, held_out: Estimate | None) -> dict[str, Any]:
    """Columns of a generation about its held-out score; without values if it has none."""
    return {
        "held_out_score": held_out and held_out.value,
        "held_out_low": held_out and held_out.low,
        "held_out_high": held_out and held_out.high,
        "held_out_tasks": held_out and held_out.n_tasks,
        "held_out_failed": episodes and episodes.n_failed,
    }


def _episode_columns(episodes: GridEpisodes) -> dict[str, Any]:
    shape = episodes.returns.shape
    errors = np.full(shape, None, dtype=object)
    for failure in episodes.failures:
        errors[failure.tile.c0, failure.tile.t0] = failure.message
    span = np.broadcast_to(episodes.references.optimal - episodes.references.random, shape)
    words = np.array([status.words for status in Status], dtype=object)
    columns = {
        "task": np.indices(shape)[1],
        "episode_seed": episodes.grid.seeds(),
        "return": episodes.returns,
        "random": np.broadcast_to(episodes.references.random, shape),
        "optimal": np.broadcast_to(episodes.references.optimal, shape),
        "score": score(episodes.returns - episodes.references.random, span),
        "status": words[episodes.status],
        "error": errors,
        "attempts": episodes.attempts,
        "worker": episodes.workers,
    }
    return {name: values.ravel() for name, values in columns.items()}


def _curves(episodes: GridEpisodes) -> pa.Array:
    n_bins = episodes.curve.shape[2]
    flat = pa.array(episodes.curve.ravel(), pa.float32())
    offsets = pa.array(np.arange(0, episodes.curve.size + 1, n_bins), pa.int32())
    return pa.ListArray.from_arrays(offsets, flat)


def _table(schema: pa.Schema, **columns: Any) -> pa.Table:
    return pa.table(
        [pa.array(columns[field.name], type=field.type) for field in schema], schema=schema
    )
