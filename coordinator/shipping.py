"""What goes along with a run that is submitted: its configuration, and the user's own classes."""

import hashlib
import json
import re
import shlex
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from spikeloop.cluster import jobs
from spikeloop.coordinator.config import LARGEST_FILE, TABLES, RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.manifest import CHANGES_NOTHING
from spikeloop.workers.fingerprint import fingerprint

LARGEST_PACKAGE = 200_000_000
"""Bytes; every node downloads it, and Ray itself takes no more than 500 MB."""


def pack(path: Path, config: RunConfig, package: Path) -> dict[str, str]:
    """Writes the zip file that is unpacked on every node, and gives the fingerprint of the code.

    With classes of one's own that is the folder of the configuration, as far as ``.gitignore`` and
    ``.rayignore`` let it go along and without run folders; otherwise the configuration alone.

    Args:
        path: the configuration's file.
        config: the same, read.
        package: file to write.

    Raises:
        ConfigError: the folder is too large, or a setting names a file that does not go along.
    """
    path = path.resolve()
    own = config.working_dir
    if own is not None:
        jobs.pack(own, package, _runs(own))
        if (size := package.stat().st_size) > LARGEST_PACKAGE:
            raise ConfigError(
                f"{own}: this folder goes along because your own classes lie in it, and has "
                f"{size // 1_000_000} MB packed, at most {LARGEST_PACKAGE // 1_000_000} are sent; "
                "name what is not needed in a file .rayignore there, written like .gitignore"
            )
    with zipfile.ZipFile(package, "a") as archive:
        if path.name not in archive.namelist():
            archive.writestr(path.name, path.read_bytes()[:LARGEST_FILE])
        _check_files(config, str(path), archive.namelist())
    if own is None:
        return fingerprint()
    with tempfile.TemporaryDirectory() as unpacked:  # without what was left out
        zipfile.ZipFile(package).extractall(unpacked)
        return fingerprint(Path(unpacked))


def entrypoint(
    path: Path, config: RunConfig, sets: Sequence[str], workers: int | None = None
) -> str:
    """The shell command that runs a packed configuration on the cluster.

    Args:
        path: the configuration's file.
        config: the same, read.
        sets: overrides, as "table.key=value".
        workers: at most so many there; None for as many as find free cores.
    """
    words = ["python", "-m", "spikeloop.coordinator.job", f"./{path.resolve().name}"]
    for text in (*sets, f'run.name="{config.run.name}"'):
        words += ["--set", text]
    words += [] if workers is None else ["--workers", str(workers)]
    return f"exec {shlex.join(words)}"


def digest(config: RunConfig) -> str:
    """Names everything in a configuration that its results depend on."""
    tables = config.tables()
    del tables["target"]
    for key in CHANGES_NOTHING:
        table, _, name = key.partition(".")
        tables.get(table, {}).pop(name, None)
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()[:12]


def _runs(folder: Path) -> list[str]:
    """Run folders and comparisons in a folder, as ``.gitignore`` would write them."""
    found = {
        path.parent.relative_to(folder).as_posix()
        for name in ("run.json", "comparison.json")
        for depth in ("*", "*/*")
        for path in folder.glob(f"{depth}/{name}")
    }
    return ["/" + re.sub(r"([\\*?\[!# ])", r"\\\1", name) for name in sorted(found)]


def _check_files(config: RunConfig, source: str, packed: Sequence[str]) -> None:
    """Refuses settings that name a file of this machine which does not go along."""
    for table in TABLES:
        for key, path in _paths(getattr(config, table)):
            if path.is_file() and path.as_posix() not in packed:
                raise ConfigError(
                    f"{source}: [{table}] {key}: {path} is on this machine only; name a file in "
                    "the configuration's folder, relative to it, that .gitignore does not name"
                )


def _paths(value: Any, key: str = "") -> Iterator[tuple[str, Path]]:
    """Every path in settings, with the key that holds it."""
    if isinstance(value, Path):
        yield key, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _paths(getattr(value, name), f"{key}.{name}" if key else name)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _paths(inner, key)
