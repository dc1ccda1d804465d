"""Score a learned Θ on held-out tasks before a person's eyes, for the command line and Python."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.configure import configure
from spikeloop.coordinator.api.view import View
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.settings_builder import build
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import transfer_session
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.search.transfer_design import transfer_size
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.tasks.base import FloatArray


def held_out_settings(
    config: RunConfig, tasks: int | None, seed: int | None, source: Path
) -> TransferSettings:
    """Give the run's own ``[transfer]`` with another number of tasks or seed.

    Of so many tasks each random Θ meets as many more as are needed for them to meet all.

    Raises:
        ConfigError: one of them is out of range; the message names the source.
    """
    given = {name: value for name, value in (("tasks", tasks), ("seed", seed)) if value is not None}
    own = config.transfer
    needed = -(-given.get("tasks", 0) // own.random_points)
    values = {**own.model_dump(), **given, "random_tasks": max(own.random_tasks, needed)}
    settings, _ = build(TransferSettings, values, str(source), "transfer", Path())
    assert isinstance(settings, TransferSettings)
    return settings


def score_run(
    run: RunFolder, config: RunConfig, settings: TransferSettings, view: View, stop: StopSignal
) -> Transfer:
    """Score the point that a run would deploy and write the episodes into its folder.

    ``config`` is that of the run, on whatever target.
    """
    with view.run(config, transfer_size(settings)) as reporter:
        return transfer_session.score_run(replace(run, config=config), settings, reporter, stop)


def score_point(
    config: RunConfig,
    point: FloatArray,
    source: Path,
    settings: TransferSettings,
    view: View,
    stop: StopSignal,
) -> Transfer:
    """Score a point, (n_dim,), that is in no run folder or on another learner; write nothing."""
    with view.run(config, transfer_size(settings)) as reporter:
        return transfer_session.score_point(config, point, source, settings, reporter, stop)


def with_learner(config: RunConfig, changes: Mapping[str, Any], point: FloatArray) -> RunConfig:
    """Give a run's configuration with other settings of its learner, for scoring a point, (n_dim,).

    They are put in over those that the learner has in the run's own held-out episodes.

    Raises:
        ConfigError: there are no such settings, or the point would be another Θ with them.
    """
    if not changes:
        return config
    changes = {**config.transfer.learner, **changes}
    learner = configure(config, learner=changes, caller="run.evaluate(...)").learner
    transfer = TransferSettings.model_validate({**config.transfer.model_dump(), "learner": {}})
    other = replace(config.uploaded_to(""), learner=learner, transfer=transfer)
    if other.space.columns == config.space.columns:
        one, two = (c.space.decode(point[None, :]).values for c in (config, other))
        if np.array_equal(one, two):
            return other
    raise ConfigError(
        "run.evaluate(...): the learner with these settings has other hyperparameters than the run "
        "has learned"
    )


def with_family(config: RunConfig, changes: Mapping[str, Any] | None) -> RunConfig:
    """Give a run's configuration with another family of held-out tasks; None leaves it.

    Raises:
        ConfigError: there is no such family, or the learner has other hyperparameters with it.
    """
    if changes is None:
        return config
    asked = {"family": dict(changes)}
    transfer = configure(config, transfer=asked, caller="run.evaluate(...)").transfer
    return replace(config.uploaded_to(""), transfer=transfer)
