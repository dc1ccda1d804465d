"""A sweep on a terminal: its settings with their scores, and the runs that are under way.

It is read from ``sweep.json``, ``results.parquet``, which is written after each run, and the names
of committed states. Own classes are not loaded.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.folder_kind import SWEEP_MANIFEST, is_run, is_sweep
from spikeloop.coordinator.store.result_files import FINDINGS, RESULTS
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sweep import SCHEMA_VERSION
from spikeloop.coordinator.sweep.settings_grid import is_folder_name
from spikeloop.coordinator.watch.curves import TerminalSize
from spikeloop.coordinator.watch.many_runs import counts_table, decimals, state_line, what_follows
from spikeloop.coordinator.watch.run_status import finite_only
from spikeloop.coordinator.watch.writer import Writer, find_writer

COLUMNS = {"setting", "seed", "score", "error"}
MOST_SHOWN = 8
"""Runs under way that are listed; the others are counted."""


@dataclass(frozen=True)
class _Setting:
    """A setting: its label, its folder, and the generations of each of its runs."""

    label: str
    folder: str
    generations: int


@dataclass(frozen=True)
class _Started:
    """A run that has begun and has no result: its last committed generation, of how many."""

    setting: str
    seed: int
    generation: int
    generations: int


class SweepView:
    """A sweep that is watched.

    Attributes:
        behind: always False, as a look reads everything.

    Raises:
        ConfigError: its manifest is damaged, or of another schema version.
    """

    behind = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / SWEEP_MANIFEST
        plan: Any = atomic_files.read_versioned(path, SCHEMA_VERSION).get("sweep")
        try:
            self._name = printable(str(plan["name"]))
            self._seeds = [int(seed) for seed in plan["seeds"]]
            self._settings = [_setting(one) for one in plan["settings"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"{path}: damaged: no sweep in it") from error
        self._rows: list[dict[str, Any]] = []
        self._started: list[_Started] = []
        self._problems: list[str] = []
        self._writer: Writer | None = None

    def look(self, limit_s: float = float("inf")) -> None:
        """Read the results and how far the other runs are, which takes no time to speak of."""
        if not is_sweep(self.folder):
            raise ConfigError(f"{self.folder}: not a sweep (there is no {SWEEP_MANIFEST} in it)")
        self._writer = find_writer(self.folder)
        self._problems = []
        try:
            self._rows = _read_rows(self.folder / RESULTS)
        except ConfigError as error:
            self._problems.append(printable(str(error)))
        self._started = list(self._runs_under_way())

    @property
    def finished(self) -> bool:
        """Whether all runs have ended and the findings are written, which come last."""
        n_runs = len(self._settings) * len(self._seeds)
        return (self.folder / FINDINGS).exists() and len(self._rows) >= n_runs

    @property
    def over(self) -> bool:
        """Whether it is finished and no process is known to write."""
        return self.finished and not (self._writer is not None and self._writer.alive)

    def as_json(self) -> dict[str, Any]:
        """The same numbers for programs."""
        return finite_only(
            {
                "name": self._name,
                "writer": self._writer,
                "over": self.over,
                "runs": len(self._settings) * len(self._seeds),
                "ended": len(self._rows),
                "settings": {one.label: self._summary(one) for one in self._settings},
                "under_way": self._started,
                "problems": self._problems,
            }
        )

    def show(self, size: TerminalSize) -> RenderableType:
        """Draw a table of settings and the runs under way; rich fits them into the terminal."""
        n_runs = len(self._settings) * len(self._seeds)
        head = Text(self._name, "bold").append(
            f"  a sweep of {len(self._settings)} settings, {len(self._seeds)} seeds; "
            f"{len(self._rows)} of {n_runs} runs have ended",
            "not bold",
        )
        columns = ("runs", "failed", "mean held-out", "least", "most")
        table = counts_table("Settings", "setting", *columns)
        for one in self._settings:
            found = self._summary(one)
            numbers = decimals(found[key] for key in ("mean", "least", "most"))
            ended = f"{found['ended']} of {len(self._seeds)}"
            table.add_row(one.label, ended, str(found["failed"]), *numbers)
        now = f"{len(self._started)} runs under way"
        state = state_line(self._writer, self.finished, now)
        return Group(head, state, table, *self._notes())

    def _notes(self) -> Iterator[Text]:
        for one in self._started[:MOST_SHOWN]:
            generation = f"generation {one.generation} of {one.generations}"
            yield Text(f"{one.setting}, seed {one.seed}: {generation}")
        if len(self._started) > MOST_SHOWN:
            yield Text(f"and {len(self._started) - MOST_SHOWN} more", "dim")
        for row in [row for row in self._rows if row["error"]][:3]:
            reason = f"{row['setting']}, seed {row['seed']} failed: {row['error']}"
            yield Text(printable(reason), "red")
        for problem in self._problems[:3]:
            yield Text(f"problem: {problem}", "red")
        yield from what_follows(self.folder, self._writer, self.finished)

    def _summary(self, setting: _Setting) -> dict[str, Any]:
        own = [row for row in self._rows if printable(row["setting"]) == setting.label]
        scores = [row["score"] for row in own if not row["error"] and row["score"] is not None]
        return {
            "ended": len(own),
            "failed": sum(bool(row["error"]) for row in own),
            "mean": statistics.fmean(scores) if scores else None,
            "least": min(scores, default=None),
            "most": max(scores, default=None),
        }

    def _runs_under_way(self) -> Iterator[_Started]:
        """Find the runs that have begun and have no result."""
        ended = {(printable(row["setting"]), row["seed"]) for row in self._rows}
        for seed in self._seeds:
            for one in self._settings:
                path = self.folder / "runs" / one.folder / str(seed)
                if (one.label, seed) not in ended and is_run(path):
                    done = max(RunStore(path).generation(), 0)
                    yield _Started(one.label, seed, done, one.generations)


def _setting(described: Any) -> _Setting:
    """Read a setting; ValueError unless its folder has a plain name."""
    folder = str(described["folder"])
    if not is_folder_name(folder):
        raise ValueError(folder)
    generations = int(described["config"]["run"]["generations"])
    return _Setting(printable(str(described["label"])), folder, generations)


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the runs that have ended, in the order of the plan."""
    if not path.exists():
        return []
    table = atomic_files.read_parquet(path)
    if missing := COLUMNS - set(table.column_names):
        raise ConfigError(f"{path}: damaged: columns missing: {', '.join(sorted(missing))}")
    rows: list[dict[str, Any]] = table.select(sorted(COLUMNS)).to_pylist()
    return rows
