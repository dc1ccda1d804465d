"""What a run set out to do: plain values of its ``run.json``, without the classes that it names."""

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
class Plan:
    """A run as it was planned.

    Attributes:
        name: of the run.
        strategy, learner, family: the kinds that it chose.
        n_parameters: numbers that are searched.
        seed: of every random number.
        generations: at most.
        monitored: whether held-out scores are measured while searching.
        transfer_seed: which held-out tasks are drawn in the end.
        last_episodes: episodes after the search, those of the race and of the transfer, about.
        race: whether points race for being deployed.
        stop: the rules that may end the search.
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


def plan(manifest: Mapping[str, Any], source: str) -> Plan:
    """Reads the plan of a manifest; ConfigError if something that it needs is not there.

    Args:
        manifest: of the run.
        source: where it comes from, for messages.
    """
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
    return Plan(
        name=printable(value("run", "name", str)),
        strategy=printable(value("strategy", "kind", str)),
        learner=printable(value("learner", "kind", str)),
        family=printable(value("family", "kind", str)),
        n_parameters=_size(manifest.get("space")),
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
    """What scores 0 and 1, as the run says; runs of older programs do not say it."""
    match words:
        case [str(zero), str(one)]:
            return printable(zero), printable(one)
    return Plan.scale


def _size(space: Any) -> int:
    """Numbers in a described space; arrays have a shape."""
    try:
        return sum(math.prod(parameter.get("shape", ())) for parameter in space)
    except (TypeError, AttributeError):
        return 0
