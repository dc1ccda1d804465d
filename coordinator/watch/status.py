"""How a run stands: numbers from its folder, which the frame shows and ``--json`` prints."""

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

from spikeloop.coordinator.config.stopping import RULES, StopSettings, epoch_of, words
from spikeloop.coordinator.formatting import printable
from spikeloop.coordinator.stats.scores import Estimate
from spikeloop.coordinator.store.schemas import FAILURES
from spikeloop.coordinator.watch.follow import Follower, Row
from spikeloop.coordinator.watch.plan import Plan
from spikeloop.coordinator.watch.writer import Writer, writer

State: TypeAlias = Literal[
    "starting", "searching", "quiet", "racing", "transfer", "finished", "interrupted", "fetched"
]

RECENT = 20
"""Generations that present speeds are taken from."""
QUIET_S = 60.0
QUIET_FACTOR = 10.0
"""No news is worth a word after this time, and after so many times what a generation takes."""


@dataclass(frozen=True)
class Status:
    """A run at one instant. Numbers that are not known yet are None; times are in seconds.

    Attributes:
        resumed: the folder to resume; of a search of a comparison, that of the comparison.
        state: what it is at.
        state_s: since when, or since the writer began if that was later.
        commit_s: age of the last committed generation.
        generation: the last that is committed; -1 before the state before the search.
        generation_s: what one takes at present.
        left_s: until it ends, transfer included, about.
        stopped: why the search ended before its last generation, in words, or "".
        held_out_before: of the point that the search began from.
        held_out_generation: the one that ``held_out`` was measured after.
        strategy_says: what the strategy tells of itself.
        episodes: of the search; held-out ones come on top.
        workers: among which the last generation was spread.
        busy: share of their time that they spent on episodes.
        overhead_s: of a generation's time, what all workers at work would not have needed.
        failures: episodes of the search by reason.
        budget: each rule of ``[stop]`` that was set, and how near it is, in words.
        unread: committed generations that were not read yet.
        problems: files that cannot be read, one line each.
    """

    plan: Plan
    folder: Path
    resumed: Path
    writer: Writer | None
    state: State
    state_s: float
    commit_s: float | None
    generation: int
    planned: int
    generation_s: float | None
    left_s: float | None
    stopped: str
    epoch: int
    best: float | None
    mean: float | None
    held_out: Estimate | None
    held_out_before: Estimate | None
    held_out_generation: int
    strategy_says: Mapping[str, float]
    episodes: int
    episodes_per_s: float | None
    workers: int
    busy: float | None
    overhead_s: float | None
    retries: int
    failures: Mapping[str, int]
    budget: Mapping[str, str]
    unread: int
    problems: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON has it; None for what is no number."""
        values = asdict(self)
        plan = values.pop("plan")
        plan["stop"] = self.plan.stop.model_dump(mode="json")
        paths = {name: str(values[name]) for name in ("folder", "resumed")}
        found: dict[str, Any] = plain({**plan, **values, **paths})
        return found


def status(follower: Follower, now: float | None = None) -> Status:
    """How a run stands by what was read of it.

    Args:
        follower: of the run.
        now: seconds since 1970.
    """
    now = time.time() if now is None else now
    plan, rows, last = follower.plan, follower.rows, follower.last
    at_work = writer(follower.folder)
    recent = rows[-RECENT:]
    generation_s = _typical(recent)
    episodes_per_s = None
    if generation_s:
        episodes_per_s = statistics.fmean(row["n_episodes"] for row in recent) / generation_s
    stops = plan.stop
    rule = last.get("stopped")
    rule = rule if rule in RULES else None
    over = follower.generation >= plan.generations or stops.ends(rule)
    to_come = 0 if over else _to_come(plan, recent, follower.generation)
    news = last["finished"].timestamp() if last else follower.begun
    since = max(news, at_work.since if at_work else 0.0)
    state_s = max(now - since, 0.0) if since else 0.0
    state = _state(follower, over, at_work, state_s, generation_s)
    left_s = None
    at_rest = state in ("finished", "interrupted", "quiet", "fetched")
    if generation_s and episodes_per_s and not at_rest:
        left_s = to_come * generation_s + plan.last_episodes / episodes_per_s
        left_s = max(left_s - state_s, 0.0)
    measured = [row for row in rows if row["held_out_score"] is not None]
    n_workers, busy = _workers(recent)
    return Status(
        plan=plan,
        folder=follower.folder,
        resumed=follower.comparison or follower.folder,
        writer=at_work,
        state=state,
        state_s=state_s,
        commit_s=max(now - news, 0.0) if news else None,
        generation=follower.generation,
        planned=max(follower.generation, 0) + to_come,
        generation_s=generation_s,
        left_s=left_s,
        stopped=words(rule, stops, last) if rule and stops.ends(rule) else "",
        epoch=epoch_of(last),
        best=last.get("best"),
        mean=last.get("mean"),
        held_out=_held_out(measured[-1]) if measured else None,
        held_out_before=follower.before,
        held_out_generation=measured[-1]["generation"] if measured else 0,
        strategy_says={
            printable(name.removeprefix("strategy_")): float(value)
            for name, value in last.items()
            if name.startswith("strategy_") and isinstance(value, int | float)
        },
        episodes=last.get("total_episodes", 0),
        episodes_per_s=episodes_per_s,
        workers=n_workers,
        busy=busy,
        overhead_s=statistics.median(row["overhead_s"] for row in recent) if recent else None,
        retries=sum(row["retries"] for row in rows),
        failures={
            name.removeprefix("failed_").replace("_", " "): n
            for name in FAILURES
            if (n := sum(row[name] for row in rows))
        },
        budget=_budget(stops, measured, last) if last else {},
        unread=max(follower.unread, 0),
        problems=[printable(problem) for problem in follower.problems],
    )


def _state(
    follower: Follower,
    over: bool,
    at_work: Writer | None,
    state_s: float,
    generation_s: float | None,
) -> State:
    if over and (follower.transfer() or follower.comparison):  # whose searches end without one
        return "finished"
    if at_work is not None and at_work.fetching:  # whether it goes on elsewhere, nobody here knows
        return "fetched"
    if at_work is not None and at_work.alive is False:
        return "interrupted"
    if over:
        return "racing" if follower.plan.race and not follower.raced() else "transfer"
    if generation_s is None:
        return "starting" if follower.generation < 0 else "searching"
    quiet = state_s > max(QUIET_S, QUIET_FACTOR * generation_s * follower.plan.commit_every)
    return "quiet" if quiet else "searching"


def _typical(rows: Sequence[Row]) -> float | None:
    """Seconds from one generation to the next, held-out scores and commits included.

    The median, because a run may have been interrupted between two of them.
    """
    if len(rows) < 2:
        return float(rows[0]["wall_s"]) or None if rows else None
    steps = [(b["finished"] - a["finished"]).total_seconds() for a, b in pairwise(rows)]
    return statistics.median(steps) or None


def _to_come(plan: Plan, recent: Sequence[Row], done: int) -> int:
    """Generations still to come, at most: the budget in episodes may not suffice for all."""
    planned = plan.generations - max(done, 0)
    if plan.stop.episodes and recent and (n_episodes := recent[-1]["n_episodes"]):
        affordable: int = (plan.stop.episodes - recent[-1]["total_episodes"]) // n_episodes
        return max(min(planned, affordable), 0)
    return planned


def _workers(recent: Sequence[Row]) -> tuple[int, float | None]:
    """How many there are, and the share of time that they worked: overhead is all the rest."""
    wall = sum(row["wall_s"] for row in recent)
    if not wall:
        return 0, None
    busy = 1 - sum(row["overhead_s"] for row in recent) / wall
    alone = recent[-1]["wall_s"] - recent[-1]["overhead_s"]
    workers = round(recent[-1]["work_s"] / alone) if alone > 0 else 0
    return workers, min(max(busy, 0.0), 1.0)


def _held_out(row: Row) -> Estimate:
    value, low, high = (row[f"held_out_{name}"] for name in ("score", "low", "high"))
    return Estimate(value, low, high, row["held_out_tasks"])


def _budget(stop: StopSettings, measured: Sequence[Row], last: Row) -> dict[str, str]:
    found = {}
    if stop.episodes:
        found["episodes"] = f"{last['total_episodes']:,} of {stop.episodes:,}"
    if stop.target:
        low = f"{measured[-1]['held_out_low']:.3f}" if measured else "not measured"
        found["target"] = f"interval from {low}, ends at {stop.target:g}"
    if stop.spread:
        found["spread"] = (
            f"{last.get('spread') or math.nan:.3g}, {_then(stop)} below {stop.spread:g}"
        )
    if stop.patience:
        epoch = [row for row in measured if epoch_of(row) == epoch_of(last)]
        best = max(epoch, key=_rank, default=None)
        waited = last["generation"] - best["generation"] if best else 0
        found["patience"] = f"{waited} generations without a rise, {_then(stop)} at {stop.patience}"
    return found


def _rank(row: Row) -> tuple[float, int]:
    """Higher for a higher held-out score, and for the first of equal ones."""
    score = row["held_out_score"]
    return (-math.inf if math.isnan(score) else score, -row["generation"])


def _then(stop: StopSettings) -> str:
    return "ends" if stop.then == "end" else "restarts"


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
