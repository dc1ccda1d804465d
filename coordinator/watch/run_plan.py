"""What a run is to do: plain values from its ``run.json``, without the classes that it names."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from spikeloop.coordinator.config.stopping import StopSettings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import printable

T = TypeVar("T")


@dataclass(frozen=True)
class RunPlan:
    """A run as it was planned.

    Attributes:
        strategy, learner, family: the kinds that it chose.
        n_parameters: hyperparameters that are searched, elements of arrays counted singly.
        generations: at most.
        monitored: whether held-out scores are measured during the search.
        transfer_seed: of the held-out tasks at the end.
        last_episodes: about how many episodes follow the search, in the race and the transfer.
        race: whether points compete for being deployed.
        commit_every: generations that are written together.
        scale: what scores 0 and what scores 1, in words.
    """

    name: str
    strategy: str
    learner: str
    family: str
    n_parameters: int
    seed: int
    generations: int
    monitored: bool
    transfer_seed: int
    last_episodes: int
    race: bool
    stop: StopSettings
    commit_every: int = 1
    scale: tuple[str, str] = ("without learning", "optimal")


def read_plan(manifest: Mapping[str, Any], source: str) -> RunPlan:
    """Take the plan from a manifest; ConfigError that names ``source`` if a part is missing."""
    config = manifest["config"]

    def value(table: str, key: str, kind: type[T]) -> T:
        found = config.get(table, {}).get(key) if isinstance(config.get(table), dict) else None
        if type(found) is not kind:
            raise ConfigError(f"{source}: damaged: [{table}] {key} must be {kind.__name__}")
        return found

    try:
        stop = StopSettings.model_validate(config.get("stop", {}))
    except ValidationError as error:
        raise ConfigError(f"{source}: damaged: [stop] cannot be read") from error
    finalists = value("deploy", "finalists", int)
    tasks, points = value("transfer", "tasks", int), value("transfer", "random_points", int)
    blocks = -(-tasks // max(value("transfer", "random_tasks", int), 1))
    race = finalists > 1
    return RunPlan(
        name=printable(value("run", "name", str)),
        strategy=printable(value("strategy", "kind", str)),
        learner=printable(value("learner", "kind", str)),
        family=printable(value("family", "kind", str)),
        n_parameters=_count(manifest.get("space")),
        seed=value("run", "seed", int),
        generations=value("run", "generations", int),
        monitored=value("transfer", "monitor_every", int) > 0,
        transfer_seed=value("transfer", "seed", int),
        last_episodes=2 * tasks
        + points * tasks // max(blocks, 1)
        + race * finalists * value("deploy", "tasks", int),
        race=race,
        stop=stop,
        commit_every=value("run", "commit_every", int) if "commit_every" in config["run"] else 1,
        scale=_scale(manifest.get("scale")),
    )


def _scale(words: Any) -> tuple[str, str]:
    match words:
        case [str(zero), str(one)]:
            return printable(zero), printable(one)
    return RunPlan.scale  # runs of older programs do not say it


def _count(space: Any) -> int:
    try:
        return sum(math.prod(parameter.get("shape", ())) for parameter in space)
    except (TypeError, AttributeError):
        return 0
