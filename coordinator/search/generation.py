"""Run the two grids of a search: a generation on fresh tasks, one point on held-out tasks."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config import racing_schedule
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.stopping import Rule
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search import racing
from spikeloop.coordinator.search.evaluation import GridEpisodes, evaluate_grid, grid_of
from spikeloop.coordinator.search.reporter import Reporter
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.scores import held_out_score
from spikeloop.coordinator.strategies.base import Evaluation, wants_gradient
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid, Job, Population, cut
from spikeloop.workers.seeding import Purpose, TaskSet, stream

HELD_OUT_JOBS = 16
"""Number of jobs, about, that a held-out score is cut into.

They are smaller than the search's, to keep workers busy. Their size does not depend on the number
of workers, because no result may.
"""


@dataclass(frozen=True)
class HeldOut:
    """Episodes of one point on the monitor tasks, and their score."""

    episodes: GridEpisodes
    score: Interval


@dataclass(frozen=True)
class Generation:
    """One generation, from ``tell`` on, which gives its fitness to the strategy.

    Attributes:
        number: from 1.
        epoch: how often the search had restarted before it.
        state: of the strategy after it.
        episodes: episodes of its candidates on its tasks.
        fitness: (n_candidates,) that the strategy got; nan without one.
        total_episodes: episodes of the search so far.
        spread: of the population, in coordinates; nan where points are too long to be stored.
        wall_s: seconds that it took.
        stage: of the curriculum, from 1, one more than there are stages after the last one; None
            without a curriculum.
        held_out: the point to deploy after it on the monitor tasks, where it was measured.
        rule: the stop rule that fires after it, if any.
    """

    number: int
    epoch: int
    state: Any
    episodes: GridEpisodes
    fitness: FloatArray
    total_episodes: int
    spread: float
    wall_s: float
    stage: int | None = None
    held_out: HeldOut | None = None
    rule: Rule | None = None


def ask_evaluate_tell(
    config: RunConfig,
    pool: WorkerPool,
    state: Any,
    generation: int,
    reporter: Reporter,
    meanwhile: Callable[[], None] = lambda: None,
    stage: int = 0,
) -> tuple[Any, GridEpisodes, FloatArray]:
    """Run a generation from the strategy's state before it to the state after it.

    Args:
        config: of the run.
        pool: that runs the episodes.
        state: of the strategy.
        generation: its number, from 1, which with the run's seed fixes all random numbers.
        reporter: shows the progress.
        meanwhile: called once while workers are busy.
        stage: stages of the curriculum that are over, which fixes the family of its tasks.

    Returns:
        The state after it, the episodes, and the (n_candidates,) fitness that the strategy got.

    Raises:
        RunFailed: too many episodes failed.
    """
    strategy, run = config.strategy, config.run
    population = strategy.ask(state, stream(run.seed, Purpose.ASK, generation))
    episodes = run_generation(config, pool, population, generation, reporter, meanwhile, stage)
    fitness = racing.fitness(episodes, run.edges[0], run.max_failed_share)
    returns = episodes.returns.sum(axis=1) if len(run.edges) == 1 else None
    evaluation = Evaluation(fitness, episodes.gradient, returns)
    rng = stream(run.seed, Purpose.TELL, generation)
    return strategy.tell(state, population, evaluation, rng), episodes, fitness


def run_generation(
    config: RunConfig,
    pool: WorkerPool,
    population: Population,
    generation: int,
    reporter: Reporter,
    meanwhile: Callable[[], None] = lambda: None,
    stage: int = 0,
) -> GridEpisodes:
    """Run a generation's candidates on fresh tasks of the family that it has at a stage.

    ``meanwhile`` is called once while workers are busy. RunFailed if too many episodes fail.
    """
    run = config.run
    grid = Grid(
        config.family_of(stage),
        config.learner,
        population,
        n_tasks=run.tasks,
        run_seed=run.seed,
        task_set=TaskSet.SEARCH,
        index=generation,
        common_noise=run.common_noise,
        gradient=wants_gradient(config.strategy),
        progress=(generation - 1) / run.generations,
    )
    n_episodes = racing_schedule.n_episodes(grid.n_candidates, run.edges)
    reporter.started(f"generation {generation}/{run.generations}", n_episodes)
    tile = (run.tile_candidates, run.tile_tasks)
    name = f"generation {generation}"
    episodes = racing.race(
        pool, grid, run.edges, tile, run.max_failed_share, name, reporter.episodes_done, meanwhile
    )
    _refuse_too_many_failures(config, episodes, generation)
    return episodes


def run_held_out(
    config: RunConfig, pool: WorkerPool, point: FloatArray, generation: int, reporter: Reporter
) -> HeldOut:
    """Run one point on the monitor tasks, which are the same for every generation."""
    reporter.started("held-out score", config.transfer.monitor_tasks)
    episodes = evaluate_grid(pool, held_out_jobs(config, point, generation), reporter.episodes_done)
    score = held_out_score(episodes.gain[0], episodes.span[0], config.run.seed, generation)
    return HeldOut(episodes, score)


def held_out_jobs(config: RunConfig, point: FloatArray, generation: int) -> list[Job]:
    """Cut the held-out episodes of one point into about ``HELD_OUT_JOBS`` jobs."""
    grid = grid_of(config, point, config.transfer.monitor_tasks, TaskSet.MONITOR, index=0)
    n_tasks = min(config.run.tile_tasks, -(-grid.n_tasks // HELD_OUT_JOBS))
    return cut(grid, 1, n_tasks, f"generation {generation} held out")


def count_failures(episodes: GridEpisodes) -> Counter[str]:
    """Count the failed episodes by reason."""
    return Counter(failure.status.words for failure in episodes.failures)


def _refuse_too_many_failures(config: RunConfig, episodes: GridEpisodes, generation: int) -> None:
    run = config.run
    if np.isfinite(episodes.fitness(run.max_failed_share)).any():
        if episodes.n_failed <= run.max_failed_share * episodes.n_evaluated:
            return
    elif not episodes.failures:
        raise RunFailed(
            f"generation {generation}: on none of its {episodes.grid.n_tasks} tasks is there "
            "anything to gain, because chance is as good as the optimum; change [family]"
        )
    reasons = ", ".join(f"{n} {reason}" for reason, n in count_failures(episodes).items())
    first = episodes.failures[0]
    raise RunFailed(
        f"generation {generation}: {episodes.n_failed} of {episodes.n_evaluated} episodes failed "
        f"({reasons}), with run.max_failed_share = {run.max_failed_share}; "
        f"the first (candidate {first.tile.c0}, task {first.tile.t0}): {first.message}",
        next((failure.traceback for failure in episodes.failures if failure.traceback), ""),
    )
