"""Pack what is submitted: a configuration, and the user's own classes."""

import hashlib
import json
import re
import shlex
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spikeloop.coordinator.config.load import LARGEST_FILE
from spikeloop.coordinator.config.run_config import TABLES, RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store.folder_kind import is_comparison, is_run, is_sweep
from spikeloop.coordinator.submit.submission import Submission
from spikeloop.workers.fingerprint import fingerprint
from spikeloop.workers.learners.chip.agent import ChipAgent

LARGEST_PACKAGE = 200_000_000
"""Bytes; every node downloads it, and Ray itself takes no more than 500 MB."""

COPY = ".job-"
"""What stands between a run's name and the digest in the name of a folder that ``keep`` makes."""


def pack(submission: Submission, package: Path) -> dict[str, str]:
    """Write the zip file that is unpacked on every node, and return the fingerprint of the code.

    With own classes it holds the folder of the configuration, without run folders and what
    ``.gitignore`` or ``.rayignore`` name; otherwise the configuration alone.
    ConfigError if the folder is too large, or a setting names a file that is not packed.
    """
    own = submission.own_classes
    _write_package(submission.path, own, package)
    with zipfile.ZipFile(package) as archive:
        for config in submission.configs:
            _check_files(config, str(submission.path.resolve()), archive.namelist())
    if own is None:
        return fingerprint()
    with tempfile.TemporaryDirectory() as unpacked, zipfile.ZipFile(package) as archive:
        archive.extractall(unpacked)  # without what was left out
        return fingerprint(Path(unpacked))


def keep(submission: Submission, above: Path) -> Path:
    """Copy what a job needs of a configuration, so that a later change does not reach the job.

    The copy is a folder that is named by its contents and never changed, so that two jobs share it
    only if their contents are equal.
    Returns the configuration's file in the copy; ConfigError if the folder is too large.
    """
    path, own = submission.path, submission.own_classes
    above.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        package = Path(temporary, "package.zip")
        # Logs and runs are there too, which grow.
        inside = own is not None and own in above.resolve().parents
        _write_package(path, own, package, [above.resolve()] if inside else [])
        with zipfile.ZipFile(package) as archive:
            contents = [
                f"{name} {hashlib.sha256(archive.read(name)).hexdigest()}"
                for name in sorted(archive.namelist())
            ]
            digest = hashlib.sha256("\n".join(contents).encode(errors="surrogateescape"))
            folder = above.resolve() / f"{submission.name}{COPY}{digest.hexdigest()[:12]}"
            if not folder.exists():
                with tempfile.TemporaryDirectory(dir=above, prefix=".copying-") as unfinished:
                    whole = Path(unfinished, "whole")
                    archive.extractall(whole)
                    whole.chmod(0o700)  # a zip file does not keep who may read a file
                    whole.rename(folder)
    return folder / path.resolve().name


def _write_package(
    path: Path, own: Path | None, package: Path, without: Sequence[Path] = ()
) -> None:
    """Write a configuration, and the folder of own classes without some paths, to a zip file."""
    path = path.resolve()
    if own is not None:
        from spikeloop.cluster.ray_backend.private_api import pack_folder

        pack_folder(own, package, _left_out(own, without))
        if (size := package.stat().st_size) > LARGEST_PACKAGE:
            raise ConfigError(
                f"{own}: this folder is sent because your own classes are in it, and has "
                f"{size // 1_000_000} MB packed, at most {LARGEST_PACKAGE // 1_000_000} are sent; "
                "name what is not needed in a file .rayignore there, written like .gitignore"
            )
    with zipfile.ZipFile(package, "a") as archive:
        if path.name not in archive.namelist():
            archive.writestr(path.name, path.read_bytes()[:LARGEST_FILE])


def entrypoint(submission: Submission, workers: int | None = None) -> str:
    """The shell command that carries out what is packed, on the cluster."""
    words = ["python", "-m", "spikeloop.coordinator.cli.job", submission.command]
    words += [f"./{submission.path.resolve().name}", *options_of_job(submission)]
    words += ["--set", f'{submission.kind}.name="{submission.name}"']
    words += [] if workers is None else ["--workers", str(workers)]
    return f"exec {shlex.join(words)}"


def options_of_job(submission: Submission) -> list[str]:
    """The options that define what is submitted, for its command on the cluster.

    Among them is what a laboratory's file said, which is not packed and may change.

    Raises:
        ConfigError: the settings of a sweep read different files.
    """
    sets = list(submission.sets)
    if calibration := _calibration(submission):
        table = ", ".join(f"{name} = {json.dumps(values)}" for name, values in calibration.items())
        sets.append(f"learner.calibration_file={{{table}}}")
    return [*submission.options, *(word for text in sets for word in ("--set", text))]


def _calibration(submission: Submission) -> Mapping[str, Any] | None:
    """The calibration that all emulated chips of a submission have; None if they have none."""
    learners = [config.learner for config in submission.configs]
    found = [one.calibration_file for one in learners if isinstance(one, ChipAgent)]
    if any(one != found[0] for one in found):
        raise ConfigError(
            f"{submission.path}: settings with different calibration files cannot be sent; submit "
            "a sweep for each"
        )
    return found[0] if found else None


def _left_out(folder: Path, without: Iterable[Path]) -> list[str]:
    """Results and copies for jobs in a folder, and more, as ``.gitignore`` names them."""
    paths = set(without)
    for below in (folder, *folder.glob("*/")):
        paths |= {path for path in below.glob("*/") if _holds_results(path)}
        paths |= set(below.glob(f"*{COPY}*/"))
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return ["/" + re.sub(r"([\\*?\[!# ])", r"\\\1", name) for name in names]


def _holds_results(folder: Path) -> bool:
    return is_run(folder) or is_comparison(folder) or is_sweep(folder)


def _check_files(config: RunConfig, source: str, packed: Sequence[str]) -> None:
    """Refuse settings that name a file of this machine which is not packed."""
    for table in TABLES:
        for key, path in _paths(getattr(config, table).model_dump()):
            if path.is_file() and path.as_posix() not in packed:
                raise ConfigError(
                    f"{source}: [{table}] {key}: {path} is on this machine only; name a file in "
                    "the configuration's folder, relative to it, that .gitignore does not name"
                )


def _paths(value: Any, key: str = "") -> Iterator[tuple[str, Path]]:
    """Every path in plain settings, with the key that holds it."""
    if isinstance(value, Path):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _paths(inner, key)
