"""Which point is deployed: an average over generations, and the winner of a race of finalists.

Nothing is stored for it but the episodes of the race. Each generation's state is on disk and
``recommend`` is a pure function, so what was recommended, and its averages, are computed again.

Averaging (Polyak, Juditsky 1992; Ruppert 1988) takes the noise of the last steps out of the
recommended point. The race is for searches whose recommended point may be unlucky, such as a centre
that has come to sit on a cliff, and for searches that began anew several times: the points
recommended after several generations meet fresh tasks, neither the search's nor any held-out ones.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config import racing_schedule
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.stopping import Row, epoch_of
from spikeloop.coordinator.search import racing
from spikeloop.coordinator.search import rows as tables
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.states import state_after
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid
from spikeloop.workers.seeding import TaskSet
from spikeloop.workers.space import Choice, ParameterSpace, fold

if TYPE_CHECKING:
    from spikeloop.coordinator.search.reporter import Reporter

ROUND_JOBS = 16
"""About so many jobs a round of the race is cut into."""


def deploy(
    config: RunConfig, pool: WorkerPool, store: RunStore, reporter: "Reporter"
) -> FloatArray:
    """(n_dim,) the point to deploy after a finished search; runs the race if it is to come.

    Args:
        config: of the run.
        pool: where.
        store: of the run, its search finished; the episodes of the race are written to it.
        reporter: told of the progress.
    """
    generations, points = finalists(config, store)
    last = store.generation()
    if len(generations) > 1 and store.finalists(last) is None:
        edges = racing_schedule.halving_edges(len(generations), config.deploy.tasks)
        n_episodes = racing_schedule.n_episodes(len(generations), edges)
        grid = Grid(
            config.family,
            config.learner,
            Explicit(points),
            n_tasks=edges[-1],
            run_seed=config.run.seed,
            task_set=TaskSet.RACE,
            index=0,
            common_noise=config.run.common_noise,
        )
        tile = (1, min(config.run.tile_tasks, -(-n_episodes // (len(edges) * ROUND_JOBS))))
        reporter.started("race of the finalists", n_episodes)
        share = config.run.max_failed_share
        episodes = racing.race(pool, grid, edges, tile, share, "finalists", reporter.episodes_done)
        store.write_finalists(last, tables.finalists_table(episodes, generations))
    return deployed(config, store)


def raced(config: RunConfig, store: RunStore) -> bool:
    """Whether a finished search has had its race, or needs none."""
    if store.finalists(store.generation()) is not None:
        return True
    return len(finalists(config, store)[0]) == 1


def deployed(config: RunConfig, store: RunStore) -> FloatArray:
    """(n_dim,) the point to deploy as things stand, from the files alone."""
    generation = deployed_generation(config, store)
    return point_after(config, store, generation, epoch_start(store.rows(), generation))


def deployed_generation(config: RunConfig, store: RunStore) -> int:
    """The generation whose point is deployed: the race's winner, or the last one without a race."""
    last = store.generation()
    episodes = store.finalists(last)
    return last if episodes is None else winner(episodes, config.run.max_failed_share)


def point_after(
    config: RunConfig, store: RunStore, generation: int, first: int, state: Any = None
) -> FloatArray:
    """(n_dim,) the point that would be deployed after a generation.

    It is the mean of what was recommended after the last ``deploy.average`` generations of the same
    epoch; before the first generation, and with 1, it is the recommended point untouched.

    Args:
        config: of the run.
        store: holds the states of earlier generations.
        generation: after which.
        first: the first generation of its epoch.
        state: after the generation, if it is not committed yet.
    """
    strategy = config.strategy

    def recommended(number: int) -> FloatArray:
        kept: Any = state
        if kept is None or number != generation:
            kept = state_after(config, store, number)
        return strategy.recommend(kept)

    earliest = min(max(first, generation - config.deploy.average + 1), generation)
    points = [recommended(number) for number in range(earliest, generation + 1)]
    return points[0] if len(points) == 1 else average(np.stack(points), config.space)


def average(points: FloatArray, space: ParameterSpace) -> FloatArray:
    """(n_dim,) mean of points, folded first; choices have no mean and take the last point's.

    Args:
        points: (n, n_dim). Bounded coordinates are folded into [0, 1], because the mean of 0.9 and
            of 1.1, which are the same value, must not be 1.
        space: whose points they are.
    """
    folded = fold(points, space.bounded())
    mean: FloatArray = folded.mean(axis=0)
    for parameter, columns in space.slices():
        if isinstance(parameter, Choice):
            mean[columns] = folded[-1, columns]
    return mean


def epoch_start(rows: Sequence[Row], generation: int) -> int:
    """The first generation of the epoch to which a committed generation belongs; 0 of 0."""
    epochs = {int(row["generation"]): epoch_of(row) for row in rows if generation}
    return min((g for g, epoch in epochs.items() if epoch == epochs[generation]), default=0)


def finalists(config: RunConfig, store: RunStore) -> tuple[list[int], FloatArray]:
    """Generations of the finalists, latest first, and their points; those that differ only."""
    rows = store.rows()
    generations = chosen(rows, config.deploy.finalists) if rows else [0]
    points: dict[bytes, tuple[int, FloatArray]] = {}
    for generation in generations:
        point = point_after(config, store, generation, epoch_start(rows, generation))
        points.setdefault(point.tobytes(), (generation, point))
    different = list(points.values())
    return [generation for generation, _ in different], np.stack([point for _, point in different])


def chosen(rows: Sequence[Row], n: int) -> list[int]:
    """Up to n generations whose points are to race, latest first.

    The last generation of every epoch comes first, of the latest epochs if there are more than n,
    so the very last one is always among them; then generations evenly spread over the second half
    of the search.

    Args:
        rows: of all generations, in order.
        n: at most.
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
    """The generation whose point won the race: the best of those that met all its tasks.

    Args:
        episodes: of the race.
        max_failed_share: of its episodes, beyond which a finalist has no score and comes last.
    """
    generation, task = (episodes[name].to_numpy() for name in ("generation", "task"))
    ok = episodes["status"].to_numpy(zero_copy_only=False) == "ok"
    returns, random, optimal = (
        episodes[name].to_numpy() for name in ("return", "random", "optimal")
    )
    # Latest first: among equals the later one wins, as in every round.
    left = np.unique(generation[task == task.max()])[::-1]
    scores = np.full(left.size, np.nan)
    for i, finalist in enumerate(left):
        own, counted = generation == finalist, ok & (generation == finalist)
        if counted.any() and 1 - counted.sum() / own.sum() <= max_failed_share:
            span = (optimal - random)[counted].sum()
            scores[i] = (returns - random)[counted].sum() / span if span > 0 else np.nan
    return int(left[racing.better_half(scores, np.ones(left.size, dtype=np.bool_))][0])


def race_size(config: RunConfig) -> int:
    """Episodes of the race at most: fewer if finalists are equal, none without a race."""
    settings = config.deploy
    if settings.finalists == 1:
        return 0
    return max(
        racing_schedule.n_episodes(n, racing_schedule.halving_edges(n, settings.tasks))
        for n in range(2, settings.finalists + 1)
    )
