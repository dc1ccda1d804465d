"""``spikeloop doctor``: every check's verdict, with one answer of the machine replaced."""

import json
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.command_line import printed, run_command
from support.paths import ROOT

from spikeloop.coordinator.cli import installation_check as doctor
from spikeloop.coordinator.cli.extras import PURPOSES
from spikeloop.coordinator.cli.installation_check import Check, examine
from spikeloop.coordinator.store.manifest import PACKAGES
from spikeloop.workers.brian import targets
from spikeloop.workers.learners.chip.agent import ChipAgent

Patch = pytest.MonkeyPatch


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


def replaced(owner: Any, name: str, answer: Callable[..., Any]) -> Callable[[Patch], None]:
    """Replace a function; where ``answer`` gives None, the original answers."""
    original = getattr(owner, name)

    def either(*arguments: Any, **named: Any) -> Any:
        found = answer(*arguments)
        return original(*arguments, **named) if found is None else found

    return lambda patch: patch.setattr(owner, name, either)


def python(*version: int) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(doctor, "sys", SimpleNamespace(version_info=version))


def meminfo(text: str) -> Callable[[Patch], None]:
    return replaced(Path, "read_text", lambda path: text if str(path) == "/proc/meminfo" else None)


def shared(mib: int) -> Callable[[Patch], None]:
    usage = SimpleNamespace(free=mib * 2**20)
    return replaced(shutil, "disk_usage", lambda folder: usage if folder == SHM else None)


def missing(name: str) -> None:
    if name == PACKAGES[0]:
        raise metadata.PackageNotFoundError(name)


def read_only(patch: Patch) -> None:
    def refuse(**where: Any) -> None:
        raise OSError(30, "Read-only file system")

    patch.setattr(tempfile, "TemporaryFile", refuse)


def not_installed(*names: str) -> Callable[[str], None]:
    def version(name: str) -> None:
        if name in names:
            raise metadata.PackageNotFoundError(name)

    return version


FOR = "; for spiking networks trained by gradients"
INSTALL = "pip install 'spikeloop[lsnn]'"
LSNN = ("ok", "jax 9, optax ", "")
NO_LSNN = ("absent", f"not installed{FOR}", INSTALL)
NO_OPTAX = ("absent", f"without optax{FOR}", INSTALL)
OLD = ("absent", f"without jax>=0.8{FOR}", INSTALL)
SHM = Path("/dev/shm")
VERDICTS = [
    (PACKAGES[0], lambda patch: None, "ok", metadata.version(PACKAGES[0]), ""),
    (PACKAGES[0], replaced(metadata, "version", missing), "broken", "not inst", "pip install"),
    ("python", python(3, 10, 9), "broken", "", "3.11"),
    ("python", python(3, 11, 0), "ok", "", ""),
    ("python", python(3, 13, 5), "ok", "", ""),
    ("python", python(3, 14, 0), "broken", "", "3.11"),
    ("extra lsnn", replaced(metadata, "version", lambda n: "9" if n == "jax" else None), *LSNN),
    ("extra lsnn", replaced(metadata, "version", not_installed("jax", "optax")), *NO_LSNN),
    ("extra lsnn", replaced(metadata, "version", not_installed("optax")), *NO_OPTAX),
    ("extra lsnn", replaced(metadata, "version", lambda n: "0.7" if n == "jax" else None), *OLD),
    ("memory", meminfo("MemTotal: 9 kB\nMemAvailable:  4194304 kB\n"), "ok", "4.0 GiB", ""),
    ("memory", meminfo("MemAvailable:    1048576 kB\n"), "warning", "1.0 GiB", "--inline"),
    ("memory", meminfo("MemTotal: 4194304 kB\n"), "warning", "unknown on this system", ""),
    ("shared memory", shared(64), "warning", "64 MiB free in /dev/shm", "--shm-size"),
    ("shared memory", shared(512), "ok", "512 MiB free in /dev/shm", ""),
    ("runs folder", lambda patch: None, "ok", str(Path.cwd()), ""),
    ("runs folder", read_only, "warning", "Read-only file system", "--out"),
    ("temporary folder", read_only, "warning", "Read-only file system", "TMPDIR"),
]
"""A check, what is changed, its verdict, and words of what it found and of its advice."""


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(("name", "change", "state", "found", "advice"), VERDICTS)
def test_verdicts(
    monkeypatch: Patch,
    name: str,
    change: Callable[[Patch], None],
    state: str,
    found: str,
    advice: str,
) -> None:
    change(monkeypatch)
    check = verdict(name)
    assert check.state == state
    assert found in check.found
    assert advice in check.advice
    assert bool(check.advice) == bool(advice)


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
def test_what_is_broken_is_exit_code_3_and_one_line() -> None:
    code, output, errors = run_command("doctor")
    assert (code, errors.count("\n")) == (3, 1)
    assert "broken  local Ray: " in output
    assert "ok      emulator: " in output
    assert errors.startswith("spikeloop: local Ray: ")
    assert "no free port" in errors
    said = run_command("doctor", "--json")
    assert said.code == 3
    (ill,) = [c for c in json.loads(said.output) if c["state"] == "broken"]
    assert ill["name"] == "local Ray"


@pytest.mark.ray
def test_this_machine_passes_all_checks() -> None:
    output = printed("doctor")
    assert "ok      local Ray: 1 Ray worker on this machine; ready after" in output
    assert "broken" not in output
    names = {line[8:].split(":")[0] for line in output.splitlines() if "->" not in line}
    assert names >= {"python", "memory", "shared memory", "runs folder", "emulator", *PACKAGES}


def test_every_extra_of_the_package_has_a_purpose() -> None:
    with open(ROOT / "pyproject.toml", "rb") as file:
        named = tomllib.load(file)["project"]["optional-dependencies"]
    assert PURPOSES.keys() == named.keys()


@pytest.mark.usefixtures("no_ray")
def test_every_extra_of_the_metadata_is_listed() -> None:
    named = metadata.distribution("spikeloop").metadata.get_all("Provides-Extra") or []
    listed = [check.name for check in examine() if check.name.startswith("extra ")]
    assert listed == [f"extra {name}" for name in named]
    assert len(listed) >= 6
