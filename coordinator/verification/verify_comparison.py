"""Checks a comparison's folder: its study, every search in it, and that the findings follow."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikeloop.coordinator.comparison import (
    final as contest,
)
from spikeloop.coordinator.comparison import (
    result_tables,
    session,
    studies,
    trial_records,
)
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.trust import databases, require
from spikeloop.coordinator.verification import verify_run
from spikeloop.coordinator.verification.verify_run import Report


def verify(folder: Path, trust: bool = False) -> Report:
    """Reads every file of a comparison, checks its checksum, and then what should follow from what.

    Args:
        folder: of the comparison.
        trust: whether what its configuration names elsewhere is used.

    Raises:
        ConfigError: the folder is no comparison, its ``comparison.json`` is damaged, or it needs
            trust.
    """
    config, trusted = session.read(folder, trust)
    require(folder, databases(config.tables()), trusted)
    report = Report()
    with session.database_errors(config):
        trials = _verify_studies(config, folder, report)
    _verify_searches(folder, report, trust)
    _verify_contest(config, folder, report)
    _verify_findings(config, folder, trials, report)
    return report


def _verify_studies(
    config: ComparisonConfig, folder: Path, report: Report
) -> list[Mapping[str, Any]] | None:
    """Compares each study with the records of its trials; gives rows of all trials, if sound."""
    rows: list[Mapping[str, Any]] = []
    sound = True
    for strategy in config.tuned:
        try:
            study = studies.existing_study(config, folder, strategy)
            found = (
                None if study is None else studies.checked_trials(config, folder, strategy, study)
            )
        except ConfigError as error:
            report.problems.append(str(error))
            sound = False
            continue
        trials, lacking = found or ([], trial_records.finished(folder, strategy))
        if lacking:
            numbers = ", ".join(map(str, lacking))
            report.problems.append(
                f"study of {strategy}: it lacks number {numbers}, which was recorded; resume tells "
                "it again"
            )
            sound = False
        report.checked.append(f"study of {strategy}: {len(trials)} trials, as recorded")
        rows += [result_tables.trial_row(strategy, t) for t in trials if t.state.is_finished()]
    return rows if sound else None


def _verify_searches(folder: Path, report: Report, trust: bool) -> None:
    """Verifies the run folder of every search."""
    # Folders are looked for, because a search whose run.json is a link to nowhere counts too.
    runs = sorted([*folder.glob("tuning/*/*/*"), *folder.glob("runs/*/*")])
    runs = [run for run in runs if os.path.lexists(run / "run.json")]
    for run in runs:
        try:
            found = verify_run.verify(RunStore.open(run), trust).problems
        except ConfigError as error:
            found = [str(error)]
        name = str(run.relative_to(folder))
        report.problems += [line if str(run) in line else f"{name}: {line}" for line in found]
    report.checked.append(f"searches: {len(runs)} run folders verified, each like a run")


def _verify_contest(config: ComparisonConfig, folder: Path, report: Report) -> None:
    """Whether every score is that of its held-out episodes."""
    seeds = studies.run_seeds(config, studies.CONTEST, config.comparison.seeds)
    paths = sorted((folder / "contest").glob("*/*.json"))
    for path in paths:
        try:
            row = contest.read(path)
            episodes = path.with_suffix(".parquet")
            frame = atomic_files.read_parquet(episodes).to_pandas() if row["generations"] else None
        except ConfigError as error:
            report.problems.append(str(error))
            continue
        if row["run_seed"] != seeds[row["seed_index"]]:
            report.problems.append(f"{path}: its seed is not that of this comparison")
        if frame is not None and row["score"] is not None:
            ok = frame[frame["status"] == "ok"]
            gain, span = (ok["return"] - ok["random"]).sum(), (ok["optimal"] - ok["random"]).sum()
            if abs(row["score"] - gain / span) > 1e-9 * max(1.0, abs(row["score"])):
                report.problems.append(f"{path}: the score does not follow from {episodes.name}")
    report.checked.append(f"contest: {len(paths)} results, scores follow from held-out episodes")


def _verify_findings(
    config: ComparisonConfig,
    folder: Path,
    trials: list[Mapping[str, Any]] | None,
    report: Report,
) -> None:
    """Whether the tables follow from studies and contest, and the findings from the tables."""
    path = folder / "findings.json"
    if not path.exists():
        report.checked.append("unfinished: there are no findings yet")
        return
    wrong = []
    try:
        results, anytime = result_tables.contest_rows(folder)
        written = atomic_files.read_json(path)
        for name, rows in (("trials", trials), ("results", results), ("anytime", anytime)):
            found = result_tables.read(folder, name)
            if rows is not None and not found.equals(result_tables.table(name, rows).to_pandas()):
                wrong.append(f"{folder / name}.parquet: it does not follow from what it sums up")
    except ConfigError as error:
        if str(error) not in report.problems:
            report.problems.append(str(error))
        return
    if not wrong and json.loads(json.dumps(session.find(config, folder).as_json())) != written:
        wrong.append(f"{path}: the findings do not follow from the tables")
    report.problems += wrong
    if not report.problems:
        report.checked.append("tables and findings follow from studies and contest")
