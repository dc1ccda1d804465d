"""What a run is to do: plain values from its ``run.json``, without the classes that it names."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from spikeloop.coordinator.config.run_config import DeploySettings, RunSettings
from spikeloop.coordinator.config.stopping import StopSettings
from spikeloop.coordinator.config.transfer_settings import TransferSettings
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


class RunPlan:
    """A run as it was planned, as its manifest says.

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

    Raises:
        ConfigError: a part of the manifest is wrong; the message names ``source``.
    """

    def __init__(self, manifest: Mapping[str, Any], source: str) -> None:
        try:
            found = _Manifest.model_validate(manifest)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise ConfigError(f"{source}: damaged: {key}: {first['msg']}") from error
        config = found.config
        run, transfer, deploy = config.run, config.transfer, config.deploy
        self.name, self.seed = run.name, run.seed
        self.strategy = printable(config.strategy.kind)
        self.learner = printable(config.learner.kind)
        self.family = printable(config.family.kind)
        self.n_parameters = sum(math.prod(parameter.shape) for parameter in found.space)
        self.generations, self.commit_every = run.generations, run.commit_every
        self.monitored = transfer.monitor_every > 0
        self.transfer_seed = transfer.seed
        blocks = -(-transfer.tasks // transfer.random_tasks)
        self.last_episodes = 2 * transfer.tasks + transfer.random_points * transfer.tasks // blocks
        self.race = deploy.finalists > 1
        self.last_episodes += deploy.finalists * deploy.tasks if self.race else 0
        self.stop = config.stop
        zero, one = found.scale
        self.scale = (printable(zero), printable(one))
