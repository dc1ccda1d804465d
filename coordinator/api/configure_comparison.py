"""One validated configuration of a comparison, from a file, a dictionary or objects."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from spikeloop.coordinator.api.configure import OPTIONS, digest, with_import_folder
from spikeloop.coordinator.api.given import Given, tables_of
from spikeloop.coordinator.api.target_choice import retarget
from spikeloop.coordinator.comparison.comparison_config import (
    NAMES,
    ComparisonConfig,
    ComparisonSettings,
    parse,
)
from spikeloop.coordinator.config.load import overrides
from spikeloop.coordinator.config.own_classes import own_kinds


def configure_comparison(
    config: Given | None = None,
    *,
    out: str | PathLike[str] | None = None,
    workers: int | None = None,
    address: str | None = None,
    inline: bool = False,
    sets: Sequence[str] | None = None,
    caller: str = "sl.compare(...)",
    **settings: Any,
) -> ComparisonConfig:
    """Build the configuration of a comparison, as ``configure`` builds that of a run.

    Keywords that are no tables are keys of ``[comparison]``.

    Raises:
        ConfigError: one line that names the source, the table, the key and what is allowed.
    """
    tables = tables_of(
        config,
        settings,
        names=NAMES,
        flat="comparison",
        keys=ComparisonSettings.model_fields,
        caller=caller,
        options=OPTIONS,
        sets=overrides(sets),
    )
    tables.name_after_place("comparison", out)
    found = parse(tables.values, tables.source, tables.folder)
    strategies = settings.get("strategies") or {}
    given = {
        name: with_import_folder(run, tables, {**settings, "strategy": strategies.get(name)})
        for name, run in found.given.items()
    }
    found = replace(found, given=given)
    if not found.comparison.name:
        found = replace(found, comparison=_named(found))
    return found.retarget(retarget(found.first, workers, inline, address, caller).target)


def _named(config: ComparisonConfig) -> ComparisonSettings:
    """Name a comparison by what it is, for example "comparison_1f3a99e2"."""
    tables = config.tables()
    del tables["target"]
    own = sorted({kind for run in config.given.values() for kind in own_kinds(run).values()})
    name = f"comparison_{digest(tables, own)}"
    return ComparisonSettings.model_validate({**config.comparison.model_dump(), "name": name})
