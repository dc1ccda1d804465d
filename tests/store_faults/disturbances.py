"""What is done to a run, and what must hold afterwards: a scenario each, for ``problems``."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, TypeAlias

from support.small_run import assert_same_contents

from store_faults.crash_points import (
    FOLDER,
    RESUME,
    RUN,
    VERIFY,
    PowerCut,
    begun,
    last_durable,
    spikeloop,
)
from store_faults.file_operations import Fault, Operation
from store_faults.power_cut import Disk, write_tree
from store_faults.warm import Child, Ended

NEW_MOUNTS, NEW_USERS = 0x00020000, 0x10000000
"""CLONE_NEWNS and CLONE_NEWUSER of Linux."""

Scenario: TypeAlias = Callable[[Any, Path], None]
"""Does something to a run in a folder at a point, and checks what must hold."""
Problems: TypeAlias = Callable[[Scenario, list[Any]], list[str]]
"""Tells what goes wrong if a scenario is played at each of some points."""


def problems(processes: Pool, place: Path, scenario: Scenario, points: Sequence[Any]) -> list[str]:
    """What goes wrong if a scenario is played at each of the points, in a folder of its own."""
    tasks = [(scenario, point, place) for point in points]
    return [problem for problem in processes.starmap(_problem, tasks, chunksize=1) if problem]


def _problem(scenario: Scenario, point: Any, place: Path) -> str:
    folder = Path(tempfile.mkdtemp(dir=place))
    try:
        scenario(point, folder)
    except Exception:
        return f"{point}: {traceback.format_exc(limit=-2)}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # all but what is mounted there
    return ""


def killed(faults: Sequence[Fault], folder: Path) -> None:
    """A run is killed at the first fault, when it is resumed at the second, and so on."""
    for fault in faults:
        ended = spikeloop(_go_on(folder), folder, fault)
        ended_before = fault is not faults[0] and ended.status == 0
        assert ended.status == -signal.SIGKILL or ended_before, ended
        assert_verifies(folder)
    recover(folder)


def power_lost(operations: Sequence[Operation], cut: PowerCut, folder: Path) -> None:
    """A computer loses power in the middle of a run."""
    done = operations[: cut.at]
    write_tree(Disk().do(done).after_cut(cut.survival), folder)
    committed = last_durable(done)
    assert generation(folder) >= committed, f"generation {committed} was committed and is lost"
    assert_verifies(folder)
    recover(folder)


def failing(fault: Fault, folder: Path) -> None:
    """An operation of a run fails."""
    ended = spikeloop(RUN, folder, fault)
    assert fault.error is not None
    assert_one_line(ended, folder, os.strerror(fault.error))
    assert_verifies(folder)
    recover(folder)


def own_mounts() -> None:
    """Let this process mount disks which nobody else sees; OSError if it may not."""
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.geteuid(), os.getegid()
    if libc.unshare(NEW_MOUNTS) != 0:
        if libc.unshare(NEW_MOUNTS | NEW_USERS) != 0:
            raise OSError(ctypes.get_errno(), "this process may not have mounts of its own")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True, capture_output=True)


def disk_full(size_kib: int, folder: Path) -> None:
    """A run on a real disk that is too small; afterwards the disk grows."""
    own_mounts()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder)], check=True
    )
    ended = spikeloop(RUN, folder)
    assert_one_line(ended, folder, "No space left on device")
    assert_verifies(folder)
    subprocess.run(["mount", "-o", "remount,size=4m", str(folder)], check=True)
    recover(folder)


def read_only(at: int, folder: Path) -> None:
    """A run is killed at an operation, and its disk can be read only for a while."""
    assert spikeloop(RUN, folder, Fault(at)).status == -signal.SIGKILL
    own_mounts()
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    ended = spikeloop(_go_on(folder), folder)
    assert_one_line(ended, folder, "Read-only file system")
    assert_verifies(folder)
    if generation(folder) >= 1:
        report = folder.with_suffix(".html")
        ended = spikeloop(("report", FOLDER, "--out", str(report)), folder)
        assert ended.status == 0, ended
        assert report.read_text().rstrip().endswith("</html>")
        report.unlink()
        # Without --out the page belongs into the run's folder.
        ended = spikeloop(("report", FOLDER), folder)
        assert ended.status in (2, 3), ended
        assert ended.errors.count("\n") == 1, ended
        assert f"{FOLDER}/" in ended.errors, ended
    subprocess.run(["umount", str(folder)], check=True)
    recover(folder)


def raced(at: int, folder: Path) -> None:
    """Three coordinators begin to write together; at 0 anew, else to resume what was killed."""
    if at:
        assert spikeloop(RUN, folder, Fault(at)).status == -signal.SIGKILL
    resumed = _go_on(folder) == RESUME
    halted = Fault(0, signal=signal.SIGSTOP)
    coordinators = [begun(_go_on(folder), folder, halted) for _ in range(3)]
    for coordinator in coordinators:
        wait_for_halt(coordinator)
    for coordinator in coordinators:
        os.kill(coordinator.process, signal.SIGCONT)
    ended = [coordinator.ended() for coordinator in coordinators]
    won = [one for one in ended if one.status == 0]
    # Whoever comes to resume a run that has just ended may do so.
    assert len(won) >= 1 if resumed else len(won) == 1, ended
    for one in ended:
        if one.status != 0:
            assert_refused(one)
    recover(folder)


def wait_for_halt(coordinator: Child) -> None:
    """Wait until a coordinator stands before its operation."""
    _, status = os.waitpid(coordinator.process, os.WUNTRACED)
    assert os.WIFSTOPPED(status), coordinator.ended()


def joined(at: int, folder: Path) -> None:
    """While one coordinator stands before an operation, others come."""
    first = begun(RUN, folder, Fault(at, signal=signal.SIGSTOP))
    wait_for_halt(first)
    there = (folder / FOLDER).exists()
    working = (folder / FOLDER / ".lock").exists()
    again = spikeloop(RUN, folder)
    resumed = spikeloop(RESUME, folder)
    scored = spikeloop(("transfer", FOLDER, "--inline"), folder)
    os.kill(first.process, signal.SIGCONT)
    ended = first.ended()
    if not there:  # the second was faster
        assert again.status == resumed.status == scored.status == 0, (again, resumed, scored)
        assert_refused(ended)
    else:
        assert_refused(again)
        assert ended.status == 0, ended
        if working:
            assert_refused(resumed)
            assert_refused(scored)
    recover(folder)


# --- what must hold ---------------------------------------------------------------------------


def _go_on(folder: Path) -> Sequence[str]:
    """How a user goes on: from the start if there is no run folder."""
    return RESUME if (folder / FOLDER).exists() else RUN


def assert_one_line(ended: Ended, folder: Path, reason: str) -> None:
    """A line of what, where, how to mend; exit code 3, or 2 if no run folder could be made."""
    there = (folder / FOLDER).exists()
    assert ended.status == (3 if there else 2), ended
    way = f"spikeloop resume {FOLDER}" if there else "choose another with --out"
    assert re.fullmatch(rf"spikeloop: out\S*: .*{reason}.*; .*{way}\n", ended.errors), ended


def assert_refused(ended: Ended) -> None:
    """Exit code 2 and one line that names the folder."""
    assert ended.status == 2, ended
    assert re.fullmatch(rf"spikeloop: {FOLDER}: .+\n", ended.errors), ended


def assert_verifies(folder: Path) -> None:
    """``verify`` finds no problem, and says so if something is still to come."""
    ended = spikeloop(VERIFY, folder)
    if not (folder / FOLDER).exists():
        assert ended.status == 2, ended
        return
    assert ended.status == 0, ended
    complete = any((folder / FOLDER / "transfer").glob("part-*.parquet"))
    assert ("unfinished" in ended.output) == (not complete), ended


def verified(folder: Path) -> str:
    """What ``verify`` finds wrong with a run that is complete; "" if nothing."""
    ended = spikeloop(VERIFY, folder)
    return "" if ended.status == 0 and "unfinished" not in ended.output else str(ended)


def recover(folder: Path) -> None:
    """The run goes on to the bits of an undisturbed one."""
    committed = generation(folder)
    ended = spikeloop(_go_on(folder), folder)
    assert (ended.status, ended.errors) == (0, ""), ended
    assert generation(folder) >= committed
    undisturbed = folder.parent / "undisturbed"
    names = [
        sorted(path.relative_to(run / FOLDER).as_posix() for path in (run / FOLDER).rglob("*"))
        for run in (folder, undisturbed)
    ]
    assert names[0] == names[1]
    assert_same_contents(folder / FOLDER, undisturbed / FOLDER)
    assert _config(folder) == _config(undisturbed)


def generation(folder: Path) -> int:
    """The last generation in a folder; -1 if there is none, or no run."""
    states = (folder / FOLDER / "state").glob("[0-9]*.npz")
    return max((int(path.stem) for path in states), default=-1)


def _config(folder: Path) -> Any:
    return json.loads((folder / FOLDER / "run.json").read_text())["config"]
