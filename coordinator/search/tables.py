"""Write episodes, candidates and generations as Arrow tables in the columns of ``schemas``."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from spikeloop.coordinator.config.limits import MAX_STORED_DIM
from spikeloop.coordinator.search.evaluation import GridEpisodes
from spikeloop.coordinator.search.generation import Generation, HeldOut
from spikeloop.coordinator.stats.scores import gain_and_span, score
from spikeloop.coordinator.store import schemas
from spikeloop.workers.job import Grid, Status
from spikeloop.workers.space import ParameterSpace

POINTS = b"points"
"""Key of a transfer's metadata, the digest of the points that met the tasks."""


def episodes_table(episodes: GridEpisodes, generation: int) -> pa.Table:
    """Give the episodes of a generation, candidate by candidate."""
    candidate, _ = np.indices(episodes.returns.shape)
    return _episode_rows(schemas.EPISODES, episodes, generation=generation, candidate=candidate)


def finalists_table(episodes: GridEpisodes, generations: Sequence[int]) -> pa.Table:
    """Give the episodes of the race between the points recommended after these generations."""
    return _episode_rows(schemas.FINALISTS, episodes, generation=np.array(generations)[:, None])


def curves_table(episodes: GridEpisodes, generation: int) -> pa.Table:
    """Give the held-out episodes of the point recommended after a generation, with curves."""
    return _episode_rows(schemas.CURVES, episodes, generation=generation)


def transfer_table(episodes: GridEpisodes, theta: tuple[str, ...]) -> pa.Table:
    """Give held-out episodes of several points, with curves; ``point`` counts within a theta.

    The metadata hold a digest of the points, because a run that is continued after a transfer
    learns another Θ.
    """
    number = [theta[:row].count(name) for row, name in enumerate(theta)]
    table = _episode_rows(
        schemas.TRANSFER,
        episodes,
        transfer_seed=episodes.grid.index,
        theta=np.array(theta)[:, None],
        point=np.array(number)[:, None],
    )
    return table.replace_schema_metadata({POINTS: points_digest(episodes.grid)})


def without_curves(transfer: pa.Table) -> pd.DataFrame:
    """Give the rows of a transfer without the learning curves, which no score depends on."""
    episodes: pd.DataFrame = transfer.drop_columns(["curve"]).to_pandas()
    return episodes


def points_digest(grid: Grid) -> bytes:
    """Give the SHA-256 of the coordinates of a grid's points."""
    points = grid.population.rows(0, grid.n_candidates)
    return hashlib.sha256(points.tobytes()).hexdigest().encode()


def candidates_table(generation: Generation, space: ParameterSpace) -> pa.Table:
    """Give one row a candidate of a generation."""
    episodes, fitness = generation.episodes, generation.fitness
    n = episodes.grid.n_candidates
    columns: dict[str, Any] = {
        "generation": np.full(n, generation.number),
        "candidate": np.arange(n),
        "fitness": fitness,
        "n_episodes": episodes.evaluated.sum(axis=1),
        "n_failed": (episodes.evaluated & ~episodes.ok).sum(axis=1),
        "status": np.where(np.isfinite(fitness), "ok", "failed"),
    }
    if space.n_dim <= MAX_STORED_DIM:
        points = episodes.grid.population.rows(0, n)
        values = space.decode(points).values
        columns |= dict(zip(schemas.parameter_columns(space), values.T, strict=True))
        columns["point"] = pa.FixedSizeListArray.from_arrays(
            pa.array(points.ravel(), pa.float64()), space.n_dim
        )
    return _table(schemas.candidates(space), **columns)


def generation_table(
    generation: Generation, summary: Mapping[str, float], n_workers: int
) -> pa.Table:
    """Give the one row of a generation, with the strategy's numbers about itself."""
    episodes, staged = generation.episodes, generation.stage is not None
    fitness = generation.fitness[np.isfinite(generation.fitness)]
    row: dict[str, Any] = {
        "generation": generation.number,
        "best": fitness.max(),
        "mean": fitness.mean(),
        "median": np.median(fitness),
        "sd": fitness.std(ddof=1) if fitness.size > 1 else 0.0,
        "worst": fitness.min(),
        "best_candidate": int(np.nanargmax(generation.fitness)),
        "n_candidates": episodes.grid.n_candidates,
        "n_tasks": episodes.grid.n_tasks,
        "n_episodes": episodes.n_evaluated,
        "n_failed": episodes.n_failed,
        "total_episodes": generation.total_episodes,
        "epoch": generation.epoch,
        "spread": generation.spread,
        "stopped": generation.rule,
        "simulated_steps": episodes.n_simulated_steps,
        "stage": generation.stage,
        **held_out_columns(generation.held_out),
        **{f"strategy_{name}": value for name, value in summary.items()},
        "wall_s": generation.wall_s,
        "work_s": episodes.work_s,
        "overhead_s": generation.wall_s - episodes.work_s / n_workers,
        "retries": int((episodes.attempts - 1).clip(min=0).sum()),
        "finished": datetime.now(UTC),
    }
    for name, status in zip(schemas.FAILURES, list(Status)[1:], strict=True):
        row[name] = int((episodes.evaluated & (episodes.status == status)).sum())
    return _table(schemas.generations(tuple(summary), staged), **{k: [v] for k, v in row.items()})


def held_out_columns(held_out: HeldOut | None) -> dict[str, Any]:
    """Give the columns of a generation about its held-out score, None where it has none."""
    score = held_out and held_out.score
    return {
        "held_out_score": score and score.value,
        "held_out_low": score and score.low,
        "held_out_high": score and score.high,
        "held_out_tasks": score and score.n,
        "held_out_failed": held_out and held_out.episodes.n_failed,
    }


def _episode_rows(schema: pa.Schema, episodes: GridEpisodes, **own: Any) -> pa.Table:
    """Give the episodes that were wanted, in reading order, with curves if the schema has any.

    ``own`` are further columns, each broadcast to (n_candidates, n_tasks).
    """
    shape = episodes.returns.shape
    errors = np.full(shape, None, dtype=object)
    for failure in episodes.failures:
        errors[failure.tile.c0, failure.tile.t0] = failure.message
    everywhere = np.ones(shape, dtype=np.bool_)
    gain, span = gain_and_span(episodes.returns, episodes.references, everywhere)
    words = np.array([status.words for status in Status], dtype=object)
    columns = {
        **own,
        "task": np.indices(shape)[1],
        "episode_seed": episodes.grid.seeds(),
        "return": episodes.returns,
        "random": episodes.references.random,
        "optimal": episodes.references.optimal,
        "score": score(gain, span),
        "status": words[episodes.status],
        "error": errors,
        "attempts": episodes.attempts,
        "worker": episodes.workers,
    }
    rows = {name: np.broadcast_to(values, shape).ravel() for name, values in columns.items()}
    if "curve" in schema.names:
        rows["curve"] = _curves(episodes)
    return _table(schema, **rows).filter(pa.array(episodes.evaluated.ravel()))


def _curves(episodes: GridEpisodes) -> pa.Array:
    n_bins = episodes.curve.shape[2]
    flat = pa.array(episodes.curve.ravel(), pa.float32())
    offsets = pa.array(np.arange(0, episodes.curve.size + 1, n_bins), pa.int32())
    return pa.ListArray.from_arrays(offsets, flat)


def _table(schema: pa.Schema, **columns: Any) -> pa.Table:
    return pa.table(
        [pa.array(columns[field.name], type=field.type) for field in schema], schema=schema
    )
