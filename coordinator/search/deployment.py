"""Choose the point to deploy: an average over generations, or the winner of a race of finalists.

Only the episodes of the race are stored for it. Each generation's state is on disk and
``recommend`` is a pure function, so recommended points and their averages are computed again.

Averaging (Polyak, Juditsky 1992; Ruppert 1988) takes the noise of the last steps out of the
recommended point. The race is for searches whose last point may be unlucky, such as a centre that
came to sit on a cliff, and for searches with restarts: the points recommended after several
generations meet fresh tasks, which are neither the search's nor held-out ones.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config import racing_schedule
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.stopping import Row, epoch_of
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import racing, tables
from spikeloop.coordinator.search.evaluation import grid_of
from spikeloop.coordinator.search.reporter import Reporter
from spikeloop.coordinator.stats.scores import frame_gain_and_span, score
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Choice
from spikeloop.workers.seeding import TaskSet
from spikeloop.workers.space import ParameterSpace, fold

ROUND_JOBS = 16
"""Number of jobs, about, that a round of the race is cut into."""


def deploy(run: RunFolder, pool: WorkerPool, reporter: Reporter) -> FloatArray:
    """Give the point to deploy after a finished search, (n_dim,), and hold the race if it is due.

    The episodes of the race are written to the run.
    """
    config, store = run.config, run.store
    generations, points = finalists(run)
    last = store.generation()
    if len(generations) > 1 and store.finalists(last) is None:
        edges = racing_schedule.halving_edges(len(generations), config.deploy.tasks)
        n_episodes = racing_schedule.n_episodes(len(generations), edges)
        grid = grid_of(config, points, edges[-1], TaskSet.RACE, index=0)
        tile = (1, min(config.run.tile_tasks, -(-n_episodes // (len(edges) * ROUND_JOBS))))
        reporter.started("race of the finalists", n_episodes)
        share = config.run.max_failed_share
        episodes = racing.race(pool, grid, edges, tile, share, "finalists", reporter.episodes_done)
        path = store.part_path("finalists", last)
        store.write_part(path, tables.finalists_table(episodes, generations))
    return deployed(run)


def is_race_over(run: RunFolder) -> bool:
    """Whether a finished search has had its race, or needs none."""
    return run.store.finalists(run.store.generation()) is not None or len(finalists(run)[0]) == 1


def deployed(run: RunFolder) -> FloatArray:
    """Give the point to deploy as the files stand, (n_dim,), also of an unfinished run."""
    if run.store.generation() < 0:
        raise ConfigError(f"{run.folder}: nothing is committed yet; resume the run first")
    generation = deployed_generation(run)
    return point_after(run, generation, epoch_start(run.store.rows(), generation))


def deployed_generation(run: RunFolder) -> int:
    """Give the generation whose point is deployed: the race's winner, or the last one."""
    last = run.store.generation()
    episodes = run.store.finalists(last)
    return last if episodes is None else winner(episodes, run.config.run.max_failed_share)


def point_after(run: RunFolder, generation: int, first: int, state: Any = None) -> FloatArray:
    """Give the point that would be deployed after a generation, (n_dim,).

    It is the mean of what was recommended after the last ``deploy.average`` generations of the same
    epoch. Before the first generation, and with 1, it is the recommended point untouched.

    Args:
        run: with the states of earlier generations.
        generation: after which.
        first: the first generation of its epoch.
        state: after the generation, if it is not committed yet.
    """
    config = run.config

    def recommended(number: int) -> FloatArray:
        given = state is not None and number == generation
        return config.strategy.recommend(state if given else run.state_after(number))

    earliest = min(max(first, generation - config.deploy.average + 1), generation)
    points = [recommended(number) for number in range(earliest, generation + 1)]
    return points[0] if len(points) == 1 else average(np.stack(points), config.space)


def average(points: FloatArray, space: ParameterSpace) -> FloatArray:
    """Average points, (n_dim,); choices, which have no mean, are the last point's.

    Bounded coordinates are folded into [0, 1] first, because the mean of 0.9 and 1.1, which are the
    same value, must not be 1.
    """
    folded = fold(points, space.bounded())
    mean: FloatArray = folded.mean(axis=0)
    for parameter, columns in space.slices():
        if isinstance(parameter, Choice):
            mean[columns] = folded[-1, columns]
    return mean


def epoch_start(rows: Sequence[Row], generation: int) -> int:
    """Give the first generation of the epoch of a committed generation; 0 for generation 0."""
    epochs = {int(row["generation"]): epoch_of(row) for row in rows if generation}
    return min((g for g, epoch in epochs.items() if epoch == epochs[generation]), default=0)


def finalists(run: RunFolder) -> tuple[list[int], FloatArray]:
    """Give the finalists' generations, latest first, and their points; equal points once."""
    rows = run.store.rows()
    generations = chosen(rows, run.config.deploy.finalists) if rows else [0]
    points: dict[bytes, tuple[int, FloatArray]] = {}
    for generation in generations:
        point = point_after(run, generation, epoch_start(rows, generation))
        points.setdefault(point.tobytes(), (generation, point))
    different = list(points.values())
    return [generation for generation, _ in different], np.stack([point for _, point in different])


def chosen(rows: Sequence[Row], n: int) -> list[int]:
    """Choose up to n generations whose points are to race, latest first.

    The last generation of every epoch comes first, of the latest epochs if there are more than n,
    so the very last one is always among them; then generations spread evenly over the second half
    of the search.
    """
    last = int(rows[-1]["generation"])
    ends = [
        int(row["generation"])
        for row, following in zip(rows, [*rows[1:], None], strict=True)
        if following is None or epoch_of(following) != epoch_of(row)
    ]
    picked = ends[-n:]
    others = [g for g in range(last // 2 + 1, last + 1) if g not in picked]
    free = min(n - len(picked), len(others))
    picked += [others[i * len(others) // free] for i in range(free)]
    return sorted(picked, reverse=True)


def winner(episodes: pa.Table, max_failed_share: float) -> int:
    """Give the generation whose point won the race: the best of those that met all its tasks.

    A finalist that failed in more than ``max_failed_share`` of its episodes comes last.
    """
    frame = episodes.to_pandas()
    generation, task = frame["generation"].to_numpy(), frame["task"].to_numpy()
    gain, span = frame_gain_and_span(frame)
    ok = (frame["status"] == "ok").to_numpy()
    # Latest first: among equals the later one wins, as in every round.
    left = np.unique(generation[task == task.max()])[::-1]
    scores = np.full(left.size, np.nan)
    for i, finalist in enumerate(left):
        own, counted = generation == finalist, ok & (generation == finalist)
        if counted.any() and 1 - counted.sum() / own.sum() <= max_failed_share:
            scores[i] = score(gain[counted].sum(), span[counted].sum())
    return int(left[racing.better_half(scores, np.ones(left.size, dtype=np.bool_))][0])


def race_size(config: RunConfig) -> int:
    """Count the episodes of the race at most: fewer if finalists are equal, none without a race."""
    settings = config.deploy
    if settings.finalists == 1:
        return 0
    return max(
        racing_schedule.n_episodes(n, racing_schedule.halving_edges(n, settings.tasks))
        for n in range(2, settings.finalists + 1)
    )
