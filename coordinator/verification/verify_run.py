"""Checks a run folder: every file is readable, every number agrees with the episodes behind it."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from spikeloop.coordinator.config.run_config import RunConfig, RunSettings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.stats.scores import held_out_of
from spikeloop.coordinator.store import schemas
from spikeloop.coordinator.store.integrity import examine
from spikeloop.coordinator.store.manifest import read_config
from spikeloop.coordinator.store.run_store import ONCE, PARTS, RunStore
from spikeloop.coordinator.store.states import state_after
from spikeloop.coordinator.verification.replay import fitness, race_problems, rule_problems

KEYS = {
    "episodes": ["generation", "candidate", "task"],
    "candidates": ["generation", "candidate"],
    "generations": ["generation"],
    "curves": ["generation", "task"],
    "finalists": ["generation", "task"],
    "transfer": ["transfer_seed", "theta", "point", "task"],
    "other_transfers": ["file", "transfer_seed", "theta", "point", "task"],
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


def verify(store: RunStore, trust: bool = False) -> Report:
    """Reads every file of the run, checks its checksum, and then the run's invariants.

    Numbers are compared only if all files are sound: what follows from a damaged file says nothing.

    Args:
        store: of the run.
        trust: load the own classes that it names, as for ``read_config``.
    """
    report = Report()
    store = store.as_of_now()
    config = read_config(store, trust)
    last = store.generation()
    found = examine(config, store)
    report.checked.append(
        f"{found.n_files} files are as they were written, under their own names, by this run"
    )
    report.problems += [damage.what for damage in found.damages]
    stray = store.uncommitted()
    if stray:
        report.checked.append(
            f"{len(stray)} file(s) of a commit that is going on or was interrupted; resume removes "
            "the latter"
        )
    if last < 0:
        report.checked.append("no generation is committed yet")
    if found.damages:
        report.checked.append("numbers were not compared, because of the problems with files")
        return report
    _verify_states(config, store, last, report)
    columns = _columns(config)
    frames = {name: _read(store, name, columns[name], report) for name in (*PARTS, *ONCE)}
    episodes, candidates, curves, generations, finalists, transfer, _ = frames.values()
    finished = last >= config.run.generations
    if episodes is not None and candidates is not None and generations is not None:
        rows = _rows(generations)
        finished = finished or (bool(rows) and config.stop.ends(rows[-1].get("stopped")))
        _verify_sums(config.run, episodes, candidates, generations, report)
        _verify_held_out(config, last, finished, generations, curves, report)
        report.problems += rule_problems(config, rows, candidates)
        if finalists is not None:
            report.problems += race_problems(config, store, finalists)
        if sorted(generations["generation"]) != list(range(1, last + 1)):
            report.problems.append(f"generations: not exactly one row for each of 1..{last}")
        expected = generations["n_episodes"].sum()
        if len(episodes) != expected:
            report.problems.append(
                f"episodes: {len(episodes)} rows, the generations count {expected}"
            )
    elif last > 0:
        report.problems.append(f"{last} generations are committed, but not all their tables exist")
    if not finished:
        report.checked.append(f"unfinished: {max(last, 0)} of {config.run.generations} generations")
    elif transfer is None:
        report.checked.append(
            "unfinished: the transfer to held-out tasks is missing; resume it, unless it is a "
            "search of a comparison, which has none"
        )
    if not report.problems and last > 0:
        report.checked.append("fitness, held-out scores and counts follow from the episodes")
    return report


def _verify_states(config: RunConfig, store: RunStore, last: int, report: Report) -> None:
    committed = [number for _, number in store.states() if number <= last]
    for generation in committed:
        try:
            config.strategy.recommend(state_after(config, store, generation))
        except ConfigError as error:
            report.problems.append(str(error))
        except ValueError as error:
            report.problems.append(f"{store.state_path(generation)}: {error}")
    if committed:
        report.checked.append(f"state: {len(committed)} file(s)")


def _read(store: RunStore, name: str, columns: set[str], report: Report) -> pd.DataFrame | None:
    """All committed parts of a table that have its columns."""
    last = store.generation()
    frames: list[pd.DataFrame] = []
    for path, number in store.parts(name):
        if name not in ONCE and number > last:
            continue
        part = store.read_part(path)
        if missing := columns - set(part.column_names):
            report.problems.append(f"{path}: columns missing: {', '.join(sorted(missing))}")
        else:
            frames.append(part.to_pandas().assign(file=path.name))
    if not frames:
        return None
    frame = pd.concat(frames, ignore_index=True)
    report.checked.append(f"{name}: {len(frames)} file(s), {len(frame)} rows")
    if twice := int(frame.duplicated(KEYS[name]).sum()):
        report.problems.append(f"{name}: {twice} rows stand twice")
    return frame


def _columns(config: RunConfig) -> dict[str, set[str]]:
    """The columns that each table must have."""
    tables = {
        "episodes": schemas.EPISODES,
        "candidates": schemas.candidates(config.space),
        "generations": schemas.generations(()),
        "curves": schemas.CURVES,
        "finalists": schemas.FINALISTS,
        "transfer": schemas.TRANSFER,
        "other_transfers": schemas.TRANSFER,
    }
    return {name: set(schema.names) for name, schema in tables.items()}


def _rows(generations: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """The rows of all generations in order, with None where a value is missing."""
    ordered = generations.sort_values("generation")
    return ordered.astype(object).where(ordered.notna(), None).to_dict("records")


def _verify_held_out(
    config: RunConfig,
    last: int,
    finished: bool,
    generations: pd.DataFrame,
    curves: pd.DataFrame | None,
    report: Report,
) -> None:
    """Recomputes the held-out scores, intervals included, from their episodes."""
    planned = config.transfer.monitored(config.run.generations)
    expected = [g for g in planned if g <= last]
    if finished and planned and last not in expected:  # whatever ends a search, it ends with one
        expected.append(last)
    found = [] if curves is None else sorted(set(curves["generation"]))
    if found != expected:
        report.problems.append(
            f"curves: held-out episodes of generations {found}, not of {expected}"
        )
    if curves is None:
        return
    rows = generations.set_index("generation")
    for generation in set(found) & set(rows.index):
        episodes = curves[curves["generation"] == generation]
        again = held_out_of(episodes, config.run.seed, generation)
        written = rows.loc[generation, ["held_out_score", "held_out_low", "held_out_high"]]
        values = np.array([again.value, again.low, again.high])
        if not np.allclose(written.to_numpy(float), values, rtol=1e-9, equal_nan=True):
            report.problems.append(
                f"generations: held-out score of {generation} does not follow from its episodes"
            )


def _verify_sums(
    run: RunSettings,
    episodes: pd.DataFrame,
    candidates: pd.DataFrame,
    generations: pd.DataFrame,
    report: Report,
) -> None:
    """Recomputes fitness from episodes, and generations from candidates."""
    episodes_done = dict(list(episodes.groupby("generation")))
    for generation, told in candidates.sort_values("candidate").groupby("generation"):
        again, fair = fitness(episodes_done.get(generation, episodes.iloc[:0]), run, len(told))
        if not np.allclose(told["fitness"], again, rtol=1e-9, equal_nan=True):
            report.problems.append(
                f"candidates: a fitness of generation {generation} does not follow from episodes"
            )
        elif not fair:
            report.problems.append(
                f"episodes: who met all tasks of generation {generation} does not follow "
                "from the race"
            )
    by_generation = candidates.groupby("generation")["fitness"]
    rows = generations.set_index("generation")
    for column, value in (("best", by_generation.max()), ("mean", by_generation.mean())):
        if not np.allclose(rows[column], value.reindex(rows.index), rtol=1e-9, atol=1e-12):
            report.problems.append(f"generations: {column} does not follow from the candidates")
    failed = (
        episodes.assign(failed=episodes["status"] != "ok").groupby("generation")["failed"].sum()
    )
    if not (rows["n_failed"] == failed.reindex(rows.index)).all():
        report.problems.append("generations: n_failed does not follow from the episodes")
