"""Reads a run folder as it grows: each file once, whether or not another process writes it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.scores import held_out_of
from spikeloop.coordinator.store.commit_order import due
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST, is_comparison, is_sweep
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.schemas import FAILURES
from spikeloop.coordinator.watch.run_plan import RunPlan

REQUIRED = (
    *("generation", "finished", "best", "mean", "n_episodes", "total_episodes"),
    *("wall_s", "work_s", "overhead_s", "retries", *FAILURES),
)
KEPT = (
    *(*REQUIRED, "epoch", "stopped"),
    *("held_out_score", "held_out_low", "held_out_high", "held_out_tasks"),
)
"""Columns that are kept of every generation; of the last generation all are."""

DRAWING_S = 60.0
"""Figures are drawn within this time after the transfer."""

Row: TypeAlias = Mapping[str, Any]
Signature: TypeAlias = tuple[int, int] | None


@dataclass(frozen=True)
class _Commit:
    """The rows of generations that were committed together, or why they cannot be read."""

    state: Signature
    rows: tuple[Row, ...] = ()
    problem: str = ""


class RunReader:
    """What has been read of a run folder.

    Attributes:
        comparison: the folder of the comparison that the run is a search of; None for other runs.
        sweep: the folder of the sweep that it is a run of; None for other runs.
        generation: the last one that was read; -1 before the state before the search.
        unread: committed generations that were not read yet.
        last: the row of the last generation with all its columns; empty before the first.
        before: the held-out score before the search, where it was measured.
        began_s: when the state before the search was committed, in seconds since 1970; 0 before.

    Raises:
        ConfigError: the folder holds no run, is damaged, or is of another schema version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open()
        above = folder.resolve().parents[:4]
        self.comparison = next((f for f in above if is_comparison(f)), None)
        self.sweep = next((f for f in above if is_sweep(f)), None)

    def _open(self) -> None:
        self._manifest = _signature(self.folder / RUN_MANIFEST)
        self._store = RunStore.open(self.folder)
        self._commits: dict[int, _Commit] = {}
        self._initial: Signature = None
        self.plan = RunPlan(self._store.manifest(), str(self.folder / RUN_MANIFEST))
        self.generation = -1
        self.unread = 0
        self.last: Row = {}
        self.before: Interval | None = None

    def poll(self, limit_s: float = float("inf")) -> None:
        """Read what is new, and forget generations that were taken back or replaced.

        Args:
            limit_s: seconds after which the rest is left for the next time.

        Raises:
            ConfigError: the run was removed, or its ``run.json`` is damaged.
        """
        until = time.monotonic() + limit_s
        if _signature(self.folder / RUN_MANIFEST) != self._manifest:
            self._open()  # another run of the same name
        states = {number: _signature(path) for path, number in self._store.states()}
        committed = max(states, default=-1)
        due_now = [n for n in due(states, self.plan.commit_every, committed) if n > 0]
        read = {n: c for n, c in self._commits.items() if n in due_now and c.state == states.get(n)}
        self._commits = read
        for number in due_now:
            if number not in read:
                read[number] = self._read(number, states.get(number))
                if time.monotonic() > until:
                    break
        self.generation = min(committed, max(read, default=0))
        self.unread = committed - self.generation
        if states.get(0) != self._initial:
            self._initial, self.before = states.get(0), self._held_out_before()
        self.last = self._last_row()

    @property
    def began_s(self) -> float:
        """When the state before the search was committed, seconds since 1970; 0 if it is not."""
        return self._initial[1] / 1e9 if self._initial else 0.0

    @property
    def rows(self) -> list[Row]:
        """The generations that could be read, in order, with the columns of ``KEPT``."""
        return [row for number in sorted(self._commits) for row in self._commits[number].rows]

    @property
    def problems(self) -> list[str]:
        """One line for each file that could not be read."""
        return [commit.problem for commit in self._commits.values() if commit.problem]

    @property
    def transfer_path(self) -> Path:
        """The file of the transfer that ends the run, which may not be there yet."""
        return self._store.part_path("transfer", self.plan.transfer_seed)

    def transfer_table(self) -> Any:
        """Read that file; ConfigError if it is damaged."""
        return self._store.read_part(self.transfer_path)

    def figures_drawn(self) -> bool:
        """Whether the figures were drawn after the transfer, or will not come any more.

        A comparison's search has none, and files copied from elsewhere may come in any order.
        """
        try:
            written_s = self.transfer_path.stat().st_mtime
            if time.time() > written_s + DRAWING_S:
                return True
            return (self.folder / "figures" / "learning.png").stat().st_mtime >= written_s
        except OSError:
            return not self.transfer_path.exists()

    def race_over(self) -> bool:
        """Whether the race for being deployed has ended."""
        return any((self.folder / "finalists").glob("part-*.parquet"))

    def _read(self, generation: int, state: Signature) -> _Commit:
        path = self._store.part_path("generations", generation)
        try:
            table = self._store.read_part(path)
            found = table.select([n for n in KEPT if n in table.column_names]).to_pylist()
            rows = [{**dict.fromkeys(KEPT), **row} for row in found]
            if any(row[name] is None for row in rows for name in REQUIRED):
                raise ConfigError(f"{path}: damaged: a number is missing")
            if not rows or rows[-1]["generation"] != generation:
                raise ConfigError(f"{path}: damaged: it holds other generations")
        except ConfigError as error:
            return _Commit(state, problem=str(error))
        return _Commit(state, tuple(rows))

    def _last_row(self) -> Row:
        rows = self.rows
        try:
            return self._store.row(rows[-1]["generation"]) if rows else {}
        except ConfigError:  # removed or damaged since
            return rows[-1]

    def _held_out_before(self) -> Interval | None:
        try:
            episodes = self._store.read_part(self._store.part_path("curves", 0)).to_pandas()
            return held_out_of(episodes, self.plan.seed, 0)
        except (ConfigError, KeyError):
            return None


def _signature(path: Path) -> Signature:
    """Inode and modification time, which change whenever a file is published again."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns)
