"""Checks a run folder: every file readable, every number in agreement with the lives it sums up."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spikeloop.coordinator import schemas
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.manifest import read_config
from spikeloop.coordinator.store import PARTS, RunStore
from spikeloop.coordinator.strategies.base import from_arrays

KEYS = {
    "lives": ["generation", "candidate", "task"],
    "candidates": ["generation", "candidate"],
    "generations": ["generation"],
    "curves": ["generation", "task"],
    "transfer": ["transfer_seed", "theta", "point", "task"],
}
"""Columns that name a row; no two rows of a table may agree in all of them."""


@dataclass
class Report:
    """What was found.

    Attributes:
        checked: what is in order, in words.
        problems: what is not.
    """

    checked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def verify(store: RunStore) -> Report:
    """Reads every file of the run with its checksums and checks the run's invariants."""
    report = Report()
    config = read_config(store)
    last = store.generation()
    _verify_states(store, config.strategy, last, report)
    frames = {name: _read(store, name, last, report) for name in (*PARTS, "transfer")}
    for name, frame in frames.items():
        if frame is not None and (twice := int(frame.duplicated(KEYS[name]).sum())):
            report.problems.append(f"{name}: {twice} rows stand twice")
    lives, candidates, generations = (frames[n] for n in ("lives", "candidates", "generations"))
    if lives is not None and candidates is not None and generations is not None:
        _verify_sums(lives, candidates, generations, report)
        if sorted(generations["generation"]) != list(range(1, last + 1)):
            report.problems.append(f"generations: not exactly one row for each of 1..{last}")
        expected = generations["n_lives"].sum()
        if len(lives) != expected:
            report.problems.append(f"lives: {len(lives)} rows, the generations count {expected}")
    elif last > 0:
        report.problems.append(f"{last} generations are committed, but not all their tables exist")
    stray = [p.name for p in store.folder.glob("**/.*.tmp")]
    for name in PARTS:
        stray += [path.name for path, number in store.parts(name) if number > last]
    if stray:
        report.checked.append(f"{len(stray)} file(s) of an interrupted commit; resume removes them")
    return report


def _verify_states(store: RunStore, strategy: object, last: int, report: Report) -> None:
    if last < 0:
        report.checked.append("no generation is committed yet")
        return
    found = 0
    for generation in range(last + 1):
        try:
            state = from_arrays(type(strategy).State, store.state(generation))  # type: ignore[attr-defined]
            strategy.recommend(state)  # type: ignore[attr-defined]
            found += 1
        except (ConfigError, ValueError) as error:
            report.problems.append(f"state {generation}: {error}")
    report.checked.append(f"state: {found} of {last + 1} files read")


def _read(store: RunStore, name: str, last: int, report: Report) -> pd.DataFrame | None:
    frames: list[pd.DataFrame] = []
    for path, number in store.parts(name):
        if name != "transfer" and number > last:
            continue
        try:
            single = store.read_part(path)
        except ConfigError as error:
            report.problems.append(str(error))
            continue
        version = (single.schema.metadata or {}).get(b"schema_version", b"none").decode()
        if version != str(schemas.SCHEMA_VERSION):
            report.problems.append(f"{path}: schema version {version}")
        frames.append(single.to_pandas())
    if not frames:
        return None
    report.checked.append(f"{name}: {len(frames)} file(s), {sum(map(len, frames))} rows")
    return pd.concat(frames, ignore_index=True)


def _verify_sums(
    lives: pd.DataFrame, candidates: pd.DataFrame, generations: pd.DataFrame, report: Report
) -> None:
    """Recomputes fitness from lives, and generations from candidates."""
    ok = lives[lives["status"] == "ok"]
    sums = (
        ok.assign(gain=ok["return"] - ok["random"], span=ok["optimal"] - ok["random"])
        .groupby(["generation", "candidate"])[["gain", "span"]]
        .sum()
    )
    fitness = candidates.set_index(["generation", "candidate"])["fitness"]
    again = (sums["gain"] / sums["span"]).reindex(fitness.index)
    if not np.allclose(fitness, again, rtol=1e-9, atol=1e-12, equal_nan=True):
        report.problems.append("candidates: a fitness does not follow from its lives")
    by_generation = candidates.groupby("generation")["fitness"]
    rows = generations.set_index("generation")
    for column, value in (("best", by_generation.max()), ("mean", by_generation.mean())):
        if not np.allclose(rows[column], value.reindex(rows.index), rtol=1e-9, atol=1e-12):
            report.problems.append(f"generations: {column} does not follow from the candidates")
    failed = lives.assign(failed=lives["status"] != "ok").groupby("generation")["failed"].sum()
    if not (rows["n_failed"] == failed.reindex(rows.index)).all():
        report.problems.append("generations: n_failed does not follow from the lives")
    report.checked.append("fitness, generation and failure counts follow from the lives")
