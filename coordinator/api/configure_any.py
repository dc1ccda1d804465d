"""Decide whether a configuration file is of a run, a comparison or a sweep, and build it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from spikeloop.coordinator.api.configure import configure
from spikeloop.coordinator.api.configure_comparison import configure_comparison
from spikeloop.coordinator.api.configure_sweep import configure_sweep
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig, variant_names
from spikeloop.coordinator.config.load import kind_of_file
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.submit.submission import Submission
from spikeloop.coordinator.sweep.settings_grid import read_all
from spikeloop.coordinator.sweep.sweep_config import SweepConfig

Configuration: TypeAlias = RunConfig | ComparisonConfig | SweepConfig


def configure_any(
    path: Path,
    over: Sequence[str] | None = None,
    seeds: int | None = None,
    **options: Any,
) -> Configuration:
    """Build what a configuration file is of; with ``over`` or ``seeds`` a run's is of a sweep.

    Args:
        path: a TOML file.
        over: values to try, as ``--over`` has them.
        seeds: runs of each setting of a sweep.
        options: as for ``configure``: sets, workers, inline, address, caller.

    Raises:
        ConfigError: one line that names the file, the table, the key and what is allowed.
    """
    kind = kind_of_file(path)
    if kind == "sweep" or over or seeds is not None:
        return configure_sweep(path, over=read_all(over), seeds=seeds, **options)
    if kind == "comparison":
        return configure_comparison(path, **options)
    return configure(path, **options)


def submission(
    path: Path,
    over: Sequence[str] | None = None,
    seeds: int | None = None,
    sets: Sequence[str] | None = None,
) -> Submission:
    """Describe what a configuration file is of for a cluster; raises as ``configure_any``."""
    config = configure_any(path, over, seeds, sets=sets, caller="command line")
    words = [word for text in over or () for word in ("--over", text)]
    if seeds is not None:
        words += ["--seeds", str(seeds)]
    given: dict[str, Any] = {"path": path, "sets": tuple(sets or ()), "options": tuple(words)}
    if isinstance(config, RunConfig):
        name, size = config.run.name, config.run.generations
        return Submission("run", name, configs=(config,), plan=None, size=size, **given)
    if isinstance(config, ComparisonConfig):
        tables = config.tables()
        return Submission(
            "comparison",
            config.comparison.name,
            configs=tuple(config.given.values()),
            plan=[tables["comparison"], tables["tuning"]],
            size=len(variant_names(config)) * config.comparison.seeds,
            **given,
        )
    labels = [setting.label for setting in config.settings]
    return Submission(
        "sweep",
        config.name,
        configs=tuple(setting.config for setting in config.settings),
        plan=[config.seeds, config.baseline, labels],
        size=len(labels) * len(config.seeds),
        **given,
    )
