"""One disturbed run: started, struck, resumed as a user would, until it is done or out of time."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from chaos.plan import START, Strike
from chaos.sandbox import Sandbox
from spikeloop.coordinator.store.run_store import RunStore

SPIKELOOP = str(Path(sys.executable).with_name("spikeloop"))
RUN_LIMIT_S = 600.0
MAX_ENDS = 12
TICK_S = 0.01
DUMP = ("*** ", "StackTrace", "Stack trace", " C  ", "@   ", "@  ", "Check failed", "Traceback")
"""What begins lines that are no message to a user."""


@dataclass
class End:
    """How a coordinator ended.

    Attributes:
        code: as ``subprocess`` has it; negative for a signal.
        lines: of its standard error.
        dumped: whether they hold a stack.
        last: the last of them.
        at: seconds since the epoch.
        generation: the last committed one then.
        left: processes that were still there.
        left_s: seconds until they were gone; None while they are there.
    """

    code: int
    lines: int
    dumped: bool
    last: str
    at: float
    generation: int
    left: list[psutil.Process] = field(repr=False)
    left_s: float | None = None


@dataclass
class Blow:
    """A strike that was made.

    Attributes:
        at: seconds since the epoch.
        generation: the last committed one then.
        recovered_s: seconds from the strike to the next commit, or to the first after the ends.
        ends: of coordinators over it, as far as one can tell.
        overlapped: whether another fault came before the recovery.
    """

    strike: Strike
    at: float
    generation: int
    recovered_s: float | None = None
    ends: list[End] = field(default_factory=list)
    overlapped: bool = False


class Play:
    """The course of one run in its sandbox.

    Args:
        config: TOML file of the run, named after it.
        strikes: what befalls it, in this order.
        faults: what each strike does, given the coordinator; False if that has to wait.
        sandbox: where.
        last: the generation after which no strike waits any longer for a slow one to be seen.

    Attributes:
        folder: the run folder.
        blows: what was struck.
        ends: how its coordinators ended, the last with 0 if all is well.
        wall_s: from the first start to the last end.
        problem: why it was given up; "" if it was not.
    """

    def __init__(
        self,
        config: Path,
        strikes: Sequence[Strike],
        faults: Mapping[str, Callable[[psutil.Process], bool]],
        sandbox: Sandbox,
        last: int = 0,
    ) -> None:
        self.folder = sandbox.disk / config.stem
        self.blows: list[Blow] = []
        self.ends: list[End] = []
        self.wall_s = 0.0
        self.problem = ""
        self._sandbox = sandbox
        self._pending = list(strikes)
        self._faults = faults
        self._config = config
        self._last = last
        self._log = sandbox.folder / "stderr"

    @property
    def missed(self) -> list[Strike]:
        """Strikes for which the run left no time."""
        return self._pending

    def run(self) -> None:
        """Plays to the end; what happened is in the attributes."""
        started = time.monotonic()
        coordinator = self._start()
        while True:
            if coordinator.poll() is not None:
                self._note_end(coordinator.returncode)
                if coordinator.returncode == 0:
                    break
                self._sandbox.free_disk()
                coordinator = self._start()
            if time.monotonic() - started > RUN_LIMIT_S or len(self.ends) > MAX_ENDS:
                self.problem = f"not done after {RUN_LIMIT_S:g} s or {MAX_ENDS} ends"
                break
            if self._pending and self._due(self._pending[0]):
                self._strike(coordinator)
                if self.problem:
                    break
            self._note_recovery()
            self._note_leavers()
            time.sleep(TICK_S)
        self._note_recovery(done=True)
        self.wall_s = time.monotonic() - started

    def _start(self) -> subprocess.Popen[bytes]:
        """What a user does: resumes a run that there is, else starts it."""
        if (self.folder / "run.json").exists():
            arguments = ["resume", str(self.folder), "--trust"]
        else:
            arguments = ["run", str(self._config), "--out", str(self._sandbox.disk)]
        self._started_at = time.time()
        with open(self._log, "wb") as errors, open(self._log.with_name("stdout"), "ab") as output:
            return subprocess.Popen(
                self._sandbox.confined([SPIKELOOP, *arguments]),
                env=self._sandbox.environment,
                cwd=self._sandbox.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

    def _due(self, strike: Strike) -> bool:
        now = time.time()
        if strike.after is None:
            return now - self.blows[-1].at >= strike.delay_s
        if self.blows and self.blows[-1].recovered_s is None:
            waits = self.blows[-1].strike.slow and not self.blows[-1].ends
            if not waits or self._generation() <= self._last:
                return False
        if strike.after == START:
            return now - self._started_at >= strike.delay_s
        committed = self._committed_at(strike.after)
        return committed is not None and now - committed >= strike.delay_s

    def _strike(self, coordinator: subprocess.Popen[bytes]) -> None:
        strike = self._pending[0]
        at, generation = time.time(), self._generation()
        try:
            if not self._faults[strike.fault](psutil.Process(coordinator.pid)):
                return
        except psutil.NoSuchProcess:
            return
        except RuntimeError as error:
            self.problem = f"{strike.fault} had no effect: {error}"
        del self._pending[0]
        for blow in self.blows:
            blow.overlapped |= blow.recovered_s is None
        overlaps = any(blow.recovered_s is None for blow in self.blows)
        self.blows.append(Blow(strike, at, generation, overlapped=overlaps))

    def _note_end(self, code: int) -> None:
        lines = self._log.read_text(errors="replace").splitlines()
        end = End(
            code,
            len(lines),
            any(line.startswith(DUMP) for line in lines),
            lines[-1] if lines else "",
            time.time(),
            self._generation(),
            self._sandbox.processes(),
        )
        self.ends.append(end)
        if code == 0:
            return
        # An end without a fault to recover from is a late effect of the last one.
        over = [blow for blow in self.blows if blow.recovered_s is None] or self.blows[-1:]
        for blow in over:
            blow.ends.append(end)
            blow.recovered_s = None

    def _note_recovery(self, done: bool = False) -> None:
        """Notes what has been recovered from; a slow effect may still come until all is done."""
        for blow in self.blows:
            if blow.recovered_s is None and (blow.ends or not blow.strike.slow or done):
                before = max(blow.generation, *(end.generation for end in blow.ends), START)
                committed = self._committed_at(before + 1)
                if committed is not None:
                    blow.recovered_s = committed - blow.at

    def _note_leavers(self) -> None:
        for end in self.ends:
            if end.left_s is None and not any(process.is_running() for process in end.left):
                end.left_s = time.time() - end.at

    def _generation(self) -> int:
        return RunStore(self.folder).generation()

    def _committed_at(self, generation: int) -> float | None:
        try:
            return (self.folder / "state" / f"{generation:06d}.npz").stat().st_mtime
        except FileNotFoundError:
            return None
