"""The faults: what each does to a run's processes, and how it is seen to have been done.

Each function returns False if there is nothing to strike at this moment; it is then asked again.
An effect that fails to appear is an error of the chaos, not of the run, and raises.
"""

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
from numpy.random import Generator

from chaos.sandbox import Sandbox
from chaos.stretched import HUNGRY

EFFECT_S = 15.0
PAUSE_S = 3.0
SECONDS = f"{PAUSE_S:g} s"

NO_WORKERS = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Ray names a worker after its class or its job; these are its other children of that kind."""


@dataclass(frozen=True)
class Victim:
    """A coordinator at work, and a generator for the choice among its processes."""

    coordinator: psutil.Process
    sandbox: Sandbox
    rng: Generator

    def server(self, name: str) -> list[psutil.Process]:
        """The ``raylet`` or ``gcs_server`` of this coordinator, if it is there."""
        with suppress(psutil.NoSuchProcess):
            for process in self.coordinator.children(recursive=True):
                if _alive(process) and process.name() == name:
                    return [process]
        return []

    def workers(self) -> list[psutil.Process]:
        """The processes that run episodes, in a random order."""
        found = []
        began = self.coordinator.create_time()
        for process in self.sandbox.processes():  # workers may outlive the raylet, their parent
            with suppress(psutil.NoSuchProcess):
                title = "".join(process.cmdline()[:1])
                runs = title.startswith("ray::") and title not in NO_WORKERS
                if runs and process.create_time() > began:
                    found.append(process)
        self.rng.shuffle(found)
        return found


def kill_two_workers(victim: Victim) -> bool:
    workers = victim.workers()
    return len(workers) >= 2 and _kill(workers[:2])


def kill_starting_worker(victim: Victim) -> bool:
    """Kills a worker, and then the process that is to replace it as soon as that exists."""
    raylets, workers = victim.server("raylet"), victim.workers()
    if not raylets or not workers:
        return False
    until = time.monotonic() + EFFECT_S
    with suppress(psutil.NoSuchProcess):  # another fault may have struck the raylet
        known = set(raylets[0].children())
        _kill(workers[:1])
        while time.monotonic() < until:
            if starting := set(raylets[0].children()) - known:
                return _kill(list(starting)[:1])
            time.sleep(0.005)
    return False


def starve_worker(victim: Victim) -> bool:
    """Tells the next episode to allocate until Ray's memory monitor, or the kernel, kills it."""
    if not victim.workers():
        return False
    mark = victim.sandbox.marks / HUNGRY
    mark.touch()
    _await(
        lambda: not mark.exists() or not victim.coordinator.is_running(), "no episode ate memory"
    )
    return True


def fill_disk(victim: Victim) -> bool:
    """Until the run has ended over it; a resume makes room first."""
    victim.sandbox.fill_disk()
    return True


@dataclass(frozen=True)
class Fault:
    """One row of the table.

    Attributes:
        strike: does it.
        words: for people.
        limited: whether it needs a disk and a memory of its own.
        slow: whether the coordinator may go on for a while before it ends over it.
    """

    strike: Callable[[Victim], bool]
    words: str
    limited: bool = False
    slow: bool = False


FAULTS: dict[str, Fault] = {
    "worker": Fault(lambda v: _kill(v.workers()[:1]), "kill -9 of a worker"),
    "two_workers": Fault(kill_two_workers, "kill -9 of both workers at once"),
    "starting_worker": Fault(kill_starting_worker, "kill -9 of a worker, and of the one starting"),
    # Only the job's deadline ends this.
    "worker_stopped": Fault(lambda v: _stop(v.workers()[:1]), "SIGSTOP of a worker, for good"),
    "worker_paused": Fault(lambda v: _pause(v.workers()[:1]), f"SIGSTOP of a worker, {SECONDS}"),
    "memory": Fault(starve_worker, "a worker out of memory", limited=True),
    "raylet": Fault(lambda v: _kill(v.server("raylet")), "kill -9 of the raylet", slow=True),
    "raylet_paused": Fault(
        lambda v: _pause(v.server("raylet")), f"SIGSTOP of the raylet, {SECONDS}"
    ),
    "gcs": Fault(lambda v: _kill(v.server("gcs_server")), "kill -9 of the GCS", slow=True),
    "gcs_paused": Fault(lambda v: _pause(v.server("gcs_server")), f"SIGSTOP of the GCS, {SECONDS}"),
    "coordinator": Fault(lambda v: _kill([v.coordinator]), "kill -9 of the coordinator"),
    "coordinator_paused": Fault(
        lambda v: _pause([v.coordinator]), f"SIGSTOP of the coordinator, {SECONDS}"
    ),
    "sigterm": Fault(
        lambda v: _signal([v.coordinator], signal.SIGTERM), "SIGTERM to the coordinator"
    ),
    "sigint": Fault(lambda v: _signal([v.coordinator], signal.SIGINT), "SIGINT to the coordinator"),
    "disk": Fault(fill_disk, "full disk", limited=True),
}


def _kill(processes: list[psutil.Process]) -> bool:
    if not _signal(processes, signal.SIGKILL):
        return False
    _await(lambda: not any(map(_alive, processes)), f"{processes} outlived SIGKILL")
    return True


def _stop(processes: list[psutil.Process]) -> bool:
    if not _signal(processes, signal.SIGSTOP):
        return False
    _await(lambda: not any(map(_runs, processes)), f"{processes} outran SIGSTOP")
    return True


def _pause(processes: list[psutil.Process]) -> bool:
    if not _stop(processes):
        return False
    time.sleep(PAUSE_S)
    _signal(processes, signal.SIGCONT)
    return True


def _signal(processes: list[psutil.Process], number: signal.Signals) -> bool:
    """Whether at least one of the processes was there to get it."""
    reached = False
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
            reached = True
    return reached


def _alive(process: psutil.Process) -> bool:
    return _status(process) not in (None, psutil.STATUS_ZOMBIE)


def _runs(process: psutil.Process) -> bool:
    return _status(process) not in (None, psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED)


def _status(process: psutil.Process) -> Any:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return None


def _await(reached: Callable[[], bool], complaint: str) -> None:
    until = time.monotonic() + EFFECT_S
    while not reached():
        if time.monotonic() > until:
            raise RuntimeError(complaint)
        time.sleep(0.005)
