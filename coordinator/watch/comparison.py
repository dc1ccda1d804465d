"""A comparison while it is held: what tuning has found, what the contest has scored, what runs now.

Read from the sealed records beside Optuna's database, which is left alone.
"""

import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spikeloop.coordinator.comparison import MANIFEST, SCHEMA_VERSION
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.trust import again
from spikeloop.coordinator.watch.frame import Room, span
from spikeloop.coordinator.watch.status import plain
from spikeloop.coordinator.watch.writer import Writer, writer


class ComparisonView:
    """A comparison that is watched.

    Args:
        folder: of the comparison.

    Raises:
        ConfigError: its manifest is damaged, or of another schema version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / MANIFEST
        config: Any = atomic_files.read_versioned(path, SCHEMA_VERSION).get("config")
        try:
            self._about = config["comparison"]
            self._tuning_episodes = int(config["tuning"]["episodes"])
            self._tuned = config["tuning"]["strategies"]
            self._strategies = list(config["strategies"])
            if self._tuned is None:
                self._tuned = self._strategies
            self._seeds, self._budget = int(self._about["seeds"]), int(self._about["budget"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path}: damaged: no comparison in it") from error
        self._records: dict[Path, Mapping[str, Any]] = {}
        self._problems: list[str] = []
        self._writer: Writer | None = None
        self.behind = False

    def look(self, limit_s: float = float("inf")) -> None:
        """Reads the records that are new."""
        if not (self.folder / MANIFEST).exists():
            raise ConfigError(f"{self.folder}: not a comparison (there is no {MANIFEST} in it)")
        self._writer = writer(self.folder)
        self._problems = []
        until = time.monotonic() + limit_s
        self.behind = False
        paths = [*self.folder.glob("tuning/*/*/trial.json"), *self.folder.glob("contest/*/*.json")]
        self._records = {path: self._records[path] for path in paths if path in self._records}
        for path in paths:
            if path not in self._records:
                if time.monotonic() > until:
                    self.behind = True
                    break
                try:
                    record = atomic_files.read_json(path)
                except ConfigError as error:
                    self._problems.append(printable(str(error)))
                    continue
                if path.name != "trial.json" or "state" in record:
                    self._records[path] = record

    def as_json(self) -> dict[str, Any]:
        """What there is so far."""
        found: dict[str, Any] = plain(
            {
                "name": self._about.get("name"),
                "writer": vars(self._writer) if self._writer else None,
                "over": self.over,
                "tuning": {name: self._trials(name) for name in self._tuned},
                "contest": self._contest(),
                "now": self._now(),
                "problems": self._problems,
            }
        )
        return found

    @property
    def over(self) -> bool:
        """Whether its findings are written, which comes last, and nobody is known to write."""
        alive = self._writer is not None and self._writer.alive
        return (self.folder / "findings.json").exists() and not alive

    def show(self, room: Room) -> RenderableType:
        """Two tables and what runs now."""
        head = Text(printable(str(self._about.get("name"))), "bold").append(
            f"  a comparison of {len(self._strategies)} strategies at {self._budget:,} episodes a "
            f"search, {self._seeds} seeds",
            "not bold",
        )
        return Group(head, self._state(), *self._tables(), *self._notes())

    def _state(self) -> Text:
        at_work = self._writer
        if (self.folder / "findings.json").exists():
            return Text("finished", "bold green")
        if at_work is not None and at_work.alive is False:
            return Text("interrupted", "bold red").append(f"; {at_work}, which has ended")
        where = f"; {at_work}" if at_work else ""
        return Text(self._now() or "between two searches", "bold").append(where, "not bold")

    def _tables(self) -> Iterator[RenderableType]:
        if self._tuned and self._tuning_episodes:
            table = Table(title="Tuning", title_justify="left")
            for column in ("strategy", "trials", "pruned", "failed", "best held-out", "episodes"):
                table.add_column(column, justify="left" if column == "strategy" else "right")
            for name in self._tuned:
                found = self._trials(name)
                best = "-" if found["best"] is None else f"{found['best']:.3f}"
                counts = (str(found[key]) for key in ("trials", "pruned", "failed"))
                spent = f"{found['episodes']:,} of {self._tuning_episodes:,}"
                table.add_row(printable(name), *counts, best, spent)
            yield table
        table = Table(title="Contest", title_justify="left")
        for column in ("contestant", "searches", "failed", "mean held-out", "least", "most"):
            table.add_column(column, justify="left" if column == "contestant" else "right")
        contest = self._contest()
        for arm, found in contest.items():
            numbers = (found[key] for key in ("mean", "least", "most"))
            table.add_row(
                printable(arm),
                f"{found['searches']} of {self._seeds}",
                str(found["failed"]),
                *("-" if value is None else f"{value:.3f}" for value in numbers),
            )
        yield table if contest else Text("The contest has not begun.", "dim")

    def _notes(self) -> Iterator[Text]:
        for problem in self._problems[:3]:
            yield Text(f"problem: {problem}", "red")
        if (self.folder / "findings.json").exists():
            yield Text(printable(f"report:  {again('report', self.folder)}"))
        elif self._writer is not None and self._writer.alive is False:
            yield Text(printable(f"go on:   {again('resume', self.folder)}"))
        elif self._writer is not None:
            yield Text(f"begun {span(max(time.time() - self._writer.since, 0.0))} ago", "dim")

    def _trials(self, strategy: str) -> dict[str, Any]:
        found = [r for p, r in self._records.items() if p.parts[-3] == strategy and _is_trial(p)]
        complete = [r for r in found if r["state"] == "COMPLETE"]
        values = [r["value"] for r in complete if isinstance(r.get("value"), float)]
        return {
            "trials": len(found),
            "pruned": sum(r["state"] == "PRUNED" for r in found),
            "failed": sum(r["state"] == "FAIL" for r in found),
            "best": max(values, default=None),
            "episodes": sum(int(r.get("attributes", {}).get("charged", 0)) for r in found),
        }

    def _contest(self) -> dict[str, dict[str, Any]]:
        arms: dict[str, list[Any]] = {}
        for path, record in sorted(self._records.items()):
            if not _is_trial(path):
                arms.setdefault(path.parent.name, []).append(record.get("score"))
        contest = {}
        for arm, scores in arms.items():
            values = [score for score in scores if isinstance(score, float)]
            contest[arm] = {
                "searches": len(scores),
                "failed": len(scores) - len(values),
                "mean": statistics.fmean(values) if values else None,
                "least": min(values, default=None),
                "most": max(values, default=None),
            }
        return contest

    def _now(self) -> str:
        """The search that is under way, for example "tuning evolution, trial 3, generation 12"."""
        if self.over:
            return ""
        for path in sorted(self.folder.glob("tuning/*/*/trial.json"), reverse=True):
            if path not in self._records:
                strategy, trial = (printable(part) for part in path.parts[-3:-1])
                runs = sorted(path.parent.glob("*/run.json"))
                return f"tuning {strategy}, trial {_number(trial)}{_generation(runs)}"
        for run in sorted(self.folder.glob("runs/*/*/run.json")):
            arm, seed = run.parts[-3], run.parts[-2]
            if not (self.folder / "contest" / arm / f"{seed}.json").exists():
                name = f"contest, {printable(arm)}, seed {_number(printable(seed))}"
                return f"{name}{_generation([run])}"
        return ""


def _is_trial(path: Path) -> bool:
    return path.name == "trial.json"


def _number(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _generation(runs: list[Path]) -> str:
    if not runs:
        return ""
    return f", generation {max(RunStore(runs[-1].parent).generation(), 0)}"
