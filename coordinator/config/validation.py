"""Check that the tables of a configuration, each valid by itself, go together."""

from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloop.coordinator.config.curriculum import check_spaces
from spikeloop.coordinator.config.limits import MAX_COUNT, MAX_STORED_DIM, refuse_too_many
from spikeloop.coordinator.config.setting_errors import allowed
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.tasks import FAMILIES
from spikeloop.workers.base import ChecksTasks, Differentiable
from spikeloop.workers.learners import LEARNERS

if TYPE_CHECKING:
    from spikeloop.coordinator.config.run_config import RunConfig


def require_consistent(config: "RunConfig", source: str) -> None:
    """ConfigError, which names the source and the table, for tables that do not go together."""
    try:
        _ = config.space
    except ValueError as error:
        raise ConfigError(f"{source}: [learner] {error}") from error
    check_spaces(config.stages, config.family, config.learner, source)
    _check_tasks(config, source)
    _check_gradients(config, source)
    _check_search(config, source)
    _check_stop(config, source)
    _check_deploy(config, source)


def _check_tasks(config: "RunConfig", source: str) -> None:
    """Refuse tasks of the user's own that the learner cannot run on, by drawing one of them.

    Families of the package suit every learner that asks, and a task of theirs may take gigabytes.
    """
    if not isinstance(config.learner, ChecksTasks) or type(config.family) in FAMILIES.values():
        return
    tasks = config.family.sample(1, np.random.default_rng(0))
    try:
        config.learner.check_tasks(tasks)
    except ValueError as error:
        raise ConfigError(f"{source}: [learner] {error}") from error


def _check_gradients(config: "RunConfig", source: str) -> None:
    """Refuse a strategy that needs gradients where the learner gives none."""
    if not wants_gradient(config.strategy):
        return
    kind, learner = config.strategy.kind, config.learner
    if not isinstance(learner, Differentiable):
        able = [name for name, cls in LEARNERS.items() if hasattr(cls, "differentiate")]
        hint = f", as {able[0]} does" if able else ""
        raise ConfigError(
            f"{source}: [strategy] {kind} needs a learner that gives gradients{hint}, got "
            f"{learner.kind}"
        )
    if config.run.racing < 1:
        raise ConfigError(
            f"{source}: [run] racing must be 1 with [strategy] {kind}, whose gradient is about all "
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
    try:
        state = config.strategy.init(config.space, config.space.default_point(), rng)
        n_candidates = config.strategy.ask(state, rng).n_candidates
    except ValueError as error:
        raise ConfigError(f"{source}: [strategy] {error}") from error
    try:
        refuse_too_many(
            n_candidates * config.run.tasks,
            f"tasks times {n_candidates} candidates of a generation",
        )
    except ValueError as error:
        raise ConfigError(f"{source}: [run] {error}") from error


def _check_stop(config: "RunConfig", source: str) -> None:
    """Refuse rules that could never fire, or that other tables contradict."""
    stop = config.stop
    if (stop.target or stop.patience) and not config.transfer.monitor_every:
        raise ConfigError(
            f"{source}: [stop] target and patience need held-out scores; set "
            "transfer.monitor_every to 1 or more"
        )
    if stop.spread and config.space.n_dim > MAX_STORED_DIM:
        raise ConfigError(
            f"{source}: [stop] spread is known for at most {MAX_STORED_DIM} coordinates, here are "
            f"{config.space.n_dim}"
        )
    if stop.then == "restart" and not (stop.spread or stop.patience):
        raise ConfigError(f'{source}: [stop] then = "restart" needs spread or patience')
    if stop.then == "restart" and config.deploy.finalists < 2:
        raise ConfigError(
            f'{source}: [stop] then = "restart" needs deploy.finalists >= 2, so that what '
            "each epoch found can be compared"
        )


def _check_deploy(config: "RunConfig", source: str) -> None:
    """Refuse to choose among points of which most are not written."""
    for key in ("average", "finalists"):
        if (n := getattr(config.deploy, key)) > 1 and config.run.commit_every > 1:
            raise ConfigError(
                f"{source}: [deploy] {key} = {n} needs the states of all generations, so "
                f"run.commit_every must be 1, got {config.run.commit_every}"
            )
