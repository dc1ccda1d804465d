"""Check a run folder: every file is undamaged, and every number follows from its episodes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spikeloop.coordinator.config.run_config import RunConfig, RunSettings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search.learned_theta import follows
from spikeloop.coordinator.search.transfer import score_warnings, transfer_scores
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.scores import held_out_of, impossible_score
from spikeloop.coordinator.store import schemas
from spikeloop.coordinator.store.commit_order import ONCE, PARTS
from spikeloop.coordinator.store.integrity import examine
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.replay import (
    race_problems,
    recomputed_fitness,
    rule_problems,
)

KEYS = {
    "episodes": ["generation", "candidate", "task"],
    "candidates": ["generation", "candidate"],
    "generations": ["generation"],
    "curves": ["generation", "task"],
    "finalists": ["generation", "task"],
    "transfer": ["transfer_seed", "theta", "point", "task"],
    "other_transfers": ["file", "transfer_seed", "theta", "point", "task"],
}
"""Columns that identify a row; no two rows of a table may agree in all of them."""


@dataclass
class Report:
    """The result of a verification.

    Attributes:
        checked: descriptions of what is in order.
        problems: descriptions of what is not.
        warnings: descriptions of what is as it was written and yet hardly right.
    """

    checked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def verify(store: RunStore, trust: bool = False) -> Report:
    """Read every file of a run, check its checksum, and then the run's invariants.

    Numbers are compared only if all files are undamaged, because nothing follows from a damaged
    file. ``trust`` is as of ``read_run``.
    """
    return verify_opened(read_run(store.as_of_now(), trust))


def verify_opened(run: RunFolder) -> Report:
    """Do the same for a run as of now."""
    report = Report()
    last = run.store.generation()
    found = examine(run)
    report.checked.append(
        f"{found.n_files} files are as they were written, under their own names, by this run"
    )
    report.problems += [damage.what for damage in found.damages]
    if stray := run.store.uncommitted():
        report.checked.append(
            f"{len(stray)} file(s) of a commit that is going on or was interrupted; resume removes "
            "the latter"
        )
    if last < 0:
        report.checked.append("no generation is committed yet")
    if found.damages:
        report.checked.append("numbers were not compared, because of the problems with files")
        return report
    sound = _verify_states(run, report)
    frames = {name: _read(run, name, report) for name in (*PARTS, *ONCE) if name != "theta"}
    if sound:
        _verify_theta(run, report)
    finished = _verify_numbers(run, frames, report)
    report.warnings += _score_warnings(run.config, frames)
    if not finished:
        report.checked.append(
            f"unfinished: {max(last, 0)} of {run.config.run.generations} generations"
        )
    elif frames["transfer"] is None:
        report.checked.append(
            "unfinished: the transfer to held-out tasks is missing; resume it, unless it is a "
            "search of a comparison, which has none"
        )
    if not report.problems and last > 0:
        report.checked.append("fitness, held-out scores and counts follow from the episodes")
    return report


def _verify_states(run: RunFolder, report: Report) -> bool:
    """Check that every state can be read and recommends a point, and tell whether all do."""
    last, n_problems = run.store.generation(), len(report.problems)
    committed = [number for _, number in run.store.states() if number <= last]
    for generation in committed:
        try:
            run.config.strategy.recommend(run.state_after(generation))
        except ConfigError as error:
            report.problems.append(str(error))
        except ValueError as error:
            report.problems.append(f"{run.store.state_path(generation)}: {error}")
    if committed:
        report.checked.append(f"state: {len(committed)} file(s)")
    return len(report.problems) == n_problems


def _verify_theta(run: RunFolder, report: Report) -> None:
    """Check that the learned Θ on file is that of the point to deploy."""
    for path, table in run.store.committed_parts("theta"):
        if follows(run, table):
            report.checked.append(f"theta: {table.num_columns} hyperparameters of the learned Θ")
        else:
            report.problems.append(f"{path}: does not hold the point that the states give")


def _read(run: RunFolder, name: str, report: Report) -> pd.DataFrame | None:
    """Read all committed parts of a table that have its columns."""
    columns = set(schemas.COLUMNS[name])
    if name == "candidates":
        columns = set(schemas.candidates(run.config.space).names)
    frames: list[pd.DataFrame] = []
    for path, part in run.store.committed_parts(name):
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


def _score_warnings(config: RunConfig, frames: dict[str, pd.DataFrame | None]) -> Iterator[str]:
    """Name what is wrong with scores: of the last held-out tasks, and of the transfer."""
    interface, generations = config.held_out_family.interface, frames["generations"]
    measured = None if generations is None else generations.dropna(subset="held_out_score")
    if measured is not None and len(measured):
        last = measured.sort_values("generation").iloc[-1]
        value, low, high = (float(last[f"held_out_{name}"]) for name in ("score", "low", "high"))
        score = Interval(value, low, high, int(last["held_out_tasks"]))
        what = f"the held-out score after generation {last['generation']}"
        if line := impossible_score(what, score, interface):
            yield line
    if (transfer := frames["transfer"]) is not None:
        for _, own in transfer.groupby("transfer_seed"):
            yield from score_warnings(transfer_scores(own, config.run.seed), interface)


def _verify_numbers(run: RunFolder, frames: dict[str, pd.DataFrame | None], report: Report) -> bool:
    """Recompute what follows from the episodes, and tell whether the search has ended."""
    config, last = run.config, run.store.generation()
    episodes, candidates, generations = (
        frames[n] for n in ("episodes", "candidates", "generations")
    )
    if episodes is None or candidates is None or generations is None:
        if last > 0:
            report.problems.append(
                f"{last} generations are committed, but not all their tables exist"
            )
        return last >= config.run.generations
    ordered = generations.sort_values("generation").astype(object)
    rows = ordered.where(ordered.notna(), None).to_dict("records")  # None for what is missing
    ended = bool(rows) and config.stop.ends(rows[-1].get("stopped"))
    finished = ended or last >= config.run.generations
    _verify_sums(config.run, episodes, candidates, generations, report)
    _verify_held_out(config, last, finished, generations, frames["curves"], report)
    report.problems += rule_problems(config, rows, candidates)
    if frames["finalists"] is not None:
        report.problems += race_problems(run, frames["finalists"])
    if sorted(generations["generation"]) != list(range(1, last + 1)):
        report.problems.append(f"generations: not exactly one row for each of 1..{last}")
    expected = generations["n_episodes"].sum()
    if len(episodes) != expected:
        report.problems.append(f"episodes: {len(episodes)} rows, the generations count {expected}")
    return finished


def _verify_held_out(
    config: RunConfig,
    last: int,
    finished: bool,
    generations: pd.DataFrame,
    curves: pd.DataFrame | None,
    report: Report,
) -> None:
    """Recompute the held-out scores, intervals included, from their episodes."""
    planned = config.transfer.monitored(config.run.generations)
    expected = [g for g in planned if g <= last]
    if finished and planned and last not in expected:  # every search ends with one
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
    """Recompute fitness from episodes, and generations from candidates."""
    by_generation = dict(list(episodes.groupby("generation")))
    for generation, written in candidates.sort_values("candidate").groupby("generation"):
        own = by_generation.get(generation, episodes.iloc[:0])
        again, fair = recomputed_fitness(own, run, len(written))
        if not np.allclose(written["fitness"], again, rtol=1e-9, equal_nan=True):
            report.problems.append(
                f"candidates: a fitness of generation {generation} does not follow from episodes"
            )
        elif not fair:
            report.problems.append(
                f"episodes: which candidates met all tasks of generation {generation} does not "
                "follow from the race"
            )
    found = candidates.groupby("generation")["fitness"]
    rows = generations.set_index("generation")
    for column, value in (("best", found.max()), ("mean", found.mean())):
        if not np.allclose(rows[column], value.reindex(rows.index), rtol=1e-9, atol=1e-12):
            report.problems.append(f"generations: {column} does not follow from the candidates")
    failed = (
        episodes.assign(failed=episodes["status"] != "ok").groupby("generation")["failed"].sum()
    )
    if not (rows["n_failed"] == failed.reindex(rows.index)).all():
        report.problems.append("generations: n_failed does not follow from the episodes")
