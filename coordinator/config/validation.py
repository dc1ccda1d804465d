"""Check that the tables of a configuration, each valid by itself, go together."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from spikeloop.coordinator.config.curriculum import stage_name
from spikeloop.coordinator.config.limits import MAX_COUNT, MAX_STORED_DIM, refuse_too_many
from spikeloop.coordinator.config.members import (
    BATCH_MEMBERS,
    interface_differences,
    missing_members,
)
from spikeloop.coordinator.config.on_chip import require_on_chip
from spikeloop.coordinator.config.setting_errors import allowed, describe
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import one_line, raised_at
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.tasks import FAMILIES
from spikeloop.tasks.base import TaskBatch, TaskFamily
from spikeloop.workers.base import ChecksHeldOut, ChecksTasks, Differentiable, Unavailable
from spikeloop.workers.learners import LEARNERS
from spikeloop.workers.space import ParameterSpace

if TYPE_CHECKING:
    from spikeloop.coordinator.config.run_config import RunConfig


def require_consistent(config: "RunConfig", source: str) -> None:
    """ConfigError, which names the source and the table, for tables that do not go together."""
    with _named(source, "learner"):
        _check_space(config)
    _check_tasks(config, config.family, source, "family")
    for number, family in enumerate(config.stages, start=1):
        with _named(source, stage_name(number)):
            _check_stage(config, family)
        _check_tasks(config, family, source, stage_name(number))
    with _named(source, "transfer.learner"):
        _check_held_out_learner(config)
    with _named(source, "transfer.family"):
        _check_held_out_family(config)
    _check_tasks(config, config.held_out_family, source, "transfer.family")
    with _named(source, "strategy"):
        _check_gradients(config)
        require_on_chip(config)
    with _named(source, "run"):
        _check_racing(config)
    _check_search(config, source)
    with _named(source, "stop"):
        _check_stop(config)
    with _named(source, "deploy"):
        _check_deploy(config)


@contextmanager
def _named(source: str, table: str) -> Iterator[None]:
    """Turn a ValueError into a ConfigError that names source and table."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{source}: [{table}] {error}") from error


def _check_space(config: "RunConfig") -> None:
    """Refuse a learner that gives no space; what its own code raises is named with its line."""
    try:
        space: Any = config.space
    except (ValueError, Unavailable):
        raise
    except Exception as error:
        raise ValueError(
            f"space raised {type(error).__name__}: {one_line(error)} ({raised_at(error)})"
        ) from error
    if not isinstance(space, ParameterSpace):
        raise ValueError(f"space must give a ParameterSpace, got a {type(space).__name__}")
    if not space.n_dim:
        raise ValueError(f"{config.learner.kind} has no hyperparameters that could be searched")


def _check_stage(config: "RunConfig", family: TaskFamily) -> None:
    """Refuse a family of a stage in which the learner has not the same Θ."""
    if config.learner.space(family.interface) != config.space:
        raise ValueError(
            f"{config.learner.kind} must have the same hyperparameters as with [family], these are "
            "others"
        )


def _check_tasks(config: "RunConfig", family: TaskFamily, source: str, table: str) -> None:
    """Refuse tasks of the user's own that cannot be run, or not by the learner, by drawing one.

    Families of the package suit every learner that takes their interface, and a task of theirs may
    take gigabytes.
    """
    if type(family) in FAMILIES.values():
        return
    with _named(source, table):
        tasks = _one_task(family)
        if missing := missing_members(type(tasks), BATCH_MEMBERS, tasks):
            raise ValueError(f"sample gives a batch that is not complete: {missing}")
        if difference := next(interface_differences(family.interface, tasks.interface), ""):
            raise ValueError(f"sample gives tasks of another interface: {difference}")
    if isinstance(config.learner, ChecksTasks):
        with _named(source, "learner"):
            config.learner.check_tasks(tasks)


def _one_task(family: TaskFamily) -> TaskBatch:
    """Draw a task; ValueError with file and line if the family's code raises anything."""
    try:
        return family.sample(1, np.random.default_rng(0))
    except Exception as error:
        raise ValueError(
            f"sample raised {type(error).__name__}: {one_line(error)} ({raised_at(error)})"
        ) from error


def _check_held_out_learner(config: "RunConfig") -> None:
    """Refuse settings of held-out episodes in which the learner is not the one of the search."""
    if not config.transfer.learner:
        return
    settings: Any = config.learner
    try:
        held_out: Any = config.held_out_learner
    except ValidationError as error:
        raise ValueError(describe(type(settings), error, "learner")) from error
    if held_out.space(config.family.interface) != config.space:
        raise ValueError("must leave the hyperparameters as they are in [learner]")
    if isinstance(config.learner, ChecksHeldOut):
        config.learner.check_held_out(held_out)


def _check_held_out_family(config: "RunConfig") -> None:
    """Refuse a family of held-out tasks that the learner cannot run, or in which Θ is another."""
    try:
        family = config.held_out_family
    except ValidationError as error:
        kind = config.transfer.family.get("kind", "")
        cls: Any = FAMILIES.get(kind, type(config.family))
        raise ValueError(describe(cls, error, "family")) from error
    if config.held_out_learner.space(family.interface) != config.space:
        raise ValueError(
            f"{config.learner.kind} must have the same hyperparameters as with [family], these are "
            "others"
        )


def _check_gradients(config: "RunConfig") -> None:
    """Refuse a strategy that needs gradients where the learner gives none."""
    if wants_gradient(config.strategy) and not isinstance(config.learner, Differentiable):
        able = [name for name, cls in LEARNERS.items() if hasattr(cls, "differentiate")]
        raise ValueError(
            f"{config.strategy.kind} needs a learner that gives gradients, as {able[0]} does, got "
            f"{config.learner.kind}"
        )


def _check_racing(config: "RunConfig") -> None:
    """Refuse races of candidates whose gradients are wanted."""
    if wants_gradient(config.strategy) and config.run.racing < 1:
        raise ValueError(
            f"racing must be 1 with [strategy] {config.strategy.kind}, whose gradient is about all "
            f"tasks, got {config.run.racing}"
        )


def _check_search(config: "RunConfig", source: str) -> None:
    """Refuse a strategy that cannot begin in this space, or asks for more than memory holds."""
    settings: Any = config.strategy
    for key, field in type(settings).model_fields.items():
        count = getattr(settings, key)
        if isinstance(count, int) and count > MAX_COUNT and "<" not in allowed(field):
            raise ConfigError(f"{source}: [strategy] {key} must be <= {MAX_COUNT}, got {count}")
    rng = np.random.default_rng(0)
    with _named(source, "strategy"):
        state = config.strategy.init(config.space, rng=rng, start=config.space.default_point())
        n_candidates = config.strategy.ask(state, rng).n_candidates
    with _named(source, "run"):
        what = f"tasks times {n_candidates} candidates of a generation"
        refuse_too_many(n_candidates * config.run.tasks, what)


def _check_stop(config: "RunConfig") -> None:
    """Refuse rules that could never fire, or that other tables contradict."""
    stop = config.stop
    if (stop.target or stop.patience) and not config.transfer.monitor_every:
        raise ValueError(
            "target and patience need held-out scores; set transfer.monitor_every to 1 or more"
        )
    if stop.spread and config.space.n_dim > MAX_STORED_DIM:
        raise ValueError(
            f"spread is known for at most {MAX_STORED_DIM} coordinates, here are "
            f"{config.space.n_dim}"
        )
    if stop.then == "restart" and not (stop.spread or stop.patience):
        raise ValueError('then = "restart" needs spread or patience')
    if stop.then == "restart" and config.deploy.finalists < 2:
        raise ValueError(
            'then = "restart" needs deploy.finalists >= 2, so that what each epoch found can be '
            "compared"
        )


def _check_deploy(config: "RunConfig") -> None:
    """Refuse to choose among points of which most are not written."""
    for key in ("average", "finalists"):
        if (n := getattr(config.deploy, key)) > 1 and config.run.commit_every > 1:
            raise ValueError(
                f"{key} = {n} needs the states of all generations, so run.commit_every must be 1, "
                f"got {config.run.commit_every}"
            )
