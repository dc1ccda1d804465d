"""One validated configuration of a sweep, from a file, a dictionary or objects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from spikeloop.coordinator.api.configure import OPTIONS, digest, with_import_folder
from spikeloop.coordinator.api.given import Given, Tables, plain, tables_of
from spikeloop.coordinator.api.target_choice import retarget
from spikeloop.coordinator.config.load import COMMANDS, folder_name, overrides
from spikeloop.coordinator.config.own_classes import own_kinds
from spikeloop.coordinator.config.run_config import TABLES, RunSettings
from spikeloop.coordinator.config.setting_errors import shown
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.sweep.settings_grid import SAME_FOR_ALL
from spikeloop.coordinator.sweep.sweep_config import SweepConfig, parse


def configure_sweep(
    config: Given | None = None,
    *,
    over: Mapping[str, Sequence[Any]] | None = None,
    settings: Sequence[Mapping[str, Any]] | None = None,
    seeds: int | None = None,
    baseline: str | None = None,
    out: str | PathLike[str] | None = None,
    workers: int | None = None,
    address: str | None = None,
    inline: bool = False,
    sets: Sequence[str] | None = None,
    caller: str = "sl.sweep(...)",
    **keywords: Any,
) -> SweepConfig:
    """Build the configuration of a sweep, as ``configure`` builds that of a run.

    ``over`` and ``settings`` stand in place of both in the file. Keywords that are no tables are
    keys of ``[run]``.

    Raises:
        ConfigError: one line that names the source, the table, the key and what is allowed.
    """
    tables = tables_of(
        config,
        keywords,
        names=[*TABLES, *COMMANDS, "sweep"],
        flat="run",
        keys=RunSettings.model_fields,
        caller=caller,
        options=(*OPTIONS, "over", "settings", "seeds", "baseline"),
        sets=overrides(sets),
    )
    values = tables.values
    values.setdefault("run", {})
    sweep = values.pop("sweep", {})
    if not isinstance(sweep, Mapping):
        raise ConfigError(f"{tables.source}: sweep must be a table [sweep], got {shown(sweep)}")
    if over or settings:
        lists = {key: _plain_list(values, caller) for key, values in (over or {}).items()}
        listed = [_plain_setting(one, caller) for one in settings or ()]
        sweep = {**sweep, "over": lists, "settings": listed}
    given = {"seeds": seeds, "baseline": baseline}
    sweep = {**sweep, **{key: value for key, value in given.items() if value is not None}}
    if not sweep.get("name"):
        place = tables.file.stem if tables.file is not None else Path(out or "/").absolute().name
        sweep["name"] = folder_name(place)
    found = parse(values, sweep, tables.source, tables.folder)
    objects = [{**keywords, **one} for one in settings or ()] or [keywords] * len(found.settings)
    found = _with_import_folders(found, tables, objects)
    if not found.name:
        found = replace(found, name=_content_name(found))
    return found.retarget(retarget(found.first, workers, inline, address, caller).target)


def _plain_list(values: Any, caller: str) -> Any:
    """Give a list of any sequence, an array or a range among them, with plain values."""
    if isinstance(values, Iterable) and not isinstance(values, str | Mapping):
        return plain("", list(values), f"{caller}: over")
    return values  # which is refused with its key


def _plain_setting(setting: Mapping[str, Any], caller: str) -> dict[str, Any]:
    """Give a setting with plain tables in place of objects."""
    if not isinstance(setting, Mapping):
        raise ConfigError(f"{caller}: settings must be dictionaries, got {shown(setting)}")
    return {name: plain(name, value, f"{caller}: settings") for name, value in setting.items()}


def _with_import_folders(
    found: SweepConfig, tables: Tables, objects: Sequence[Mapping[str, Any]]
) -> SweepConfig:
    """Add the folder of own classes; ``objects`` are each setting's, beside those of a file."""
    settings = tuple(
        replace(setting, config=with_import_folder(setting.config, tables, own))
        for setting, own in zip(found.settings, objects, strict=True)
    )
    folders = {setting.config.working_dir for setting in settings} - {None}
    if len(folders) > 1:  # the settings share their workers
        both = " and ".join(sorted(map(str, folders)))
        raise ConfigError(f"{tables.source}: own classes must be in one folder, got {both}")
    return replace(found, settings=settings)


def _content_name(found: SweepConfig) -> str:
    """Name a sweep by what it is, for example "sweep_1f3a99e2"."""
    tables = found.as_json()
    for setting in tables["settings"]:
        for same in SAME_FOR_ALL:
            del setting["config"][same]
    own = {kind for setting in found.settings for kind in own_kinds(setting.config).values()}
    return f"sweep_{digest(tables, sorted(own))}"
