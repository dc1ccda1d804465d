"""Read the configuration that a command line names, and choose its target."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spikeloop.cluster.targets import TARGETS
from spikeloop.coordinator.config.load import load, overrides
from spikeloop.coordinator.config.run_config import TABLES, RunConfig
from spikeloop.coordinator.config.settings_builder import build
from spikeloop.coordinator.errors import ConfigError


def load_config(
    path: Path,
    sets: Sequence[str] | None,
    workers: int | None = None,
    inline: bool = False,
    address: str | None = None,
) -> RunConfig:
    """Read a configuration file, with overrides and target from the command line."""
    return retarget(load(path, overrides(sets)), workers, inline, address)


def track_with(config: RunConfig, kinds: Sequence[str] | None) -> RunConfig:
    """Give a run the trackers that the command line names, if any; they change no result.

    Raises:
        ConfigError: there is no such tracker.
    """
    if not kinds:
        return config
    chosen = {**config.tracking.model_dump(), "kinds": list(kinds)}
    tracking, _ = build(TABLES["tracking"], chosen, "--track", "tracking", None)
    return replace(config, tracking=tracking)


def retarget(
    config: RunConfig, workers: int | None, inline: bool, address: str | None
) -> RunConfig:
    """Put a run on the target that the command line chose, which changes no result.

    The keys of the configuration's own target, such as the time that a job may take, are kept where
    the chosen target has them too.
    """
    if inline and (workers is not None or address is not None):
        raise ConfigError("--inline and --workers or --address exclude each other")
    if workers is None and not inline and address is None:
        return config
    chosen: dict[str, Any] = {"kind": "inline"}
    if address is not None:
        most = {} if workers is None else {"max_workers": workers}
        chosen = {"kind": "ray", "address": address, **most}
    elif workers is not None:
        chosen = {"kind": "local", "workers": workers}
    keys = TARGETS[chosen["kind"]].model_fields  # type: ignore[attr-defined]  # all are Settings
    kept = {key: value for key, value in config.tables()["target"].items() if key in keys}
    target, _ = build(TABLES["target"], {**kept, **chosen}, "command line", "target", Path())
    return replace(config, target=target)
