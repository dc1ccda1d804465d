"""Checks a comparison's folder: its studies, every search in it, and that the findings follow."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeloop.coordinator.comparison import (
    final,
    result_tables,
    session,
    studies,
    variant_search,
)
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.tunable_space import settings_of
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.stats.scores import frame_gain_and_span
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.result_files import FINAL, FINDINGS
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.trust import databases, require
from spikeloop.coordinator.verification.run_folders import verify_runs
from spikeloop.coordinator.verification.verify_run import Report

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def verify(folder: Path, trust: bool = False) -> Report:
    """Read every file of a comparison, check its checksum, and what should follow from what.

    Args:
        folder: of the comparison.
        trust: whether what its configuration names elsewhere is used.

    Raises:
        ConfigError: the folder is no comparison, its ``comparison.json`` is damaged, or it needs
            trust.
    """
    config = session.read_config(folder, trust)
    require(folder, databases(config.tables()), trust)
    report = Report()
    with session.database_errors(config):
        trials = _verify_studies(config, folder, report)
    n_runs = verify_runs(folder, ("tuning/*/*/*", "runs/*/*"), report, trust)
    report.checked.append(f"searches: {n_runs} run folders verified, each like a run")
    _verify_final(config, folder, report)
    _verify_findings(config, folder, trials, report)
    return report


def _verify_studies(
    config: ComparisonConfig, folder: Path, report: Report
) -> list[Mapping[str, Any]] | None:
    """Compare each study with the run folders of its trials; give rows of all trials, if sound."""
    finished = (folder / FINDINGS).exists()
    sound = True
    for strategy in config.tuned:
        try:
            trials = studies.trials_of(config, folder, strategy)
        except ConfigError as error:
            report.problems.append(str(error))
            sound = False
            continue
        begun = len(list((folder / "tuning" / strategy).glob("*")))
        if begun > len(trials) + (0 if finished else 1):
            report.problems.append(
                f"study of {strategy}: it has {len(trials)} trials, but {begun} have run folders; "
                "resume takes them from there again"
            )
            sound = False
        for trial in trials:
            report.problems += _trial_problems(config, folder, strategy, trial)
        report.checked.append(f"study of {strategy}: {len(trials)} trials, as in their run folders")
    return result_tables.trial_rows(config, folder) if sound else None


def _trial_problems(
    config: ComparisonConfig, folder: Path, strategy: str, trial: "FrozenTrial"
) -> Iterator[str]:
    """Compare settings and number of episodes of a trial with its run folders."""
    if trial.state.name == "FAIL":
        return
    settings = variant_search.with_settings(config, strategy, settings_of(trial.params))
    episodes = 0
    with suppress(ConfigError):  # a damaged run folder is reported with the searches
        for path in (folder / "tuning" / strategy / f"{trial.number:06d}").glob("*/run.json"):
            store = RunStore.open(path.parent)
            if store.manifest()["config"]["strategy"] != settings.model_dump(mode="json"):
                yield f"study of {strategy}: trial {trial.number} has other settings than its run"
            race = store.finalists(store.generation())
            episodes += store.total_episodes() + (0 if race is None else race.num_rows)
        if episodes != trial.user_attrs.get("episodes"):
            yield f"study of {strategy}: trial {trial.number} differs from its run folders"


def _verify_final(config: ComparisonConfig, folder: Path, report: Report) -> None:
    """Check that every score follows from its held-out episodes."""
    seeds = studies.run_seeds(config, studies.FINAL, config.comparison.seeds)
    paths = sorted((folder / FINAL).glob("*/*.json"))
    for path in paths:
        try:
            row = final.read(path)
            episodes = path.with_suffix(".parquet")
            frame = atomic_files.read_parquet(episodes).to_pandas() if row["generations"] else None
        except ConfigError as error:
            report.problems.append(str(error))
            continue
        if row["run_seed"] != seeds[row["seed_index"]]:
            report.problems.append(f"{path}: its seed is not that of this comparison")
        if frame is not None and row["score"] is not None:
            gain, span = (x.sum() for x in frame_gain_and_span(frame))
            if abs(row["score"] - gain / span) > 1e-9 * max(1.0, abs(row["score"])):
                report.problems.append(f"{path}: the score does not follow from {episodes.name}")
    report.checked.append(
        f"final phase: {len(paths)} results, scores follow from held-out episodes"
    )


def _verify_findings(
    config: ComparisonConfig,
    folder: Path,
    trials: list[Mapping[str, Any]] | None,
    report: Report,
) -> None:
    """Check that tables follow from studies and final phase, and the findings from the tables."""
    path = folder / FINDINGS
    if not path.exists():
        report.checked.append("unfinished: there are no findings yet")
        return
    wrong = []
    try:
        results, anytime = result_tables.final_rows(folder)
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
        report.checked.append("tables and findings follow from studies and final phase")
