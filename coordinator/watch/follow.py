"""A run folder followed as it grows: each file is read once, whoever else writes meanwhile."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import nan
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.stats.scores import Estimate, held_out_score
from spikeloop.coordinator.store.commit_order import due
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.schemas import FAILURES
from spikeloop.coordinator.watch.plan import Plan, plan

NUMBERS = (
    "best",
    "mean",
    "n_episodes",
    "total_episodes",
    "wall_s",
    "work_s",
    "overhead_s",
    "retries",
    *FAILURES,
)
"""Columns of every generation that are numbers."""

DRAWING_S = 60.0
"""Longer than figures take."""

HELD_OUT = ("held_out_score", "held_out_low", "held_out_high")

KEPT = (
    *("generation", "epoch", "stopped", "finished", *NUMBERS),
    *HELD_OUT,
    "held_out_tasks",
)
"""Columns that are kept of all generations; of the last one all are."""

Row: TypeAlias = Mapping[str, Any]
Signature: TypeAlias = tuple[int, int]
NOTHING: Signature = (0, 0)


@dataclass(frozen=True)
class _Seen:
    """What was committed together; no rows if their file cannot be read, but the reason.

    Attributes:
        generation: the last one.
        signature: of its state.
    """

    generation: int
    signature: Signature
    rows: tuple[Row, ...]
    problem: str = ""


class Follower:
    """Reads what is new in a run folder.

    Args:
        folder: of the run.

    Attributes:
        comparison: the folder of the comparison that the run is a search of; None for other runs.
        plan: of the run.
        generation: the last one that was read; -1 before the state before the search.
        unread: committed generations that were not read yet.
        last: the row of the last generation with all its columns; empty before the first.
        before: the held-out score before the search, where it was measured.

    Raises:
        ConfigError: it is none, is damaged, or is of another schema version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open()
        above = folder.resolve().parents[:4]
        self.comparison = next((f for f in above if (f / "comparison.json").exists()), None)

    def _open(self) -> None:
        self._manifest = _signature(self.folder / "run.json")
        self._store = RunStore.open(self.folder)
        self._seen: list[_Seen] = []
        self._begun: Signature | None = None
        self.plan: Plan = plan(self._store.manifest(), str(self.folder / "run.json"))
        self.generation = -1
        self.unread = 0
        self.last: Row = {}
        self.before: Estimate | None = None

    def poll(self, limit_s: float = float("inf")) -> bool:
        """Reads what came since the last time; generations that were taken back are forgotten.

        Args:
            limit_s: seconds after which to leave the rest for the next time.

        Returns:
            Whether all was read.

        Raises:
            ConfigError: the run was removed, or its ``run.json`` is damaged.
        """
        until = time.monotonic() + limit_s
        if _signature(self.folder / "run.json") != self._manifest:
            self._open()  # another run of the same name
        states = [number for _, number in self._store.states()]
        committed = max(states, default=-1)
        self._forget()
        seen = self._seen[-1].generation if self._seen else 0
        for generation in due(states, self.plan.commit_every, committed):
            if generation > seen:
                self._seen.append(self._read(generation))
                if time.monotonic() > until:
                    break
        self.generation = min(committed, self._seen[-1].generation if self._seen else 0)
        self.unread = committed - self.generation
        begun = _signature(self._store.state_path(0))
        if begun != self._begun:
            self._begun, self.before = begun, self._held_out_before()
        rows = self.rows
        if rows and self.last.get("generation") != rows[-1]["generation"]:
            self.last = self._whole(rows[-1])
        return self.unread == 0

    @property
    def begun(self) -> float:
        """When the state before the search was committed, seconds since 1970; 0 if it is not."""
        return self._begun[1] / 1e9 if self._begun else 0.0

    @property
    def rows(self) -> list[Row]:
        """Of all generations that could be read, in order, with the columns of ``KEPT``."""
        return [row for seen in self._seen for row in seen.rows]

    @property
    def problems(self) -> list[str]:
        """One line for each file that could not be read."""
        return [seen.problem for seen in self._seen if seen.problem]

    def transfer(self) -> Path | None:
        """The file of the transfer that ends the run; None if it is not there yet."""
        path = self._store.part_path("transfer", self.plan.transfer_seed)
        return path if path.exists() else None

    def transfer_episodes(self) -> Any:
        """The table in that file; ConfigError if it is damaged."""
        return self._store.read_part(
            self._store.part_path("transfer", self.plan.transfer_seed)
        ).replace_schema_metadata(None)

    def drawn(self) -> bool:
        """Whether the figures were drawn after the transfer, or will not come any more.

        A comparison's search has none, and what was copied from elsewhere may be in any order.
        """
        figure, transfer = self.folder / "figures" / "learning.png", self.transfer()
        if transfer is None:
            return True
        written_s = transfer.stat().st_mtime
        if time.time() > written_s + DRAWING_S:
            return True
        try:
            return figure.stat().st_mtime >= written_s
        except OSError:
            return False

    def raced(self) -> bool:
        """Whether the points of several generations have raced for being deployed."""
        return any(True for _ in (self.folder / "finalists").glob("part-*.parquet"))

    def _forget(self) -> None:
        """Drops generations whose state has gone or is another: the run went back before them."""
        n = len(self._seen)
        while self._seen:
            now = _signature(self._store.state_path(self._seen[-1].generation))
            if now == self._seen[-1].signature != NOTHING:
                break
            self._seen.pop()
        if len(self._seen) < n:
            self.last = {}

    def _read(self, generation: int) -> _Seen:
        signature = _signature(self._store.state_path(generation))
        path = self._store.part_path("generations", generation)
        try:
            metadata = self._store.footer(path)
            single = metadata.num_rows == 1
            rows = [_only_row(metadata)] if single else _all_rows(self._store.read_part(path))
        except ConfigError as error:
            return _Seen(generation, signature, (), str(error))
        except IndexError:
            return _Seen(generation, signature, (), f"{path}: damaged: it holds something else")
        if not rows or rows[-1]["generation"] != generation or not all(map(_is_sound, rows)):
            problem = f"{path}: damaged: it holds something else"
            return _Seen(generation, signature, (), problem)
        return _Seen(generation, signature, tuple(rows))

    def _whole(self, row: Row) -> Row:
        path = self._store.part_path("generations", row["generation"])
        try:
            whole: Row = self._store.read_part(path).to_pylist()[-1]
        except ConfigError:  # removed or damaged since
            return row
        return whole

    def _held_out_before(self) -> Estimate | None:
        """The held-out score before the search, which no row of a generation has."""
        path = self._store.part_path("curves", 0)
        try:
            episodes = self._store.read_part(path)
            ok = np.array(episodes["status"].to_pylist()) == "ok"
            value = {k: episodes[k].to_numpy() for k in ("return", "random", "optimal")}
        except (ConfigError, KeyError):
            return None
        gain = np.where(ok, value["return"] - value["random"], 0.0)
        span = np.where(ok, value["optimal"] - value["random"], 0.0)
        return held_out_score(gain, span, self.plan.seed, 0)


def _only_row(metadata: Any) -> Row:
    """The columns of ``KEPT`` of a Parquet file with one row, from its metadata.

    The least and the greatest value of each column are the value itself. Reading the columns takes
    four times as long, which is seconds in a run of 10,000 generations.
    """
    row: dict[str, Any] = dict.fromkeys(KEPT)
    columns = metadata.row_group(0)
    for k in range(columns.num_columns):
        name, found = columns.column(k).path_in_schema, columns.column(k).statistics
        if name in row and found is not None and found.has_min_max:
            row[name] = found.min
    if row["held_out_tasks"] is not None:  # measured; there is no least nan
        row |= {name: nan for name in HELD_OUT if row[name] is None}
    return row


def _all_rows(table: Any) -> list[Row]:
    """The columns of ``KEPT`` of all rows of a table."""
    columns = [name for name in KEPT if name in table.column_names]
    return [{**dict.fromkeys(KEPT), **row} for row in table.select(columns).to_pylist()]


def _is_sound(row: Row) -> bool:
    """Whether the values of a row are of the types that its columns should have."""
    return (
        isinstance(row["finished"], datetime)
        and all(isinstance(row[name], int | float) for name in NUMBERS)
        and all(isinstance(row[name], float | None) for name in HELD_OUT)
        and all(isinstance(row[name], int | None) for name in ("epoch", "held_out_tasks"))
    )


def _signature(path: Path) -> Signature:
    """What changes whenever a file is published again; ``NOTHING`` if there is none."""
    try:
        found = path.stat()
    except OSError:
        return NOTHING
    return (found.st_ino, found.st_mtime_ns)
