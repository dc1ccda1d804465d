"""What the runs came to, as tables for people and as JSON."""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from chaos.plan import START
from chaos.runner import Blow, End, Play
from spikeloop.coordinator.store.run_store import RunStore


@dataclass
class Result:
    """One run, as plain values.

    Attributes:
        number: of the run; with the seed it names the plan.
        strikes: what was struck, each with what followed.
        missed: faults for which there was no time.
        leave_s: seconds until a coordinator's processes were gone, for each that ended.
        load: processes that wanted a core, of whatever run, in the last minute of it.
        problems: broken invariants.
    """

    number: int
    scene: str
    wall_s: float
    strikes: list[dict[str, Any]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    leave_s: list[float | None] = field(default_factory=list)
    load: float = 0.0
    problems: list[str] = field(default_factory=list)


def result(number: int, play: Play, problems: Sequence[str]) -> Result:
    """A run as plain values.

    Args:
        number: of the run.
        play: its course.
        problems: broken invariants.
    """
    rows = RunStore(play.folder).rows()
    retries = {int(row["generation"]): int(row["retries"]) for row in rows}
    return Result(
        number,
        play.folder.name,
        play.wall_s,
        [_plain(blow, retries) for blow in play.blows],
        [strike.fault for strike in play.missed],
        [end.left_s for end in play.ends],
        os.getloadavg()[0],
        list(problems),
    )


def _plain(blow: Blow, retries: Mapping[int, int]) -> dict[str, Any]:
    return {
        **asdict(blow.strike),
        "generation": blow.generation,
        "recovered_s": blow.recovered_s,
        "overlapped": blow.overlapped,
        "retried_episodes": retries.get(blow.generation + 1, 0),
        "ends": [_plain_end(end, blow.at) for end in blow.ends],
    }


def _plain_end(end: End, since: float) -> dict[str, Any]:
    values = {key: getattr(end, key) for key in ("code", "lines", "dumped", "last", "generation")}
    return {**values, "after_s": end.at - since}


def markdown(
    results: Sequence[Result],
    words: Mapping[str, str],
    generation_s: Mapping[str, Sequence[float]],
) -> str:
    """The tables.

    Args:
        results: of all runs.
        words: of the faults by name, in the order of the rows.
        generation_s: seconds of each generation of the undisturbed runs, by scene.
    """
    n_strikes = sum(len(result.strikes) for result in results)
    bad = [result for result in results if result.problems]
    gone = [s for result in results for s in result.leave_s[:-1] if s is not None]
    lines = [
        f"{len(results)} runs, {n_strikes} faults, {len(bad)} runs with a broken invariant; "
        f"{sum(len(result.missed) for result in results)} planned faults found no time.",
        "",
        "Undisturbed, a generation takes "
        + ", ".join(f"{name} {_spread(times)} s" for name, times in generation_s.items())
        + ".",
        f"The processes of a coordinator that had ended were gone after {_spread(gone)} s.",
        f"The machine has {os.cpu_count()} cores; "
        f"{_spread([result.load for result in results])} processes wanted one.",
        "",
        *_recoveries(results, words),
        "",
        *_ends(results, words),
    ]
    for result in bad:
        lines += ["", f"Run {result.number} ({result.scene}):"]
        lines += [f"- {problem}" for problem in result.problems]
    return "\n".join(lines)


def _recoveries(results: Sequence[Result], words: Mapping[str, str]) -> list[str]:
    """One row a fault: those alone in their recovery, and after the first commit."""
    lines = [
        "| fault | n | recovery: median [range], s | at the start, s | episodes again | noticed |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    strikes = [strike for result in results for strike in result.strikes]
    for name, fault in words.items():
        struck = [strike for strike in strikes if strike["fault"] == name]
        clear = [s for s in struck if s["recovered_s"] is not None and not s["overlapped"]]
        later = [s for s in clear if s["generation"] > START]
        early = [s for s in clear if s["generation"] == START]
        codes = Counter(_noticed(strike) for strike in clear)
        lines.append(
            f"| {fault} | {len(struck)} | {_spread([s['recovered_s'] for s in later])} | "
            f"{_spread([s['recovered_s'] for s in early])} | "
            f"{_spread([s['retried_episodes'] for s in later], 0)} | "
            f"{', '.join(f'{n}× {how}' for how, n in codes.most_common())} |"
        )
    return lines


def _noticed(strike: Mapping[str, Any]) -> str:
    if not strike["ends"]:
        return "went on, episodes again" if strike["retried_episodes"] else "went on"
    ends = [
        f"signal {-e['code']}" if e["code"] < 0 else f"exit {e['code']}" for e in strike["ends"]
    ]
    return ", ".join(ends) + ", resumed"


def _ends(results: Sequence[Result], words: Mapping[str, str]) -> list[str]:
    """How coordinators ended: code, last line, whether one line was all."""
    seen: dict[tuple[str, int, str], list[Any]] = defaultdict(list)
    for result in results:
        for strike in result.strikes:
            for end in strike["ends"] if not strike["overlapped"] else ():
                if end["code"]:
                    seen[strike["fault"], end["code"], _pattern(end["last"])].append(end)
    lines = [
        "| fault | n | exit | after, s | lines on stderr | stack | last line |",
        "| --- | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for (fault, code, last), ends in sorted(seen.items()):
        lengths = _spread([end["lines"] for end in ends], 0)
        dumped = sum(end["dumped"] for end in ends)
        lines.append(
            f"| {words[fault]} | {len(ends)} | {code} | {_spread([e['after_s'] for e in ends])} | "
            f"{lengths} | {dumped or 'no'} | {last or '(none)'} |"
        )
    return lines


def _pattern(line: str) -> str:
    """A line without what differs from run to run."""
    words = ["…" if "/" in word else word for word in line.replace("|", "/").split()]
    return " ".join(words)[:160]


def _spread(values: Sequence[float], digits: int = 1) -> str:
    if not values:
        return "–"
    low, high = min(values), max(values)
    middle = f"{median(values):.{digits}f}"
    return middle if low == high else f"{middle} [{low:.{digits}f}, {high:.{digits}f}]"


def line(result: Result) -> str:
    """A run in one line, as it is printed while others are still to come."""
    faults = [
        f"{s['fault']}@{s['generation']}"
        + ("" if s["recovered_s"] is None else f" {s['recovered_s']:.1f} s")
        + "".join(f" exit {end['code']}" for end in s["ends"])
        for s in result.strikes
    ]
    state = "; ".join(result.problems) or "ok"
    return f"run {result.number} {result.scene} {result.wall_s:.0f} s: {', '.join(faults)}: {state}"
