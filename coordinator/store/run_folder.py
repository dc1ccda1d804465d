"""Open a run folder once; its configuration and its files are then handed on together."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.own_classes import code_of, import_folder, own_kinds
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.setting_errors import LONGEST_VALUE
from spikeloop.coordinator.config.stopping import Row
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import warn
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.base import from_arrays, to_arrays
from spikeloop.workers.fingerprint import difference
from spikeloop.workers.processor import kernels, portable

CHANGES_NOTHING = ("run.upload_to", "tracking")
"""Keys and tables that may change when a run is resumed, as may the table ``[target]``."""


@dataclass(frozen=True)
class RunFolder:
    """A run whose manifest was read.

    Attributes:
        config: its configuration; the target may be another than the manifest's.
        store: its files.
    """

    config: RunConfig
    store: RunStore

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.store.folder

    @property
    def last_row(self) -> Row | None:
        """The row of the last committed generation; None before the first."""
        last = self.store.generation()
        return self.store.row(last) if last > 0 else None

    @property
    def search_is_over(self) -> bool:
        """Whether the search has ended; its race and transfer may still be missing."""
        return search_is_over(self.config, self.last_row)

    def as_of_now(self) -> "RunFolder":
        """Give the run up to the generation that is committed now, while others may write on."""
        return replace(self, store=self.store.as_of_now())

    def state_after(self, generation: int) -> Any:
        """Read the strategy's state after a committed generation, 0 for before the search.

        Its arrays must have the kinds and shapes of the initial state's. Only the number of rows of
        a table may differ, because a population need not keep its size.

        Raises:
            ConfigError: the file is damaged, or holds the state of another strategy or space.
        """
        saved = self.store.state(generation)
        try:
            state: Any = from_arrays(self.config.strategy.State, saved)
            arrays = to_arrays(state)  # with fields that an earlier version did not have
            for name, initial in self.config.first_arrays.items():
                found = arrays[name]
                shapes = [a.shape[1:] if a.ndim > 1 else a.shape for a in (found, initial)]
                kinds = [(a.dtype.kind, a.ndim) for a in (found, initial)]
                if shapes[0] != shapes[1] or kinds[0] != kinds[1]:
                    raise ValueError(
                        f"{name} must be of the type {initial.dtype} and the shape "
                        f"{initial.shape}, it is {found.dtype} and {found.shape}"
                    )
        except ValueError as error:
            raise ConfigError(f"{self.store.state_path(generation)}: damaged: {error}") from error
        return state


def search_is_over(config: RunConfig, last: Row | None) -> bool:
    """Tell whether a search has ended: by its last generation, or by a rule of ``[stop]``."""
    if last is None:
        return False
    return last["generation"] >= config.run.generations or config.stop.ends(last.get("stopped"))


def open_run(folder: Path, trust: bool) -> RunFolder:
    """Open an existing run; warn if other code or another kind of processor began it."""
    run = read_run(RunStore.open(folder), trust)
    warn_of_changes(run)
    return run


def read_run(store: RunStore, trust: bool = False) -> RunFolder:
    """Read the configuration of an existing run.

    Args:
        store: of the run.
        trust: load the classes of its author's own that it names, which runs their code. Without
            it, only those of modules that are imported already can be used.
    """
    return RunFolder(read_manifest(store.manifest(), str(store.manifest_path), trust), store)


def read_manifest(manifest: Mapping[str, Any], source: str, trust: bool) -> RunConfig:
    """Give the configuration in a run's manifest."""
    folder = classes_folder(manifest, source)
    config = parse(manifest["config"], source, folder if trust else None)
    if config.working_dir is None and manifest.get("working_dir"):  # imported already, from there
        folders = {import_folder(kind) for kind in own_kinds(config).values()}
        config = replace(config, working_dir=next(iter(folders - {None}), None))
    return config


def classes_folder(manifest: Mapping[str, Any], source: str) -> Path:
    """Give the folder of a user's own classes that a manifest names; ConfigError if it is no path.

    A manifest that names none gives a folder that does not exist: its classes were installed, and
    they must not be looked for in the current folder, which may be a stranger's.
    """
    try:
        return Path(manifest.get("working_dir") or os.devnull).resolve()
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        raise ConfigError(
            f"{source}: damaged: working_dir must be a path, got {manifest['working_dir']!r}"
        ) from error


def require_same_config(store: RunStore, config: RunConfig) -> None:
    """ConfigError with the first key in which a run's own configuration differs from a given one.

    The target and ``CHANGES_NOTHING`` may differ, because they change no result.
    """
    given = config.tables()
    own = {**store.manifest()["config"], "target": given["target"]}
    for table, values in given.items():
        found = own.get(table)
        if isinstance(found, dict) and found.get("kind") != values.get("kind"):
            raise _other_value(store, f"{table}.kind", found.get("kind"), values.get("kind"))
    # Parsed and not compared as it stands, because a later version may have more keys.
    folder = config.working_dir or Path()
    for table, values in parse(own, str(store.manifest_path), folder).tables().items():
        if table in CHANGES_NOTHING:
            continue
        for key, value in given[table].items():
            if f"{table}.{key}" not in CHANGES_NOTHING and values[key] != value:
                raise _other_value(store, f"{table}.{key}", values[key], value)


def warn_of_changes(run: RunFolder) -> None:
    """Warn if results may differ, because other code or another kind of processor began a run."""
    manifest, config = run.store.manifest(), run.config
    code = difference(code_of(config), manifest.get("fingerprint", {}))
    warn_of_code(run.folder, code)
    began = manifest.get("machine", {}).get("kernels")
    parts = (config.learner, config.family, config.held_out_family, config.strategy)
    if began is None or portable(*parts):
        return
    if changes := difference(kernels(), began):
        warn(
            f"{run.folder} was begun on another kind of processor, so the last bits may differ "
            f"from here on: {changes}"
        )


def warn_of_code(folder: Path, changes: str) -> None:
    """Warn that other code began what is in a folder, unless nothing changed."""
    if changes:
        warn(f"{folder} was begun by other code, so results may differ from here on: {changes}")


def _other_value(store: RunStore, key: str, found: Any, given: Any) -> ConfigError:
    return ConfigError(
        f"{store.folder}: begun with {key} = {_toml(found)}, not {_toml(given)}; give it that "
        "value again, or the run another name with --set run.name=NAME (in Python with name= or "
        "out=)"
    )


def _toml(value: Any) -> str:
    """Write a value about as a configuration file does."""
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
