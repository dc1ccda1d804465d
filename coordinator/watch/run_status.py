"""The status of a run: numbers from its folder, which are drawn as text or printed as JSON."""

import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from pydantic_core import to_json

from spikeloop.coordinator.config.stopping import RULES, StopSettings, describe_stop, epoch_of
from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.search.transfer import estimate_json
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.store.schemas import FAILURES
from spikeloop.coordinator.watch.run_plan import RunPlan
from spikeloop.coordinator.watch.run_reader import Row, RunReader
from spikeloop.coordinator.watch.writer import find_writer

State: TypeAlias = Literal[
    "starting", "searching", "quiet", "racing", "transfer", "finished", "interrupted", "fetched"
]

RECENT = 20
"""Generations from which present speeds are taken."""
QUIET_S = 60.0
QUIET_FACTOR = 10.0
"""A run is quiet after this time and after this many times what a generation takes."""


class RunStatus:
    """A run at one instant. Numbers that are not known yet are None; times are in seconds.

    Attributes:
        resumed: the folder to resume; for a run of a comparison or a sweep, theirs.
        state: what it is doing.
        state_s: how long it has been in this state, or since the writer began if that was later.
        commit_s: age of the last committed generation.
        generation: the last that is committed; -1 before the state before the search.
        planned: generations done and still to come.
        generation_s: what one takes at present.
        left_s: about how long until it ends, transfer included.
        stopped: why the search ended before its last generation, or "".
        held_out: the last held-out score.
        held_out_before: the score of the point that the search began from.
        held_out_generation: the one that ``held_out`` was measured after.
        strategy_says: numbers that the strategy reports of itself.
        episodes: of the search, without held-out ones.
        workers: among which the last generation was divided.
        busy: share of the time that the workers spent on episodes.
        overhead_s: the part of a generation's time that fully busy workers would not have needed.
        failures: failed episodes by reason.
        budget: each rule of ``[stop]`` that was set, and how near it is, in words.
        unread: committed generations that were not read yet.
        problems: files that cannot be read, one line each.
    """

    def __init__(self, reader: RunReader) -> None:
        now, plan, rows, last = time.time(), reader.plan, reader.rows, reader.last
        recent = rows[-RECENT:]
        measured = [row for row in rows if row["held_out_score"] is not None]
        rule = last.get("stopped")
        rule = rule if rule in RULES else None
        over = reader.generation >= plan.generations or plan.stop.ends(rule)
        to_come = 0 if over else _generations_to_come(plan, recent, reader.generation)
        committed_s = last["finished"].timestamp() if last else reader.began_s

        self.plan, self.folder = plan, reader.folder
        self.resumed = reader.comparison or reader.sweep or reader.folder
        self.writer = find_writer(reader.folder)
        self.generation = reader.generation
        self.planned = max(reader.generation, 0) + to_come
        self.generation_s = _generation_s(recent)
        self.episodes_per_s: float | None = None
        if self.generation_s:
            self.episodes_per_s = (
                statistics.fmean(row["n_episodes"] for row in recent) / self.generation_s
            )
        self.commit_s = max(now - committed_s, 0.0) if committed_s else None
        since = max(committed_s, self.writer.since if self.writer else 0.0)
        self.state_s = max(now - since, 0.0) if since else 0.0
        self.state = self._state(reader, over)
        self.left_s: float | None = None
        if self.episodes_per_s and self.state in ("searching", "racing", "transfer"):
            left_s = to_come * (self.generation_s or 0.0)
            left_s += plan.last_episodes / self.episodes_per_s
            self.left_s = max(left_s - self.state_s, 0.0)
        self.stopped = describe_stop(rule, plan.stop, last) if rule and plan.stop.ends(rule) else ""
        self.epoch = epoch_of(last)
        self.best, self.mean = last.get("best"), last.get("mean")
        self.held_out = _held_out(measured[-1]) if measured else None
        self.held_out_before = reader.before
        self.held_out_generation = measured[-1]["generation"] if measured else 0
        self.strategy_says = {
            printable(name.removeprefix("strategy_")): float(value)
            for name, value in last.items()
            if name.startswith("strategy_") and isinstance(value, int | float)
        }
        self.episodes = last.get("total_episodes", 0)
        self.workers, self.busy = _workers(recent)
        overheads = [row["overhead_s"] for row in recent]
        self.overhead_s = statistics.median(overheads) if recent else None
        self.retries = sum(row["retries"] for row in rows)
        self.failures = {
            name.removeprefix("failed_").replace("_", " "): n
            for name in FAILURES
            if (n := sum(row[name] for row in rows))
        }
        self.budget = _budget(plan.stop, measured, last) if last else {}
        self.unread = reader.unread
        self.problems = [printable(problem) for problem in reader.problems]

    def _state(self, reader: RunReader, over: bool) -> State:
        if over and (
            reader.transfer_path.exists() or reader.comparison
        ):  # whose searches have none
            return "finished"
        if self.writer is not None and self.writer.fetching:  # it may continue elsewhere, unseen
            return "fetched"
        if self.writer is not None and self.writer.alive is False:
            return "interrupted"
        if over:
            return "racing" if self.plan.race and not reader.race_over() else "transfer"
        if self.generation_s is None:
            return "starting" if self.generation < 0 else "searching"
        usual_s = QUIET_FACTOR * self.generation_s * self.plan.commit_every
        return "quiet" if self.state_s > max(QUIET_S, usual_s) else "searching"

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON, with None for what is not a number."""
        estimates = {"held_out": self.held_out, "held_out_before": self.held_out_before}
        values = {**vars(self.plan), **vars(self)}
        values |= {name: found and estimate_json(found) for name, found in estimates.items()}
        del values["plan"]
        return finite_only(values)


def _generation_s(rows: Sequence[Row]) -> float | None:
    """Seconds from one generation to the next, held-out scores and commits included.

    The median, because a run may have been interrupted between two of them.
    """
    if len(rows) < 2:
        return float(rows[0]["wall_s"]) or None if rows else None
    steps = [(b["finished"] - a["finished"]).total_seconds() for a, b in pairwise(rows)]
    return statistics.median(steps) or None


def _generations_to_come(plan: RunPlan, recent: Sequence[Row], done: int) -> int:
    """Generations still to come, at most: the budget in episodes may not suffice for all."""
    planned = plan.generations - max(done, 0)
    if plan.stop.episodes and recent and (n_episodes := recent[-1]["n_episodes"]):
        affordable: int = (plan.stop.episodes - recent[-1]["total_episodes"]) // n_episodes
        return max(min(planned, affordable), 0)
    return planned


def _workers(recent: Sequence[Row]) -> tuple[int, float | None]:
    """The number of workers, and the share of time that they were busy: all but overhead."""
    wall = sum(row["wall_s"] for row in recent)
    if not wall:
        return 0, None
    busy = 1 - sum(row["overhead_s"] for row in recent) / wall
    alone = recent[-1]["wall_s"] - recent[-1]["overhead_s"]
    workers = round(recent[-1]["work_s"] / alone) if alone > 0 else 0
    return workers, min(max(busy, 0.0), 1.0)


def _held_out(row: Row) -> Interval:
    value, low, high = (row[f"held_out_{name}"] for name in ("score", "low", "high"))
    return Interval(value, low, high, row["held_out_tasks"])


def _budget(stop: StopSettings, measured: Sequence[Row], last: Row) -> dict[str, str]:
    then = "ends" if stop.then == "end" else "restarts"
    found = {}
    if stop.episodes:
        found["episodes"] = f"{last['total_episodes']:,} of {stop.episodes:,}"
    if stop.target:
        low = f"{measured[-1]['held_out_low']:.3f}" if measured else "not measured"
        found["target"] = f"interval from {low}, ends at {stop.target:g}"
    if stop.spread:
        found["spread"] = f"{last.get('spread') or math.nan:.3g}, {then} below {stop.spread:g}"
    if stop.patience:
        epoch = [row for row in measured if epoch_of(row) == epoch_of(last)]
        scored = [row for row in epoch if not math.isnan(row["held_out_score"])]
        best = max(scored or epoch, key=lambda row: row["held_out_score"], default=None)
        waited = last["generation"] - best["generation"] if best else 0
        found["patience"] = f"{waited} generations without a rise, {then} at {stop.patience}"
    return found


def finite_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give values as JSON has them, with None for numbers that it does not have."""
    found: dict[str, Any] = json.loads(to_json(values, inf_nan_mode="null"))
    return found
