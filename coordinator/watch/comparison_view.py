"""A comparison on a terminal: trials so far, scores of the final phase, and the present search.

It is read from ``trials.parquet``, which is written after each trial, and from the records of the
final phase. Optuna's database is not opened.
"""

import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from spikeloop.coordinator.comparison import SCHEMA_VERSION
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.folder_kind import COMPARISON_MANIFEST, RUN_MANIFEST, is_comparison
from spikeloop.coordinator.store.result_files import FINAL, FINDINGS
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.watch.curves import TerminalSize
from spikeloop.coordinator.watch.many_runs import counts_table, decimals, state_line, what_follows
from spikeloop.coordinator.watch.run_status import finite_only
from spikeloop.coordinator.watch.writer import Writer, find_writer

TRIAL_COLUMNS = {"strategy", "trial", "state", "value", "charged"}


class ComparisonView:
    """A comparison that is watched.

    Attributes:
        behind: whether the last look left something unread.

    Raises:
        ConfigError: its manifest is damaged, or of another schema version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / COMPARISON_MANIFEST
        config: Any = atomic_files.read_versioned(path, SCHEMA_VERSION).get("config")
        try:
            about = config["comparison"]
            self._name = printable(str(about.get("name")))
            self._strategies = list(config["strategies"])
            self._tuned = config["tuning"]["strategies"]
            self._tuned = self._strategies if self._tuned is None else list(self._tuned)
            self._tuning_episodes = int(config["tuning"]["episodes"])
            self._seeds, self._budget = int(about["seeds"]), int(about["budget"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"{path}: damaged: no comparison in it") from error
        self._records: dict[Path, Mapping[str, Any]] = {}
        self._trial_rows: list[dict[str, Any]] = []
        self._problems: list[str] = []
        self._writer: Writer | None = None
        self.behind = False

    def look(self, limit_s: float = float("inf")) -> None:
        """Read the records that are new, for about so many seconds at most."""
        if not is_comparison(self.folder):
            raise ConfigError(
                f"{self.folder}: not a comparison (there is no {COMPARISON_MANIFEST} in it)"
            )
        self._writer = find_writer(self.folder)
        self._problems = []
        self.behind = False
        until = time.monotonic() + limit_s
        try:
            self._trial_rows = _read_trials(self.folder / "trials.parquet")
        except ConfigError as error:
            self._problems.append(printable(str(error)))
        paths = list(self.folder.glob(f"{FINAL}/*/*.json"))
        self._records = {path: self._records[path] for path in paths if path in self._records}
        for path in paths:
            if path in self._records:
                continue
            if time.monotonic() > until:
                self.behind = True
                break
            try:
                self._records[path] = atomic_files.read_json(path)
            except ConfigError as error:
                self._problems.append(printable(str(error)))

    @property
    def finished(self) -> bool:
        """Whether the findings are written, which come last."""
        return (self.folder / FINDINGS).exists()

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
                "tuning": {name: self._trials(name) for name in self._tuned},
                "final": self._final(),
                "now": self._now(),
                "problems": self._problems,
            }
        )

    def show(self, size: TerminalSize) -> RenderableType:
        """Draw two tables and what runs now; rich fits them into the terminal."""
        head = Text(self._name, "bold").append(
            f"  a comparison of {len(self._strategies)} strategies at {self._budget:,} episodes a "
            f"search, {self._seeds} seeds",
            "not bold",
        )
        now = self._now() or "between two searches"
        state = state_line(self._writer, self.finished, now)
        return Group(head, state, *self._tables(), *self._notes())

    def _tables(self) -> Iterator[RenderableType]:
        if self._tuned and self._tuning_episodes:
            table = counts_table(
                "Tuning", "strategy", "trials", "pruned", "failed", "best held-out", "episodes"
            )
            for name in self._tuned:
                found = self._trials(name)
                counts = (str(found[key]) for key in ("trials", "pruned", "failed"))
                spent = f"{found['episodes']:,} of {self._tuning_episodes:,}"
                table.add_row(printable(name), *counts, *decimals([found["best"]]), spent)
            yield table
        table = counts_table(
            "Final phase", "variant", "searches", "failed", "mean held-out", "least", "most"
        )
        for name, found in self._final().items():
            searches = f"{found['searches']} of {self._seeds}"
            numbers = decimals(found[key] for key in ("mean", "least", "most"))
            table.add_row(printable(name), searches, str(found["failed"]), *numbers)
        yield table if table.row_count else Text("The final phase has not begun.", "dim")

    def _notes(self) -> Iterator[Text]:
        for problem in self._problems[:3]:
            yield Text(f"problem: {problem}", "red")
        yield from what_follows(self.folder, self._writer, self.finished)

    def _trials(self, strategy: str) -> dict[str, Any]:
        found = [row for row in self._trial_rows if row["strategy"] == strategy]
        states = [row["state"] for row in found]
        return {
            "trials": len(found),
            "pruned": states.count("pruned"),
            "failed": states.count("failed"),
            "best": max((r["value"] for r in found if r["state"] == "complete"), default=None),
            "episodes": sum(row["charged"] for row in found),
        }

    def _final(self) -> dict[str, dict[str, Any]]:
        scores: dict[str, list[Any]] = {}
        for path, record in sorted(self._records.items()):
            scores.setdefault(path.parent.name, []).append(record.get("score"))
        summary = {}
        for name, own in scores.items():
            values = [score for score in own if isinstance(score, float)]
            summary[name] = {
                "searches": len(own),
                "failed": len(own) - len(values),
                "mean": statistics.fmean(values) if values else None,
                "least": min(values, default=None),
                "most": max(values, default=None),
            }
        return summary

    def _now(self) -> str:
        """Name the search that is under way, as "tuning evolution, trial 3, generation 12"."""
        if self.over:
            return ""
        ended = {(row["strategy"], f"{row['trial']:06d}") for row in self._trial_rows}
        for path in sorted(self.folder.glob("tuning/*/*"), reverse=True):
            if path.parts[-2:] not in ended:
                strategy, trial = (printable(part) for part in path.parts[-2:])
                runs = sorted(path.glob(f"*/{RUN_MANIFEST}"))
                return f"tuning {strategy}, trial {_number(trial)}{_generation(runs)}"
        for run in sorted(self.folder.glob(f"runs/*/*/{RUN_MANIFEST}")):
            name, seed = run.parts[-3:-1]
            if not (self.folder / FINAL / name / f"{seed}.json").exists():
                where = f"final phase, {printable(name)}, seed {_number(printable(seed))}"
                return f"{where}{_generation([run])}"
        return ""


def _read_trials(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    table = atomic_files.read_parquet(path)
    if missing := TRIAL_COLUMNS - set(table.column_names):
        raise ConfigError(f"{path}: damaged: columns missing: {', '.join(sorted(missing))}")
    rows: list[dict[str, Any]] = table.select(sorted(TRIAL_COLUMNS)).to_pylist()
    return rows


def _number(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _generation(runs: list[Path]) -> str:
    return f", generation {max(RunStore(runs[-1].parent).generation(), 0)}" if runs else ""
