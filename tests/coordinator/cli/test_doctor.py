"""``spikeloop doctor``: every check's verdict, with one answer of the machine replaced."""

import json
import shutil
import tempfile
from collections import namedtuple
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.command_line import cli

from spikeloop.coordinator.cli import installation_check as doctor
from spikeloop.coordinator.cli.installation_check import Check, examine
from spikeloop.coordinator.store.manifest import PACKAGES
from spikeloop.workers.brian import targets
from spikeloop.workers.learners.chip.agent import ChipAgent

Patch = pytest.MonkeyPatch
Usage = namedtuple("Usage", ("total", "used", "free"))
GIB = 2**30


@pytest.fixture
def no_ray(monkeypatch: Patch) -> None:
    """Neither Ray nor the emulator is started, so that the other checks take a moment only."""
    import ray

    def init(**settings: Any) -> None:
        raise ConnectionError("no free port\nand many more lines")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(doctor, "_emulator", lambda: "not run")


def verdict(name: str) -> Check:
    (check,) = [check for check in examine() if check.name == name]
    return check


def replaced(patch: Patch, owner: Any, name: str, answer: Callable[..., Any]) -> None:
    """Replaces a function; where ``answer`` gives None, the original answers."""
    original = getattr(owner, name)

    def either(*arguments: Any, **named: Any) -> Any:
        found = answer(*arguments)
        return original(*arguments, **named) if found is None else found

    patch.setattr(owner, name, either)


def missing(package: str) -> Callable[[str], None]:
    def version(name: str) -> None:
        if name == package:
            raise metadata.PackageNotFoundError(name)

    return version


@pytest.mark.usefixtures("no_ray")
def test_a_missing_package_is_broken(monkeypatch: Patch) -> None:
    package = PACKAGES[0]
    assert verdict(package) == Check(package, "ok", metadata.version(package))
    replaced(monkeypatch, metadata, "version", missing(package))
    assert verdict(package) == Check(package, "broken", "not installed", f"pip install {package}")


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 9), "broken"), ((3, 11, 0), "ok"), ((3, 13, 5), "ok"), ((3, 14, 0), "broken")],
)
def test_versions_of_python(monkeypatch: Patch, version: tuple[int, ...], state: str) -> None:
    monkeypatch.setattr(doctor, "sys", SimpleNamespace(version_info=version))
    assert verdict("python").state == state
    assert ("3.11" in verdict("python").advice) == (state == "broken")


@pytest.mark.usefixtures("no_ray")
@pytest.mark.brian
def test_brian2_is_optional(monkeypatch: Patch) -> None:
    assert "all targets" in verdict("brian2").found
    monkeypatch.setattr(targets, "_missing", lambda: "a C++ compiler: install g++")
    assert verdict("brian2").state == "ok"
    assert "target numpy only" in verdict("brian2").found
    assert "install g++" in verdict("brian2").found
    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "brian2" else find(name))
    assert verdict("brian2").state == "warning"
    assert "spikeloop[brian]" in verdict("brian2").advice


def meminfo(text: str) -> Callable[..., str | None]:
    return lambda path, *_: text if str(path) == "/proc/meminfo" else None


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(
    ("text", "state", "found"),
    [
        ("MemTotal: 9 kB\nMemAvailable:    4194304 kB\n", "ok", "4.0 GiB available"),
        ("MemAvailable:    1048576 kB\n", "warning", "1.0 GiB available"),
        ("MemTotal: 4194304 kB\n", "warning", "unknown on this system"),
    ],
)
def test_little_memory_is_a_warning(monkeypatch: Patch, text: str, state: str, found: str) -> None:
    replaced(monkeypatch, Path, "read_text", meminfo(text))
    check = verdict("memory")
    assert check.state == state
    assert check.found.startswith(found)
    assert ("--inline" in check.advice) == ("1.0" in found)


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(("mib", "state"), [(64, "warning"), (512, "ok")])
def test_little_shared_memory_is_a_warning(monkeypatch: Patch, mib: int, state: str) -> None:
    def exists(path: Path) -> bool | None:
        return True if str(path) == "/dev/shm" else None

    def disk_usage(folder: Any) -> Usage | None:
        return Usage(GIB, 0, mib * 2**20) if str(folder) == "/dev/shm" else None

    replaced(monkeypatch, Path, "exists", exists)
    replaced(monkeypatch, shutil, "disk_usage", disk_usage)
    check = verdict("shared memory")
    assert check.state == state
    assert check.found == f"{mib} MiB free in /dev/shm"
    assert ("--shm-size" in check.advice) == (state == "warning")


@pytest.mark.usefixtures("no_ray")
def test_a_folder_that_cannot_be_written_is_a_warning(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert verdict("runs folder").state == "ok"
    assert str(tmp_path) in verdict("runs folder").found

    def read_only(**where: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    for name in ("runs folder", "temporary folder"):
        assert verdict(name).state != "ok"
        assert "Read-only file system" in verdict(name).found
        assert verdict(name).advice


def test_an_emulator_that_fails_is_broken(monkeypatch: Patch) -> None:
    monkeypatch.setattr(doctor, "_ray", lambda: "not run")

    def run_episodes(*arguments: Any) -> None:
        raise RuntimeError("the compiler\nis gone")

    monkeypatch.setattr(ChipAgent, "run_episodes", run_episodes)
    check = verdict("emulator")
    assert check.state == "broken"
    assert "the compiler" in check.found
    assert "\n" not in check.found
    assert check.advice


@pytest.mark.usefixtures("no_ray")
def test_what_is_broken_is_exit_code_3_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("doctor") == 3
    output, errors = capsys.readouterr()
    assert "broken  local Ray: " in output
    assert "ok      emulator: " in output
    assert errors.startswith("spikeloop: local Ray: ")
    assert "no free port" in errors
    assert errors.count("\n") == 1

    assert cli("doctor", "--json") == 3
    (ill,) = [c for c in json.loads(capsys.readouterr().out) if c["state"] == "broken"]
    assert ill["name"] == "local Ray"


@pytest.mark.ray
def test_this_machine_passes_all_checks(capsys: pytest.CaptureFixture[str]) -> None:
    code = cli("doctor")
    output, errors = capsys.readouterr()
    assert code == 0, output
    assert errors == ""
    assert "ok      local Ray: 1 Ray worker on this machine; ready after" in output
    assert "broken" not in output
    names = {line[8:].split(":")[0] for line in output.splitlines() if "->" not in line}
    assert names >= {"python", "memory", "shared memory", "runs folder", "emulator", *PACKAGES}
