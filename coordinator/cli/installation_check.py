"""``spikeloop doctor``: is this machine fit for a run, and if not, what to do."""

import importlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.cli.extras import NAME, Extra, extras
from spikeloop.coordinator.search.worker_pool import warm_up_job
from spikeloop.coordinator.store.manifest import PACKAGES

if TYPE_CHECKING:
    from spikeloop.cluster.ray_backend.open_ports import ExposedCluster

MIN_MEMORY_GIB = 2.0
"""A local Ray with its dashboard and two workers takes about this much."""

MANY = 5
"""Packages of an extra that are counted instead of named."""

EXAMPLE = {
    "run": {"name": "doctor"},
    "family": {"kind": "random_mdp", "n_steps": 100},
    "learner": {"kind": "chip"},
    "strategy": {"kind": "evolution"},
    "target": {"kind": "local", "workers": 1, "dashboard": False},
}
"""The smallest run of the real thing, of which one episode is run."""


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        state: "ok", "absent" (an extra that nothing else needs), "warning" (a run works, but) or
            "broken" (a run cannot work).
        advice: what to do, or "".
    """

    name: str
    state: Literal["ok", "absent", "warning", "broken"]
    found: str
    advice: str = ""


def examine() -> list[Check]:
    """Runs all checks, the slow ones (compilation, a local Ray) last."""
    return [
        _python(),
        *map(_package, PACKAGES),
        _brian(),
        *map(_extra, extras()),
        _memory(),
        _shared_memory(),
        _writable("runs folder", Path.cwd(), "choose another with --out"),
        _writable("temporary folder", Path(tempfile.gettempdir()), "set TMPDIR to another"),
        *_listening(),
        _guarded("emulator", _emulator, "reinstall with: pip install --force-reinstall spikeloop"),
        _guarded("local Ray", _ray, "until that is mended, runs work with --inline"),
    ]


def _python() -> Check:
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", "ok", version)
    return Check("python", "broken", version, "use Python 3.11, 3.12 or 3.13")


def _package(name: str) -> Check:
    try:
        return Check(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, "broken", "not installed", f"pip install {name}")


def _extra(extra: Extra) -> Check:
    """Say what is installed of an optional extra, and what it is for."""
    name, versions = f"extra {extra.name}", [f"{n} {v}" for n, v in extra.versions.items()]
    if not extra.missing:
        found = ", ".join(versions) if len(versions) < MANY else f"all {len(versions)} packages"
        return Check(name, "ok", f"{found}; for {extra.purpose}")
    lacking = f"without {', '.join(extra.missing)}" if versions else "not installed"
    advice = f"pip install '{NAME}[{extra.name}]'"
    return Check(name, "absent", f"{lacking}; for {extra.purpose}", advice)


def _brian() -> Check:
    if util.find_spec("brian2") is None:
        advice = "pip install 'spikeloop[brian]' for Brian2 networks; nothing else needs it"
        return Check("brian2", "warning", "not installed", advice)
    from spikeloop.workers.base import Unavailable
    from spikeloop.workers.brian.simulator import brian2
    from spikeloop.workers.brian.targets import cache_folder, require_target

    found = metadata.version("brian2")
    try:
        brian2()
    except Unavailable as error:
        return Check("brian2", "warning", found, str(error))
    try:
        require_target("cython")
    except Unavailable as error:
        return Check("brian2", "ok", f"{found}, target numpy only; {error}")
    return Check("brian2", "ok", f"{found}, all targets; modules are kept in {cache_folder()}")


def _memory() -> Check:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return Check("memory", "warning", "unknown on this system")
    gib = kib / 2**20
    if gib < MIN_MEMORY_GIB:
        advice = f"free some: a local Ray needs about {MIN_MEMORY_GIB:.0f} GiB; or use --inline"
        return Check("memory", "warning", f"{gib:.1f} GiB available", advice)
    return Check("memory", "ok", f"{gib:.1f} GiB available, {os.cpu_count()} cores")


def _shared_memory() -> Check:
    folder = Path("/dev/shm")
    if not folder.exists():
        return Check("shared memory", "ok", "not used on this system")
    mib = shutil.disk_usage(folder).free / 2**20
    if mib < 256:
        advice = "give the container more, for example --shm-size 512m; Ray is slow without it"
        return Check("shared memory", "warning", f"{mib:.0f} MiB free in {folder}", advice)
    return Check("shared memory", "ok", f"{mib:.0f} MiB free in {folder}")


def _writable(name: str, folder: Path, advice: str) -> Check:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(name, "warning", f"{folder}: {error.strerror}", advice)
    gib = shutil.disk_usage(folder).free / 2**30
    return Check(name, "ok", f"{folder}, {gib:.0f} GiB free")


def _listening() -> list[Check]:
    """A finding for each Ray cluster that others can get into, or that all is closed."""
    from spikeloop.cluster.ray_backend.open_ports import clusters

    found = clusters()
    ports = [_reachable(cluster) for cluster in found if cluster.public]
    if hidden := ", ".join(cluster.session for cluster in found if cluster.hidden):
        ports.append(Check("open ports", "ok", f"unknown of another user's Ray: {hidden}"))
    closed = Check("open ports", "ok", "no Ray process on this machine listens beyond 127.0.0.1")
    return [*(ports or [closed]), *_folders(found)]


def _folders(found: "list[ExposedCluster]") -> list[Check]:
    from spikeloop.cluster.ray_backend.exposure import ADVICE, open_to_others

    open_ = [one.folder for one in found if one.folder is not None and open_to_others(one.folder)]
    closed = "other accounts can write into the folder of no Ray cluster on this machine"
    return [
        Check(
            "open folder",
            "warning",
            f"other accounts of this machine can write into {folder} and so run code on the Ray "
            "cluster that works there",
            f"start it in a folder of its own: {ADVICE}",
        )
        for folder in open_
    ] or [Check("open folder", "ok", closed)]


def _reachable(cluster: "ExposedCluster") -> Check:
    ports = f"Ray's {cluster} can be reached from other machines"
    if cluster.token:
        advice = (
            "tokens travel in plain text: let a firewall or VPN keep strangers from these ports"
        )
        return Check("open ports", "ok", f"{ports}, with a token", advice)
    without = (
        "without a token, so everyone who reaches them can run code here"
        if cluster.token is False
        else "whether a token is needed is unknown, as it has no dashboard here"
    )
    advice = "start it with RAY_AUTH_MODE=token, or let a firewall close these ports"
    return Check("open ports", "warning", f"{ports}, {without}", advice)


def _emulator() -> str:
    from spikeloop.coordinator.config.load import parse
    from spikeloop.workers.evaluate import evaluate

    started = time.perf_counter()
    result = evaluate(warm_up_job(parse(EXAMPLE, "doctor", Path.cwd())))
    if result.failures:
        raise RuntimeError(result.failures[0].message)
    return f"an episode of 100 steps run, {time.perf_counter() - started:.1f} s with compilation"


def _ray() -> str:
    from spikeloop.coordinator.config.load import parse

    importlib.import_module("ray")
    config = parse(EXAMPLE, "doctor", Path.cwd())
    started = time.perf_counter()
    with config.target.open([warm_up_job(config)], StopSignal(), None) as pool:
        return f"{pool.description}; ready after {time.perf_counter() - started:.1f} s"


def _guarded(name: str, check: Callable[[], str], advice: str) -> Check:
    try:
        return Check(name, "ok", check())
    except (PoolError, ImportError, OSError, RuntimeError) as error:
        return Check(name, "broken", " ".join(str(error).split()), advice)
