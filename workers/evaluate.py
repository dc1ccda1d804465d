"""Runs the episodes of a job: a pure function from the job to its result."""

import os
import socket
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.base import Differentiable, Episodes, Unavailable
from spikeloop.workers.job import Failure, Job, JobResult, Status, Tile
from spikeloop.workers.processor import label


def evaluate(job: Job) -> JobResult:
    """Run the episodes of a job's tile, and return their result.

    Only ``wall_s`` and ``worker`` depend on anything but the job. If the learner raises, every
    episode of the tile is run again on its own, so that only the broken one fails. But episodes
    fail together where gradients are wanted: the objective of a tile is not the mean of its
    episodes' objectives.
    """
    started = time.perf_counter()
    tile = job.tile
    raised: tuple[str, str] | None = None
    try:
        result = _run(job)
    except (Exception, SystemExit) as error:  # sys.exit in a learner must not end a worker
        raised = _line(error), traceback.format_exc()
    if raised is not None and (tile.n_episodes == 1 or job.grid.gradient):
        result = failed(tile, Status.RAISED, *raised)
    elif raised is not None:
        result = assemble(
            tile, [evaluate(Job(job.grid, episode, job.name)) for episode in tile.episodes()]
        )
    wall_s = time.perf_counter() - started
    worker = f"{worker_name()}:{label()}"
    return replace(result, wall_s=wall_s, worker=worker)


def rehearse(job: Job) -> None:
    """Run a small job once, so that imports and compilation are over.

    Other errors are ignored here, because the episodes of the run report them.

    Raises:
        Unavailable: no episode can succeed here, because something is not installed.
    """
    try:
        _run(job)
    except Unavailable:
        raise
    except (Exception, SystemExit):  # as in ``evaluate``
        return


def worker_name() -> str:
    """Return host and process, to which results add the kernels that it computes with."""
    return f"{socket.gethostname()}:{os.getpid()}"


def failed(tile: Tile, status: Status, message: str, trace: str = "") -> JobResult:
    """Return the result of a tile whose episodes all failed, with one failure for each."""
    return JobResult(
        tile=tile,
        returns=np.full(tile.shape, np.nan),
        curve=np.empty((*tile.shape, 0)),  # as many bins as the other episodes have, once assembled
        status=np.full(tile.shape, status, dtype=np.uint8),
        n_simulated_steps=0,
        failures=tuple(Failure(episode, status, message, trace) for episode in tile.episodes()),
    )


def assemble(tile: Tile, parts: list[JobResult]) -> JobResult:
    """Join the results of smaller tiles, without gradients, that cover ``tile`` exactly."""
    parts = sorted(parts, key=lambda part: part.tile)
    n_bins = max(part.curve.shape[2] for part in parts)
    returns = np.full(tile.shape, np.nan)
    curve = np.full((*tile.shape, n_bins), np.nan)
    status = np.full(tile.shape, Status.RAISED, dtype=np.uint8)
    for part in parts:
        where = part.tile.within(tile)
        returns[where], status[where] = part.returns, part.status
        curve[where][..., : part.curve.shape[2]] = part.curve
    return JobResult(
        tile=tile,
        returns=returns,
        curve=curve,
        status=status,
        n_simulated_steps=sum(part.n_simulated_steps for part in parts),
        failures=tuple(failure for part in parts for failure in part.failures),
        wall_s=sum(part.wall_s for part in parts),
        worker=", ".join(dict.fromkeys(part.worker for part in parts if part.worker)),
    )


def mean_gradient(tile: Tile, given: Sequence[tuple[Tile, FloatArray]]) -> FloatArray | None:
    """Average the gradients of tiles over tasks.

    Tiles without a gradient, because they failed, carry no weight; without any, the mean is None.
    A gradient that is not finite makes the mean not finite, and the caller decides what follows.
    Where the objective of a tile is not the mean of its episodes' objectives, how a grid is cut
    into tiles is part of what is computed.

    Args:
        tile: the whole.
        given: the tiles of a grid, and for each its (candidates, n_dim) gradient; their order
            matters to the last bit.
    """
    if not given:
        return None
    total = np.zeros((tile.shape[0], given[0][1].shape[1]))
    n_tasks = np.zeros((tile.shape[0], 1))
    for part, gradient in given:
        rows, _ = part.within(tile)
        total[rows] += gradient * part.shape[1]
        n_tasks[rows] += part.shape[1]
    return np.divide(total, n_tasks, out=np.full_like(total, np.nan), where=n_tasks > 0)


def _run(job: Job) -> JobResult:
    grid, tile = job.grid, job.tile
    space = grid.learner.space(grid.family.interface)
    parameters = space.decode(grid.population.rows(tile.c0, tile.c1))
    tasks = grid.tasks()[tile.t0 : tile.t1]
    seeds = grid.seeds()[tile.c0 : tile.c1, tile.t0 : tile.t1]
    if not grid.gradient:
        episodes = grid.learner.run_episodes(parameters, tasks, seeds)
    elif isinstance(grid.learner, Differentiable):
        episodes = grid.learner.differentiate(parameters, tasks, seeds, grid.progress)
    else:
        raise TypeError(f"{grid.learner.kind} gives no gradients")
    _require_shapes(job, episodes, space.n_dim)
    return _result(tile, episodes)


def _require_shapes(job: Job, episodes: Episodes, n_dim: int) -> None:
    """Raise ValueError if the learner gave arrays of the wrong shape."""
    grid, tile, curve = job.grid, job.tile, episodes.curve
    if episodes.returns.shape != tile.shape or curve.ndim != 3 or curve.shape[:2] != tile.shape:
        method = "differentiate" if grid.gradient else "run_episodes"
        raise ValueError(
            f"{grid.learner.kind}.{method} must give returns {tile.shape} and curve "
            f"{(*tile.shape, 'n_bins')}, got {episodes.returns.shape} and {curve.shape}"
        )
    expected = (tile.shape[0], n_dim)
    given = None if episodes.gradient is None else episodes.gradient.shape
    if grid.gradient and given != expected:
        raise ValueError(
            f"{grid.learner.kind}.differentiate must give gradients {expected}, got {given}"
        )


def _result(tile: Tile, episodes: Episodes) -> JobResult:
    """Return the episodes as a result, in which those that are not finite have failed."""
    finite = np.isfinite(episodes.returns) & np.isfinite(episodes.curve).all(axis=2)
    broken = [
        Failure(episode, Status.NOT_FINITE, "the episode's return or curve is not finite")
        for episode in tile.episodes()
        if not finite[episode.c0 - tile.c0, episode.t0 - tile.t0]
    ]
    return JobResult(
        tile=tile,
        returns=np.where(finite, episodes.returns, np.nan),
        curve=np.where(finite[..., None], episodes.curve, np.nan),
        status=np.where(finite, Status.OK, Status.NOT_FINITE).astype(np.uint8),
        n_simulated_steps=episodes.n_simulated_steps,
        failures=tuple(broken),
        gradient=episodes.gradient,
    )


def _line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
