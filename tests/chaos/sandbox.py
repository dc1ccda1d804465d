"""Where one disturbed run happens: its own disk and memory, and nothing of it left behind."""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from chaos.stretched import MARKER

DISK = "24m"
SHARED_MEMORY = "1g"
MEMORY_BYTES = 3_000_000_000
"""Ray itself takes about 1 GB of it."""


class Sandbox:
    """A folder whose disk can be filled and whose processes can be found.

    With the rights to do so the folder ``disk`` is a small file system of its own, the processes
    have a ``/dev/shm`` of their own, and share a control group that is a small machine to Ray's
    memory monitor.

    Args:
        folder: to be made.
        limited: whether disk and memory are small.
        prefix: of every command.

    Attributes:
        folder: short, because Ray puts sockets below it.
        disk: what the run writes to.
        temporary: the processes' folder for temporary files.
        marks: the learner's.
        shared_memory: what the processes see as ``/dev/shm``, if memory is limited.
        environment: what the run's processes are told and found by.
    """

    def __init__(self, folder: Path, limited: bool, prefix: Sequence[str] = ()) -> None:
        self.folder = folder
        self.disk, self.temporary, self.marks = (folder / n for n in ("disk", "tmp", "marks"))
        self.shared_memory = folder / "shm"
        self.limited = limited
        self._prefix = prefix
        self._group = _own_group() / f"chaos-{os.getpid()}-{folder.name}"
        self.environment = {**os.environ, MARKER: str(self.marks), "TMPDIR": str(self.temporary)}

    def __enter__(self) -> Self:
        for path in (self.disk, self.temporary, self.marks, self.shared_memory):
            path.mkdir(parents=True)
        if self.limited:
            for path, size in ((self.disk, DISK), (self.shared_memory, SHARED_MEMORY)):
                _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
            self._group.mkdir()
            (self._group / "memory.limit_in_bytes").write_text(str(MEMORY_BYTES))
        return self

    def __exit__(self, *error: object) -> None:
        left = self.processes()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=10)
        if self.limited:
            for path in (self.disk, self.shared_memory):
                _run("umount", "--lazy", str(path))
            _remove_group(self._group)
        shutil.rmtree(self.folder, ignore_errors=True)

    def confined(self, command: Sequence[str]) -> list[str]:
        """The command behind the prefix, with its own memory as all there is to see."""
        if not self.limited:
            return [*self._prefix, *command]
        script = (
            'mount --bind "$0" /sys/fs/cgroup/memory && mount --bind "$1" /dev/shm && shift && '
            'echo $$ > /sys/fs/cgroup/memory/cgroup.procs && exec "$@"'
        )
        memory = [str(self._group), str(self.shared_memory)]
        return ["unshare", "--mount", "sh", "-c", script, *memory, *self._prefix, *command]

    def processes(self) -> list[psutil.Process]:
        """All processes of this run, whatever their parent is by now."""
        return processes_of(str(self.marks), self.folder)

    def fill_disk(self) -> None:
        """Leaves no byte free."""
        with suppress(OSError), open(self.disk / "ballast", "ab") as ballast:
            while True:
                ballast.write(b"\0" * 65536)
                ballast.flush()

    def free_disk(self) -> None:
        """Takes the ballast away, if there is any."""
        (self.disk / "ballast").unlink(missing_ok=True)

    def litter(self) -> list[str]:
        """What the run left in folders for temporary files and, where it has its own, in memory."""
        found = [*self.temporary.glob("spikeloop-*"), *self.shared_memory.iterdir()]
        return sorted(map(str, found))


def processes_of(mark: str, folder: Path) -> list[psutil.Process]:
    """The living processes that inherited this value of the marker, or work below the folder.

    Both, because a process that gives itself a title, as Ray's do, writes it over the beginning of
    what it shows of its environment.
    """
    wanted = f"{MARKER}={mark}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, psutil.NoSuchProcess):
            where = Path(os.readlink(entry / "cwd").removesuffix(" (deleted)"))
            if where.is_relative_to(folder) or wanted in (entry / "environ").read_bytes():
                found.append(psutil.Process(int(entry.name)))
    return found


def may_be_limited() -> bool:
    """Whether this process may mount file systems and make control groups with a memory limit."""
    if os.geteuid() != 0 or not Path("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists():
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def _own_group() -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return Path("/sys/fs/cgroup/memory") / path.lstrip("/")
    return Path("/sys/fs/cgroup/memory")


def _remove_group(group: Path) -> None:
    """Removes an empty control group, which its last zombies may hold for a moment."""
    until = time.monotonic() + 30.0
    while time.monotonic() < until:
        try:
            group.rmdir()
            return
        except OSError:
            time.sleep(0.1)
    print(f"  control group {group} cannot be removed", flush=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=60)


def wait_until_gone(processes: Sequence[psutil.Process], limit_s: float) -> float | None:
    """Seconds until all have ended; None if some do not."""
    started = time.monotonic()
    _, alive = psutil.wait_procs(list(processes), timeout=limit_s)
    return None if alive else time.monotonic() - started
