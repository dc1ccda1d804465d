"""What a run is to do: plain values from its ``run.json``, without the classes that it names."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from spikeloop.coordinator.config.run_config import DeploySettings, RunSettings, TransferSettings
from spikeloop.coordinator.config.stopping import StopSettings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import printable


class _Kind(BaseModel):
    """A table whose class may be its author's own, and is not loaded."""

    kind: str


class _Tables(BaseModel):
    run: RunSettings
    family: _Kind
    learner: _Kind
    strategy: _Kind
    transfer: TransferSettings
    deploy: DeploySettings
    stop: StopSettings = StopSettings()


class _Parameter(BaseModel):
    shape: tuple[int, ...] = ()


class _Manifest(BaseModel):
    config: _Tables
    space: list[_Parameter] = []
    scale: tuple[str, str] = ("without learning", "optimal")  # runs of older programs have none


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
    commit_every: int
    scale: tuple[str, str]


def read_plan(manifest: Mapping[str, Any], source: str) -> RunPlan:
    """Take the plan from a manifest; ConfigError that names ``source`` if a part is wrong."""
    try:
        found = _Manifest.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{source}: damaged: {key}: {first['msg']}") from error
    config = found.config
    run, transfer, deploy = config.run, config.transfer, config.deploy
    blocks = -(-transfer.tasks // transfer.random_tasks)
    of_the_transfer = 2 * transfer.tasks + transfer.random_points * transfer.tasks // blocks
    race = deploy.finalists > 1
    zero, one = found.scale
    return RunPlan(
        name=run.name,
        strategy=printable(config.strategy.kind),
        learner=printable(config.learner.kind),
        family=printable(config.family.kind),
        n_parameters=sum(math.prod(parameter.shape) for parameter in found.space),
        seed=run.seed,
        generations=run.generations,
        monitored=transfer.monitor_every > 0,
        transfer_seed=transfer.seed,
        last_episodes=of_the_transfer + race * deploy.finalists * deploy.tasks,
        race=race,
        stop=config.stop,
        commit_every=run.commit_every,
        scale=(printable(zero), printable(one)),
    )
