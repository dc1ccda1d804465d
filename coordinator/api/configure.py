"""One validated configuration of a run, from a file, a dictionary or objects."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from pydantic import BaseModel

from spikeloop.coordinator.api.given import Given, Tables, tables_of
from spikeloop.coordinator.api.target_choice import retarget
from spikeloop.coordinator.config.load import COMMANDS, folder_name, overrides, parse
from spikeloop.coordinator.config.own_classes import import_folder, own_kinds, source
from spikeloop.coordinator.config.run_config import TABLES, RunConfig, RunSettings
from spikeloop.coordinator.config.settings_builder import build
from spikeloop.coordinator.errors import ConfigError

OPTIONS = ("config", "out", "workers", "address", "inline", "progress")
"""Keywords of ``sl.run``, ``sl.compare`` and ``sl.sweep`` that are no settings."""


def configure(
    config: Given | None = None,
    *,
    out: str | PathLike[str] | None = None,
    workers: int | None = None,
    address: str | None = None,
    inline: bool = False,
    track: Sequence[str] | None = None,
    sets: Sequence[str] | None = None,
    caller: str = "sl.run(...)",
    **settings: Any,
) -> RunConfig:
    """Build the configuration of a run.

    A file, a dictionary and objects with the same settings give equal configurations. The arguments
    are those of ``sl.run``.

    Args:
        config: where to begin: the path of a TOML file, a dictionary of tables, or the
            configuration of another run.
        out: the run's folder, after which the run is called if it has no name.
        workers: processes on this machine.
        address: of a Ray cluster, with at most ``workers`` workers.
        inline: whether to do without Ray.
        track: trackers that show the run.
        sets: overrides of a file, as ``--set`` gives them.
        caller: what messages name where no file is given.
        settings: tables as objects or dictionaries, and keys of ``[run]``.

    Raises:
        ConfigError: one line that names the source, the table, the key and what is allowed.
    """
    settings = {name: value for name, value in settings.items() if value is not None}
    tables = tables_of(
        config,
        settings,
        names=[*TABLES, *COMMANDS],
        flat="run",
        keys=RunSettings.model_fields,
        caller=caller,
        options=(*OPTIONS, "track"),
        sets=overrides(sets),
    )
    if isinstance(config, RunConfig) and settings:
        tables.values["run"]["name"] = settings.get("name", "")  # another run than that one
    tables.name_after_place("run", out)
    found = parse(tables.values, tables.source, tables.folder)
    found = with_import_folder(found, tables, settings)
    if not found.run.name:
        found = replace(found, run=_called(found, _content_name(found)))
    return retarget(track_with(found, track), workers, inline, address, caller)


def track_with(config: RunConfig, kinds: Sequence[str] | None) -> RunConfig:
    """Give a run the trackers that its caller names, one or several; they change no result.

    Raises:
        ConfigError: there is no such tracker.
    """
    if not kinds:
        return config
    named = [kinds] if isinstance(kinds, str) else list(kinds)
    chosen = {**config.tracking.model_dump(), "kinds": named}
    tracking, _ = build(TABLES["tracking"], chosen, "track", "tracking", None)
    return replace(config, tracking=tracking)


def _called(config: RunConfig, name: str) -> RunSettings:
    return RunSettings.model_validate({**config.run.model_dump(), "name": name})


def _content_name(config: RunConfig) -> str:
    """Name a run by what it is, for example "chip_random_mdp_evolution_1f3a99e2"."""
    tables = config.tables()
    kinds = [tables[name]["kind"].rpartition(":")[2] for name in ("learner", "family", "strategy")]
    del tables["target"], tables["tracking"], tables["run"]["upload_to"]
    return folder_name("_".join((*kinds, digest(tables, own_kinds(config).values()))))


def digest(tables: Mapping[str, Any], own: Iterable[str]) -> str:
    """Give eight letters for every setting in some tables and the source of own classes."""
    text = json.dumps([tables, [source(kind) for kind in own]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def with_import_folder(config: RunConfig, tables: Tables, settings: Mapping[str, Any]) -> RunConfig:
    """Add the folder that workers import own classes from, where these stand beside no file.

    Args:
        config: as read from the tables.
        tables: of the configuration.
        settings: by table, what was given beside a file.

    Raises:
        ConfigError: classes are in several folders, or an object's class was defined again.
    """
    kinds = own_kinds(config)
    beside_file = [] if tables.file is None else [name for name in kinds if not settings.get(name)]
    if len(beside_file) == len(kinds):
        return config
    folders = {import_folder(kind) for name, kind in kinds.items() if name not in beside_file}
    folders |= {config.working_dir} if beside_file else set()
    folders -= {None}
    if len(folders) > 1:
        both = " and ".join(sorted(map(str, folders)))
        raise ConfigError(f"{tables.source}: own classes must be in one folder, got {both}")
    for name in kinds:
        _require_same_class(settings.get(name), getattr(config, name), f"{tables.source}: [{name}]")
    return replace(config, working_dir=next(iter(folders), None))


def _require_same_class(given: Any, found: Any, where: str) -> None:
    """ConfigError for an object whose class was defined anew, as by running a cell again."""
    if isinstance(given, BaseModel) and type(given) is not type(found):
        raise ConfigError(
            f"{where} {type(given).__name__} was defined again since this object was made; make "
            "the object again"
        )
