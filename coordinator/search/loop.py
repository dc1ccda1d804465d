"""The outer loop: ask, evaluate, tell, commit; then transfer to tasks never seen."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config import racing_schedule
from spikeloop.coordinator.config.limits import MAX_STORED_DIM
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.stopping import Row, Rule, epoch_of, spread, words
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import live_metrics, racing
from spikeloop.coordinator.search import rows as tables
from spikeloop.coordinator.search.commits import Commits, Finished
from spikeloop.coordinator.search.deployment import epoch_start, point_after
from spikeloop.coordinator.search.evaluation import GridEpisodes
from spikeloop.coordinator.search.generation import count_failures, live_generation, live_held_out
from spikeloop.coordinator.search.reporter import GenerationReport, Reporter
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.states import state_after
from spikeloop.coordinator.strategies.base import Evaluation, to_arrays
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.seeding import Purpose, stream

KEPT = (
    "generation",
    "epoch",
    "total_episodes",
    "stopped",
    "held_out_score",
    "held_out_low",
    "held_out_high",
    "held_out_tasks",
)
"""Columns of earlier generations that the rest of a search, or who watches it, depends on."""


def search(config: RunConfig, pool: WorkerPool, store: RunStore, reporter: Reporter) -> Any:
    """Runs all generations that are still to come, until the last or a rule of ``[stop]``.

    They are committed, as many together as ``run.commit_every`` says, and so is what the rules
    decide after them: while the first episodes of the next one are being run, so that no worker
    waits for the disk.

    Returns:
        The strategy's last state.

    Raises:
        ConfigError: if ``stop.episodes`` does not suffice for a single generation.
        RunFailed: if more than ``run.max_failed_share`` of a generation's episodes fail.
        Interrupted: after a signal; what was committed stays.
    """
    planned = max_generations(config)  # refuses
    done = store.generation()
    rows: list[Row] = []
    for committed in store.rows(KEPT):
        _remember(rows, committed)
    failures: Counter[str] = Counter()
    if done >= 0:
        state: Any = state_after(config, store, done)
    else:
        state = begin(config)
        parts = {}
        if config.transfer.monitor_every:
            point = config.strategy.recommend(state)
            episodes, _ = live_held_out(config, pool, point, 0, reporter)
            parts["curves"] = tables.curves_table(episodes, 0)
            failures = count_failures(episodes)  # told with the first generation
        store.commit(0, parts, to_arrays(state))
    commit = _Once()
    commits = Commits(config.run.commit_every, store, pool, reporter)
    last = store.row(done) if done > 0 else None
    pool.publish(live_metrics.at_start(planned, last, rows))
    try:
        while not is_over(config, rows[-1] if rows else None):
            state, row, commit = _generation(
                config, pool, store, reporter, commits, state, rows, failures, commit
            )
            _remember(rows, row)
            failures = Counter()
    finally:
        commit()  # whatever ends the search, a finished generation is not lost
        commits.write()
        pool.publish(live_metrics.at_end())
    return state


def is_over(config: RunConfig, last: Row | None) -> bool:
    """Whether a search is: by its last generation, or by a rule of ``[stop]``.

    Args:
        config: of the run.
        last: the row of the last committed generation, if there is one.
    """
    if last is None:
        return False
    ended = config.stop.ends(last.get("stopped"))
    return ended or bool(last["generation"] >= config.run.generations)


def _remember(rows: list[Row], row: Row) -> None:
    """Adds a row and forgets what nobody asks for again, so that a long search does not grow.

    The rules of ``[stop]`` ask for the last row, for those with a held-out score, and for the first
    of an epoch.
    """
    if rows:
        first = len(rows) == 1 or epoch_of(rows[-2]) != epoch_of(rows[-1])
        if not first and rows[-1]["held_out_tasks"] is None:
            rows.pop()
    rows.append(row)


class _Once:
    """Something that is done at most once, however often it is called."""

    def __init__(self, work: Callable[[], None] = lambda: None) -> None:
        self._work: Callable[[], None] | None = work

    def __call__(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work()


@dataclass(frozen=True)
class _Told:
    """A generation that the strategy was told of.

    Attributes:
        number: of the generation, from 1.
        epoch: how often the search had begun anew.
        state: after the generation.
        episodes: of its candidates on its tasks.
        fitness: (n_candidates,) as the strategy was told; nan without one.
        episodes_done: episodes of the search so far.
        spread: of the population, in coordinates; nan where points are too long to be stored.
        wall_s: seconds it took.
    """

    number: int
    epoch: int
    state: Any
    episodes: GridEpisodes
    fitness: FloatArray
    episodes_done: int
    spread: float
    wall_s: float


def _tell(
    config: RunConfig,
    pool: WorkerPool,
    state: Any,
    rows: Sequence[Row],
    reporter: Reporter,
    meanwhile: Callable[[], None],
) -> _Told:
    """Asks, evaluates and tells the generation after those of the rows."""
    started = time.perf_counter()
    strategy, run, space = config.strategy, config.run, config.space
    number, epoch = 1, 0
    if rows:
        number, epoch = rows[-1]["generation"] + 1, epoch_of(rows[-1])
        if config.stop.restarts(rows[-1].get("stopped")):
            state, epoch = begin(config, number), epoch + 1
    population = strategy.ask(state, stream(run.seed, Purpose.ASK, number))
    episodes = live_generation(config, pool, population, number, reporter, meanwhile)
    fitness = racing.fitness(episodes, run.edges[0], run.max_failed_share)
    evaluation = Evaluation(fitness, episodes.gradient)
    state = strategy.tell(state, population, evaluation, stream(run.seed, Purpose.TELL, number))
    width = float("nan")
    if space.n_dim <= MAX_STORED_DIM:
        width = spread(population.rows(0, population.n_candidates), space.bounded())
    return _Told(
        number,
        epoch,
        state,
        episodes,
        fitness,
        episodes_done=(rows[-1]["total_episodes"] if rows else 0) + episodes.n_episodes_done,
        spread=width,
        wall_s=time.perf_counter() - started,
    )


def _generation(
    config: RunConfig,
    pool: WorkerPool,
    store: RunStore,
    reporter: Reporter,
    commits: Commits,
    state: Any,
    rows: Sequence[Row],
    failures: Counter[str],
    commit_last: Callable[[], None],
) -> tuple[Any, Row, _Once]:
    """One generation, from asking to telling; gives the state after it, its row, and its commit.

    The last generation's commit is done as soon as the workers are busy with this one.
    """
    strategy, run, stop = config.strategy, config.run, config.stop
    told = _tell(config, pool, state, rows, reporter, commit_last)
    number, episodes, fitness = told.number, told.episodes, told.fitness
    failures = failures + count_failures(episodes)
    parts: dict[str, Any] = {}
    # These two rules come before the held-out score, because a search ends with such a score.
    rule: Rule | None = "spread" if stop.collapsed(told.spread) else None
    rule = _within_budget(config, told, rule)
    held_out_episodes, held_out = None, None
    transfer = config.transfer
    if transfer.monitors(number, run.generations) or (transfer.monitor_every and stop.ends(rule)):
        first = epoch_start([*rows, {"generation": number, "epoch": told.epoch}], number)
        point = point_after(config, store, number, first, told.state)
        held_out_episodes, held_out = live_held_out(config, pool, point, number, reporter)
        parts["curves"] = tables.curves_table(held_out_episodes, number)
        failures += count_failures(held_out_episodes)
    columns = {
        "generation": number,
        "total_episodes": told.episodes_done,
        "epoch": told.epoch,
        "spread": told.spread,
        **tables.held_out_columns(held_out_episodes, held_out),
    }
    if held_out and not stop.ends(rule):
        if stop.reached(columns):
            rule = "target"
        elif rule is None and stop.stalled([*rows, columns]):
            rule = _within_budget(config, told, "patience")
    rule = rule if number < run.generations else None
    summary = strategy.summary(told.state)
    columns |= {
        "stopped": rule,
        "wall_s": told.wall_s,
        "work_s": episodes.work_s,
        "overhead_s": told.wall_s - episodes.work_s / pool.n_workers,
        "finished": datetime.now(UTC),
    }
    table = tables.generation_table(episodes, fitness, summary, columns)
    report = GenerationReport(
        number,
        float(np.nanmax(fitness)),
        float(np.nanmean(fitness)),
        held_out,
        failures,
        summary,
        told.wall_s,
        words(rule, stop, columns) if rule else "",
    )

    def commit() -> None:
        parts["episodes"] = tables.episodes_table(episodes, number)
        parts["candidates"] = tables.candidates_table(episodes, fitness, config.space, number)
        parts["generations"] = table
        commits.add(Finished(parts, to_arrays(told.state), row, report))

    row: Row = table.to_pylist()[0]
    return told.state, {name: row[name] for name in KEPT}, _Once(commit)


def _within_budget(config: RunConfig, told: _Told, rule: Rule | None) -> Rule | None:
    """The rule that has fired, or "episodes" if the generation that it leads to costs too many."""
    if not config.stop.episodes or config.stop.ends(rule):
        return rule
    following = told.number + 1
    restarts = config.stop.restarts(rule)
    state = begin(config, following) if restarts else told.state
    needed = racing_schedule.n_episodes(_asked(config, state, following), config.run.edges)
    return "episodes" if config.stop.exhausted(told.episodes_done, needed) else rule


def begin(config: RunConfig, generation: int | None = None) -> Any:
    """The strategy's state before the first generation, or before one that begins anew."""
    space = config.space
    if generation is None:
        rng = stream(config.run.seed, Purpose.INIT)
        default = config.run.start == "default"
        return config.strategy.init(
            space, space.default_point() if default else space.sample(1, rng)[0], rng
        )
    rng = stream(config.run.seed, Purpose.INIT, generation)
    return config.strategy.init(space, space.sample(1, rng)[0], rng)


def n_candidates(config: RunConfig) -> int:
    """Candidates of the first generation."""
    return _asked(config, begin(config), 1)


def max_generations(config: RunConfig) -> int:
    """Generations at most, each as large as the first; ConfigError if not one is affordable."""
    if not config.stop.episodes:
        return config.run.generations
    needed = generation_episodes(config)
    if config.stop.exhausted(0, needed):
        raise ConfigError(
            f"[stop] episodes must be at least {needed}, what one generation costs, got "
            f"{config.stop.episodes}"
        )
    return min(config.run.generations, config.stop.episodes // needed)


def generation_episodes(config: RunConfig) -> int:
    """Episodes of the first generation."""
    return racing_schedule.n_episodes(n_candidates(config), config.run.edges)


def _asked(config: RunConfig, state: Any, generation: int) -> int:
    """Candidates of a generation."""
    rng = stream(config.run.seed, Purpose.ASK, generation)
    return config.strategy.ask(state, rng).n_candidates
