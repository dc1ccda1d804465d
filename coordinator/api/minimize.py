"""Search the best point of a plain Python function, with any strategy and on any workers."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from pydantic import BaseModel

from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.cluster.targets.local import Local
from spikeloop.coordinator.api.brief_errors import brief_errors
from spikeloop.coordinator.api.optimum import Optimum, Record
from spikeloop.coordinator.api.target_choice import retarget
from spikeloop.coordinator.api.view import View, choose_view
from spikeloop.coordinator.config import validation
from spikeloop.coordinator.config.own_classes import import_folder
from spikeloop.coordinator.config.run_config import TABLES, RunConfig
from spikeloop.coordinator.config.settings_builder import Kinds, build
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search.generation import (
    ask_evaluate_tell,
    count_failures,
    run_held_out,
)
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.search.search_size import generation_episodes, initial_state
from spikeloop.coordinator.search.worker_pool import open_workers
from spikeloop.coordinator.strategies.base import Strategy
from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.tasks.no_task import NoTask
from spikeloop.workers.base import Learner
from spikeloop.workers.own_learner.function_learner import GivenSpace, as_space, learner
from spikeloop.workers.own_learner.task import Task
from spikeloop.workers.own_learner.theta import Theta
from spikeloop.workers.space import ParameterSpace

Function: TypeAlias = Callable[[Theta, np.random.Generator], float]
"""From Θ and random numbers to a value."""

CALLER = "sl.minimize(...)"
"""What messages name as their source."""


@brief_errors
def minimize(
    function: Function,
    space: GivenSpace,
    strategy: Strategy[Any] | None = None,
    *,
    episodes: int = 1000,
    repeats: int = 1,
    held_out: int = 10,
    maximize: bool = False,
    seed: int = 1,
    max_failed_share: float = 0.2,
    workers: int | None = None,
    address: str | None = None,
    inline: bool = False,
    progress: bool = True,
) -> Optimum:
    """Search the hyperparameters at which a function is smallest.

        def loss(theta, rng):
            return (theta.tau - 30) ** 2 + rng.normal()

        found = sl.minimize(loss, {"tau": sl.Real(1, 100, unit="ms", scale="log")}, episodes=2000)
        print(found.theta.tau, found.value)

    The same arguments give the same numbers to the last bit, on one core or a cluster, if all
    random numbers of the function come from ``rng``. Nothing is kept on disk: a search of hours,
    which should survive an interruption, is a run (``sl.run``) of a learner (``sl.learner``).

    Args:
        function: from Θ (``theta.tau`` in its unit) and a NumPy generator to a number. An
            evaluation that raises, or gives a number that is not finite, has failed. Each worker
            first tries the function once at the default Θ.
        space: the hyperparameters by name.
        strategy: how to search; ``sl.Evolution()`` by default.
        episodes: evaluations at most, ``held_out`` included; as many whole generations as fit.
        repeats: evaluations of a candidate, whose mean counts. The candidates of a generation share
            their random numbers, so that these cancel in the ranking.
        held_out: evaluations at the recommended point at the end, at least 2.
        maximize: search the largest value instead.
        seed: of every random number.
        max_failed_share: share of a generation's evaluations above which failures end the search,
            and of a candidate's above which it does not count.
        workers: so many processes on this machine; by default one a core.
        address: of a running Ray cluster, with at most ``workers`` workers.
        inline: in this process, one evaluation after another.
        progress: show a bar, or lines.

    Raises:
        ConfigError: an argument is wrong, or ``episodes`` are too few for one generation.
        PoolError: there are no workers.
        RunFailed: too many evaluations failed; it quotes the first.
        Interrupted: a signal came.
    """
    episodes = _whole("episodes", episodes, 1)
    repeats = _whole("repeats", repeats, 1)
    held_out = _whole("held_out", held_out, 2)
    strategy = _strategy(strategy)
    sign = 1.0 if maximize else -1.0
    run = {
        "name": re.sub(r"[^A-Za-z0-9_]", "_", _name(function)),
        "seed": seed,
        "tasks": repeats,
        "tile_candidates": 1,
        "max_failed_share": max_failed_share,
    }
    transfer = {"monitor_every": 0, "monitor_tasks": held_out}
    objective = _as_learner(function, _space(space), sign)
    config = _configure(run, transfer, objective, strategy, episodes)
    config = replace(config, working_dir=_import_folder(function))
    config = retarget(config, workers, inline, address, CALLER)
    try:
        return _search(config, sign, choose_view(progress))
    except Interrupted as error:
        raise Interrupted("interrupted; a search over a function keeps nothing") from error


def _whole(name: str, count: int, least: int) -> int:
    if not isinstance(count, int | np.integer) or count < least:
        raise ConfigError(
            f"{CALLER}: {name} must be a whole number of at least {least}, got {count}"
        )
    return int(count)


def _strategy(given: Strategy[Any] | None) -> Strategy[Any]:
    if given is None:
        return Evolution()
    if not isinstance(given, BaseModel):
        raise ConfigError(
            f"{CALLER}: strategy must be an object such as sl.Evolution(), got {given!r}"
        )
    return given


def _space(given: GivenSpace) -> ParameterSpace:
    try:
        space = as_space(given)
    except ValueError as error:
        raise ConfigError(f"{CALLER}: {error}") from error
    if not space.n_dim:
        raise ConfigError(f"{CALLER}: space must have a hyperparameter")
    return space


def _name(function: Function) -> str:
    """Give the name of a function, or of an object's class that can be called."""
    return str(getattr(function, "__name__", type(function).__name__))


def _import_folder(function: Function) -> Path | None:
    """Give the folder from which workers import the function, if it is in no package."""
    while isinstance(function, partial):
        function = function.func
    module = getattr(function, "__module__", None) or type(function).__module__
    return import_folder(f"{module}:{_name(function)}")


def _as_learner(function: Function, space: GivenSpace, sign: float) -> Learner:
    """Give the learner whose return is the function's value times a sign."""
    name = _name(function)

    def evaluate(theta: Theta, task: Task, rng: np.random.Generator) -> float:
        value: Any = function(theta, rng)
        if value is None:
            raise TypeError(f"{name} must return a number, got None")
        return sign * float(value)

    evaluate.__name__ = name
    return learner(space=space)(evaluate)()


def _configure(
    run: dict[str, Any],
    transfer: dict[str, Any],
    objective: Learner,
    strategy: Strategy[Any],
    episodes: int,
) -> RunConfig:
    """Give the configuration whose generations are those of the search."""

    def settings(generations: int) -> RunConfig:
        given = {"run": {**run, "generations": generations}, "transfer": transfer}
        tables: dict[str, Any] = {
            name: build(rule, given.get(name, {}), CALLER, name, None)[0]
            for name, rule in TABLES.items()
            if not isinstance(rule, Kinds)
        }
        return RunConfig(
            **tables, family=NoTask(), learner=objective, strategy=strategy, target=Local()
        )

    one = settings(1)
    validation.require_consistent(one, CALLER)
    needed, held_out = generation_episodes(one), one.transfer.monitor_tasks
    if episodes < needed + held_out:
        raise ConfigError(
            f"{CALLER}: episodes must be at least {needed + held_out}, one generation of "
            f"{strategy.kind} and {held_out} held-out evaluations, got {episodes}"
        )
    return settings((episodes - held_out) // needed)


def _search(config: RunConfig, sign: float, view: View) -> Optimum:
    """Run the generations, then evaluate the recommended point."""
    record, state = Record(config.space, sign), initial_state(config)
    n_episodes = config.run.generations * generation_episodes(config)
    with (
        StopSignal().installed() as stop,
        view.run(config, n_episodes) as reporter,
        open_workers(config, stop, reporter) as pool,
    ):
        for number in range(1, config.run.generations + 1):
            state, episodes, fitness = ask_evaluate_tell(config, pool, state, number, reporter)
            record.add(number, episodes, fitness)
            values = sign * fitness
            best = float((np.nanmax if sign > 0 else np.nanmin)(values))
            mean, failures = float(np.nanmean(values)), count_failures(episodes)
            reporter.generation(GenerationReport(number, best, mean, None, failures))
        point = config.strategy.recommend(state)
        return record.optimum(point, run_held_out(config, pool, point, number, reporter))
