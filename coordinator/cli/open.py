"""From the words of a command line to what a command works on: a configuration, or a folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spikeloop.cluster.targets import TARGETS
from spikeloop.coordinator.config.load import load, override
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
    """The configuration of a file, with what the command line says instead.

    Args:
        path: of the TOML file.
        sets: overrides, as "table.key=value".
        workers: as for ``retarget``.
        inline: so, too.
        address: so, too.
    """
    overrides = dict(override(text) for text in sets or ())
    return retarget(load(path, overrides), workers, inline, address)


def retarget(
    config: RunConfig, workers: int | None, inline: bool, address: str | None
) -> RunConfig:
    """A run on the target that the command line chose, which changes no result.

    What the configuration says of its own target, such as the time that a job may take, holds for
    another one too as far as that has a key of the same name.

    Args:
        config: of the run.
        workers: so many local ones, or at most so many on the cluster.
        inline: in this process, without the other two.
        address: of a Ray cluster.
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
