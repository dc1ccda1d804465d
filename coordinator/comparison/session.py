"""A comparison from its configuration to its findings, new or resumed.

    comparison.json      configuration as resolved, versions, schema version
    study.db             Optuna's studies, one for each tuned strategy
    tuning/<strategy>/<trial>/<search>/   run folders of the trials
    runs/<contestant>/<seed>/             run folders of the contest
    contest/<contestant>/<seed>.json      what a search of the contest came to, and its episodes
    trials.parquet, results.parquet, anytime.parquet, findings.json, report.html

A search goes on from its last committed generation, a trial and a contest from the last search that
was finished; so a kill at any instant costs one generation, and changes no number.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.comparison import (
    MANIFEST,
    SCHEMA_VERSION,
    result_tables,
    studies,
    tuning,
)
from spikeloop.coordinator.comparison import (
    final as contest,
)
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig, parse
from spikeloop.coordinator.comparison.findings.findings import Findings, findings
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.search.processor_mix import watched
from spikeloop.coordinator.search.run_session import warm_up_job
from spikeloop.coordinator.store import atomic_files, begun_runs, manifest
from spikeloop.coordinator.store.lock import locked
from spikeloop.coordinator.store.trust import again, remember
from spikeloop.workers.fingerprint import difference, fingerprint
from spikeloop.workers.seeding import Purpose, stream


class ComparisonReporter(tuning.TrialReporter, contest.ContestReporter, Protocol):
    """A reporter that is also told of the pool."""

    def pool(self, description: str) -> None:
        """The workers are ready."""
        ...


def start(
    config: ComparisonConfig, folder: Path, reporter: ComparisonReporter, stop: StopSignal
) -> Findings:
    """Holds a new comparison in a new folder; ConfigError if that or one of its studies exists."""
    contest.check(config)
    with database_errors(config):
        studies.check_new(config)
    if folder.exists() and any(folder.iterdir()):
        hint = (
            f"go on with: {again('resume', folder)}"
            if (folder / MANIFEST).exists()
            else "choose another with --out"
        )
        raise ConfigError(f"{folder}: the folder exists already; {hint}")
    try:
        atomic_files.make_folder(folder)
        atomic_files.write_json(folder / MANIFEST, _describe(config))
        remember(atomic_files.read_json(folder / MANIFEST))
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written ({error.strerror}); choose another with --out"
        ) from error
    return resume(config, folder, reporter, stop)


def resume(
    config: ComparisonConfig, folder: Path, reporter: ComparisonReporter, stop: StopSignal
) -> Findings:
    """Goes on wherever the comparison stands, to the numbers of an undisturbed one."""
    contest.check(config)
    with locked(folder), database_errors(config):
        if found := contest.rows(folder):
            reporter.note(f"contest: {len(found)} results found, as written")
        first, name = config.first, folder.name
        with first.target.open(
            warm_up_job(first), stop, first.working_dir, name, reporter.note
        ) as opened:
            pool = watched(opened, first, reporter.note)
            reporter.pool(pool.description)
            best = {
                name: tuning.tune(config, name, folder, pool, reporter) for name in config.tuned
            }
            entrants = list(contest.contestants(config, best))
            _check_baseline(config, entrants)
            contest.hold(config, entrants, folder, pool, reporter)
        result_tables.write(config, folder)
        result = find(config, folder)
        atomic_files.write_json(folder / "findings.json", result.as_json())
    return result


def read(folder: Path, trust: bool = False) -> tuple[ComparisonConfig, bool]:
    """The configuration of an existing comparison, and whether it is trusted.

    Args:
        folder: of the comparison.
        trust: load the own classes that it names, as for a run.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise ConfigError(f"{folder}: not a comparison (there is no {MANIFEST} in it)")
    value = atomic_files.read_versioned(path, SCHEMA_VERSION)
    tables: Any = value.get("config")
    if not isinstance(tables, dict):
        raise ConfigError(f"{path}: damaged: no configuration in it")
    own, trusted = manifest.working_folder(value, str(path)), trust or begun_runs.here(value)
    return parse(tables, str(path), own if trusted else None), trusted


def read_config(folder: Path, trust: bool = False) -> ComparisonConfig:
    """The part of ``read`` that most want."""
    return read(folder, trust)[0]


def find(config: ComparisonConfig, folder: Path) -> Findings:
    """What the comparison shows, from its frames; resampling depends on its seed alone."""
    settings = config.comparison
    results = result_tables.read(folder, "results")
    present = set(results["arm"])
    held = [(one, other) for one, other in settings.pairs if present >= {one, other}]
    missing = [" and ".join(pair) for pair in settings.pairs if not present.issuperset(pair)]
    found = findings(
        results,
        result_tables.read(folder, "anytime"),
        budget=settings.budget,
        target=settings.target,
        baseline=settings.baseline,
        pairs=held,
        rng=stream(settings.seed, Purpose.BOOTSTRAP),
    )
    caution = "Planned, but not compared, because no trial of a study came to a value: {}."
    cautions = [caution.format(pair) for pair in missing]
    return replace(found, cautions=(*found.cautions, *cautions))


def _check_baseline(config: ComparisonConfig, entrants: list[contest.Contestant]) -> None:
    """RunFailed if tuning left nothing to compare with, before the contest is held in vain."""
    baseline = config.comparison.baseline
    if baseline not in {entrant.arm for entrant in entrants}:
        raise RunFailed(
            f"{baseline}: no trial of its study came to a value, so there is no such contestant to "
            "compare with; choose another comparison.baseline"
        )


def episodes_to_come(config: ComparisonConfig, folder: Path) -> int:
    """Estimate the episodes still to come, held-out ones included; a trial under way counts whole.

    What was spent on tuning is known only to the studies, so it is estimated from the trials'
    run folders.
    """
    settings, tuning_, transfer = config.comparison, config.tuning, config.first.transfer
    measured = (settings.measurements + 2) * transfer.monitor_tasks
    n_searches = (len(config.given) + len(config.tuned)) * settings.seeds
    n_searches -= len(list((folder / "contest").glob("*/*.json")))
    n_trials = len(config.tuned) * tuning_.episodes // settings.budget
    n_trials -= len(list((folder / "tuning").glob("*/*/*/run.json")))
    trial = settings.budget + (2 * tuning.CHECKPOINTS + 2) * transfer.monitor_tasks + tuning_.tasks
    return n_searches * (settings.budget + measured + transfer.tasks) + max(n_trials, 0) * trial


def changed_code(config: ComparisonConfig, folder: Path) -> str:
    """What differs between this code and the code that began a comparison; "" if nothing does."""
    begun: Any = atomic_files.read_json(folder / MANIFEST)
    return difference(fingerprint(config.first.working_dir), begun.get("fingerprint", {}))


@contextmanager
def database_errors(config: ComparisonConfig) -> Iterator[None]:
    """Says in one line that the studies' database cannot be used."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, sqlite3.Error) as error:
        where = "tuning.storage" if config.tuning.storage else studies.DATABASE
        line = " ".join(str(error).split())[:300]
        raise PoolError(f"{where}: the studies cannot be read or written: {line}") from error


def _describe(config: ComparisonConfig) -> dict[str, Any]:
    described = manifest.describe(config.first)
    del described["config"], described["created"]
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.tables(),
        **described,
        "versions": {
            **described["versions"],
            **{name: metadata.version(name) for name in ("optuna", "scipy", "cmaes")},
        },
    }
