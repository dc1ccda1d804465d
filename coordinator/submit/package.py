"""What goes along with a run that is submitted: its configuration, and the user's own classes."""

import hashlib
import json
import re
import shlex
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from spikeloop.coordinator.config.load import LARGEST_FILE
from spikeloop.coordinator.config.run_config import TABLES, RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store.manifest import CHANGES_NOTHING
from spikeloop.workers.fingerprint import fingerprint

LARGEST_PACKAGE = 200_000_000
"""Bytes; every node downloads it, and Ray itself takes no more than 500 MB."""

COPY = ".job-"
"""Between a run's name and the digest, in the name of a folder that ``keep`` makes."""


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
    own = config.working_dir
    _pack(path, own, package)
    with zipfile.ZipFile(package) as archive:
        _check_files(config, str(path.resolve()), archive.namelist())
    if own is None:
        return fingerprint()
    with tempfile.TemporaryDirectory() as unpacked:  # without what was left out
        zipfile.ZipFile(package).extractall(unpacked)
        return fingerprint(Path(unpacked))


def keep(path: Path, config: RunConfig, above: Path) -> Path:
    """Copies what a job needs of a configuration, so that a later change does not reach the job.

    The copy is a folder that is named by its contents and never changed: the jobs of two
    configurations with the same name of a run have two, and what is the same is copied once.

    Args:
        path: the configuration's file.
        config: the same, read.
        above: folder to make the copy in.

    Returns:
        The configuration's file in the copy, beside the user's own classes.

    Raises:
        ConfigError: the folder with own classes is too large.
    """
    own = config.working_dir
    above.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        package = Path(temporary, "package.zip")
        # Logs and runs are there too, which grow.
        inside = own is not None and own in above.resolve().parents
        _pack(path, own, package, [above.resolve()] if inside else [])
        with zipfile.ZipFile(package) as archive:
            contents = [
                f"{name} {hashlib.sha256(archive.read(name)).hexdigest()}"
                for name in sorted(archive.namelist())
            ]
            digest = hashlib.sha256("\n".join(contents).encode(errors="surrogateescape"))
            folder = above.resolve() / f"{config.run.name}{COPY}{digest.hexdigest()[:12]}"
            if not folder.exists():
                with tempfile.TemporaryDirectory(dir=above, prefix=".copying-") as unfinished:
                    whole = Path(unfinished, "whole")
                    archive.extractall(whole)
                    whole.chmod(0o700)  # a zip file does not keep who may read a file
                    whole.rename(folder)
    return folder / path.resolve().name


def _pack(path: Path, own: Path | None, package: Path, without: Sequence[Path] = ()) -> None:
    """Writes a configuration, and the folder of own classes without some, to a zip file."""
    path = path.resolve()
    if own is not None:
        from spikeloop.cluster.ray_backend.private_api import pack_folder

        pack_folder(own, package, _rules(own, {*_runs(own), *without}))
        if (size := package.stat().st_size) > LARGEST_PACKAGE:
            raise ConfigError(
                f"{own}: this folder goes along because your own classes lie in it, and has "
                f"{size // 1_000_000} MB packed, at most {LARGEST_PACKAGE // 1_000_000} are sent; "
                "name what is not needed in a file .rayignore there, written like .gitignore"
            )
    with zipfile.ZipFile(package, "a") as archive:
        if path.name not in archive.namelist():
            archive.writestr(path.name, path.read_bytes()[:LARGEST_FILE])


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
    words = ["python", "-m", "spikeloop.coordinator.cli.job", f"./{path.resolve().name}"]
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


def _runs(folder: Path) -> set[Path]:
    """Run folders, comparisons, and copies for jobs in a folder."""
    manifests = ("run.json", "comparison.json")
    runs = [path.parent for name in manifests for path in folder.glob(f"*/{name}")]
    runs += [path.parent for name in manifests for path in folder.glob(f"*/*/{name}")]
    copies = [*folder.glob(f"*{COPY}*/"), *folder.glob(f"*/*{COPY}*/")]
    return {*runs, *copies}


def _rules(folder: Path, paths: Iterable[Path]) -> list[str]:
    """Paths in a folder as ``.gitignore`` writes them."""
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return ["/" + re.sub(r"([\\*?\[!# ])", r"\\\1", name) for name in names]


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
