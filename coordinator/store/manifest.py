"""``run.json``: everything needed to repeat a run, and to know what made its numbers."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import spikeloop
from spikeloop.coordinator.config.limits import MAX_STORED_DIM
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.settings_builder import LONGEST_VALUE
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import warn
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store import begun_runs
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.fingerprint import difference, fingerprint
from spikeloop.workers.processor import kernels, portable
from spikeloop.workers.space import ParameterSpace, Weights

PACKAGES = ("numpy", "numba", "ray", "pyarrow", "pandas", "pydantic", "scipy")
"""Without which there is no run."""
OPTIONAL_PACKAGES = ("brian2", "cython", "gymnasium")
"""Of some learners and families: results depend on their versions where they are installed."""
CHANGES_NOTHING = ("run.copy_to",)
"""Keys that may differ between a run's beginning and its resumption, beside the whole target."""


def describe(config: RunConfig) -> dict[str, Any]:
    """The manifest of a new run."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.tables(),
        "working_dir": str(config.working_dir) if config.working_dir else None,
        "space": describe_space(config.space),
        "scale": ends(config.family.interface),
        "spikeloop": spikeloop.__version__,
        "commit": _commit(),
        "fingerprint": fingerprint(config.working_dir),
        "versions": versions(),
        "python": platform.python_version(),
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "processor": processor(),
            "kernels": kernels(),
            "cores": os.cpu_count(),
        },
    }


def versions() -> dict[str, str]:
    """The versions of the packages that results can depend on, of those that are installed."""
    found = {name: metadata.version(name) for name in PACKAGES}
    for name in OPTIONAL_PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def read(store: RunStore, trust: bool = False) -> tuple[RunConfig, bool]:
    """The configuration of an existing run, and whether it is trusted.

    Own classes of a run that is not may only be those of modules that are imported already.

    Args:
        store: of the run.
        trust: load the own classes that it names, which runs their author's code, also if it was
            not begun here by this user.
    """
    return configured(store.manifest(), str(store.folder / "run.json"), trust)


def configured(manifest: Mapping[str, Any], source: str, trust: bool) -> tuple[RunConfig, bool]:
    """As ``read``, of what a run says of itself.

    Args:
        manifest: of the run.
        source: where it stands, for messages.
        trust: as for ``read``.
    """
    folder, trusted = working_folder(manifest, source), trust or begun_runs.here(manifest)
    return parse(manifest["config"], source, folder if trusted else None), trusted


def read_config(store: RunStore, trust: bool = False) -> RunConfig:
    """The part of ``read`` that most want."""
    return read(store, trust)[0]


def check_same(store: RunStore, config: RunConfig) -> None:
    """ConfigError, with the first key that differs, if a run was begun with another configuration.

    Where a run works and is copied to changes no result, so that may differ.
    """
    given = config.tables()
    begun = {**store.manifest()["config"], "target": given["target"]}
    for table, values in given.items():
        there = begun.get(table)
        if isinstance(there, dict) and there.get("kind") != values.get("kind"):
            raise _other(store, f"{table}.kind", there.get("kind"), values.get("kind"))
    # Read, not compared as it stands, because a later program may have more keys.
    folder = config.working_dir or Path()
    for table, read in parse(begun, str(store.folder / "run.json"), folder).tables().items():
        for key, value in given[table].items():
            if f"{table}.{key}" not in CHANGES_NOTHING and read[key] != value:
                raise _other(store, f"{table}.{key}", read[key], value)


def _other(store: RunStore, key: str, there: Any, given: Any) -> ConfigError:
    return ConfigError(
        f"{store.folder}: begun with {key} = {_toml(there)}, not {_toml(given)}; give it that "
        "value again, or the run another name with --set run.name=NAME"
    )


def _toml(value: Any) -> str:
    """A value about as a configuration file writes it."""
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def working_folder(manifest: Mapping[str, Any], source: str) -> Path:
    """Where a manifest says that the user's own classes lie; ConfigError if it is no path.

    Nowhere if it names no folder: its classes were installed then, and are not to be looked for in
    the current folder, which may be anybody's.
    """
    try:
        return Path(manifest.get("working_dir") or os.devnull).resolve()
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        raise ConfigError(
            f"{source}: damaged: working_dir must be a path, got {manifest['working_dir']!r}"
        ) from error


def changed_code(store: RunStore, config: RunConfig) -> str:
    """What differs between this code and the code that began a run; "" if nothing does."""
    return changed_since(store.manifest(), config)


def changed_since(manifest: Mapping[str, Any], config: RunConfig) -> str:
    """As ``changed_code``, of what a run says of itself."""
    return difference(fingerprint(config.working_dir), manifest.get("fingerprint", {}))


def describe_space(space: ParameterSpace) -> list[dict[str, Any]]:
    """The hyperparameters as plain values, for ``run.json`` and ``spikeloop list``."""
    described = []
    for parameter in space.parameters:
        kind = type(parameter).__name__.lower()
        values: Mapping[str, Any] = vars(parameter)
        described.append({"type": kind, **{k: v for k, v in values.items() if v not in ("", None)}})
        if isinstance(parameter, Weights) and parameter.size > MAX_STORED_DIM:
            described[-1]["stored"] = "in the state only"
    return described


def _commit() -> str | None:
    """The git commit of the source, "+changes" if the tree differs; None outside git."""
    source = Path(__file__).resolve().parent
    try:
        options: dict[str, Any] = {
            "cwd": source,
            "capture_output": True,
            "text": True,
            "timeout": 10,
        }
        commit = subprocess.run(["git", "rev-parse", "HEAD"], **options)
        changes = subprocess.run(["git", "status", "--porcelain"], **options)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if commit.returncode != 0:
        return None
    return f"{commit.stdout.strip()}{'+changes' if changes.stdout.strip() else ''}"


def processor() -> str:
    """The name of this machine's processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def other_processor(manifest: Mapping[str, Any], config: RunConfig) -> str:
    """What differs between the kernels here and those that began a run; "" if it cannot matter."""
    began = manifest.get("machine", {}).get("kernels")
    parts = (config.learner, config.family, config.strategy)
    return "" if began is None or portable(*parts) else difference(kernels(), began)


def open_run(folder: Path, trust: bool) -> tuple[RunStore, RunConfig, bool]:
    """A run that exists, with a warning if other code began it.

    Args:
        folder: of the run.
        trust: whether the user said that it may use what it names elsewhere.

    Returns:
        Its folder, its configuration, and whether it may.
    """
    store = RunStore.open(folder)
    config, trusted = read(store, trust)
    if changes := changed_code(store, config):
        warn_of_changes(folder, changes)
    warn_of_processor(store, config)
    return store, config, trusted


def warn_of_changes(folder: Path, changes: str) -> None:
    """Says that what is in a folder was begun by other code."""
    warn(f"{folder} was begun by other code, so results may differ from here on: {changes}")


def warn_of_processor(store: RunStore, config: RunConfig) -> None:
    """Says that a run was begun where libraries choose other machine code, if that matters."""
    if changes := other_processor(store.manifest(), config):
        warn(
            f"{store.folder} was begun on another kind of processor, so the last bits may differ "
            f"from here on: {changes}"
        )
