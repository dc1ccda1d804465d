"""Put a run on the workers that its caller chose."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from spikeloop.cluster.targets import TARGETS
from spikeloop.coordinator.config.run_config import TABLES, RunConfig
from spikeloop.coordinator.config.settings_builder import build
from spikeloop.coordinator.errors import ConfigError


def retarget(
    config: RunConfig,
    workers: int | None,
    inline: bool,
    address: str | None,
    source: str = "command line",
) -> RunConfig:
    """Put a run on the chosen target, which changes no result; messages name their ``source``.

    The keys of the configuration's own target, such as the time that a job may take, are kept where
    the chosen target has them too.
    """
    if inline and (workers is not None or address is not None):
        raise ConfigError(f"{source}: inline and workers or address exclude each other")
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
    target, _ = build(TABLES["target"], {**kept, **chosen}, source, "target", Path())
    return replace(config, target=target)
