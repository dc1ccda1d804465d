"""The outer loop: ask, evaluate, tell, measure on held-out tasks, apply the stop rules, commit."""

import logging
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config.limits import MAX_STORED_DIM
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.stopping import epoch_of, population_spread
from spikeloop.coordinator.search import live_metrics, stop_rules, tables
from spikeloop.coordinator.search.commits import Commits
from spikeloop.coordinator.search.deployment import epoch_start, point_after
from spikeloop.coordinator.search.generation import (
    Generation,
    ask_evaluate_tell,
    count_failures,
    run_held_out,
)
from spikeloop.coordinator.search.history import KEPT, History
from spikeloop.coordinator.search.reporter import Reporter
from spikeloop.coordinator.search.search_size import initial_state, max_generations
from spikeloop.coordinator.stats.scores import exceeds_optimum, impossible_score
from spikeloop.coordinator.store.run_folder import RunFolder, search_is_over
from spikeloop.coordinator.strategies.base import to_arrays

logger = logging.getLogger(__name__)


def search(run: RunFolder, pool: WorkerPool, reporter: Reporter) -> Any:
    """Run all generations that are still to come, until the last or a rule of ``[stop]``.

    A generation is committed while workers run the first episodes of the next one, so that they do
    not wait for the disk, and ``run.commit_every`` generations are written together.

    Returns:
        The strategy's last state.

    Raises:
        ConfigError: ``stop.episodes`` does not suffice for a single generation.
        RunFailed: more than ``run.max_failed_share`` of a generation's episodes fail.
        Interrupted: a signal came; what was committed stays.
    """
    config, store = run.config, run.store
    planned = max_generations(config)
    history = History(config, store.rows(KEPT))
    state, failures = _start(run, pool, reporter)
    commits = Commits(run, pool, reporter, failures)
    pool.publish(live_metrics.at_start(planned, run.last_row, history.rows))
    try:
        while not search_is_over(config, history.last):
            generation = _next_generation(config, pool, state, history, reporter, commits)
            generation = _measure_and_judge(run, pool, generation, history, reporter)
            history.add(commits.add(generation))
            state = generation.state
    finally:
        commits.finish()  # whatever ends the search, a complete generation is not lost
        pool.publish(live_metrics.at_end())
    return state


def _start(run: RunFolder, pool: WorkerPool, reporter: Reporter) -> tuple[Any, Counter[str]]:
    """Read the last committed state; a new search commits its initial state first.

    With ``transfer.monitor_every`` the initial state's recommendation gets a held-out score too.

    Returns:
        The state, and the number of those held-out episodes that failed by reason.
    """
    config, committed = run.config, run.store.generation()
    if committed >= 0:
        return run.state_after(committed), Counter()
    state, parts, failures = initial_state(config), {}, Counter[str]()
    if config.transfer.monitor_every:
        point = config.strategy.recommend(state)
        episodes = run_held_out(config, pool, point, 0, reporter).episodes
        parts["curves"] = tables.curves_table(episodes, 0)
        failures = count_failures(episodes)
    run.store.commit(0, parts, to_arrays(state))
    return state, failures


def _next_generation(
    config: RunConfig,
    pool: WorkerPool,
    state: Any,
    history: History,
    reporter: Reporter,
    commits: Commits,
) -> Generation:
    """Run the generation that follows; it begins a new epoch if the last one ended in a restart."""
    started = time.perf_counter()
    space = config.space
    number, epoch = 1, 0
    if history.last is not None:
        number, epoch = history.last["generation"] + 1, epoch_of(history.last)
        if config.stop.restarts(history.last["stopped"]):
            state, epoch = initial_state(config, number), epoch + 1
    state, episodes, fitness = ask_evaluate_tell(
        config, pool, state, number, reporter, commits.catch_up, history.stage
    )
    width = float("nan")
    if space.n_dim <= MAX_STORED_DIM:
        width = population_spread(episodes.grid.population.rows(), space.bounded())
    return Generation(
        number,
        epoch,
        state,
        episodes,
        fitness,
        total_episodes=history.total_episodes + episodes.n_evaluated,
        spread=width,
        wall_s=time.perf_counter() - started,
        stage=history.stage + 1 if config.stages else None,
    )


def _measure_and_judge(
    run: RunFolder, pool: WorkerPool, generation: Generation, history: History, reporter: Reporter
) -> Generation:
    """Add the held-out score, if it is due or the search ends here, and the rule that fires."""
    config, number, transfer = run.config, generation.number, run.config.transfer
    generation = replace(generation, rule=stop_rules.before_held_out(config, generation))
    ends = transfer.monitor_every and config.stop.ends(generation.rule)
    if ends or transfer.monitors(number, config.run.generations):
        rows = [*history.rows, {"generation": number, "epoch": generation.epoch}]
        point = point_after(run, number, epoch_start(rows, number), generation.state)
        held_out = run_held_out(config, pool, point, number, reporter)
        generation = replace(generation, held_out=held_out)
        _warn_of_impossible_score(config, generation, history)
    return replace(generation, rule=stop_rules.after_held_out(config, generation, history))


def _warn_of_impossible_score(config: RunConfig, generation: Generation, history: History) -> None:
    """Warn, the first time in a run, of a held-out score wholly above the optimal policy's."""
    interface, held_out = config.held_out_family.interface, generation.held_out
    if any(exceeds_optimum(row["held_out_low"], interface) for row in history.rows):
        return
    what = f"the held-out score after generation {generation.number}"
    if held_out and (line := impossible_score(what, held_out.score, interface)):
        logger.warning("%s", line)
