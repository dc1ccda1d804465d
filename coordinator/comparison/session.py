"""A comparison from its configuration to its findings, new or resumed.

    comparison.json                       configuration as resolved, versions, schema version
    study.db                              Optuna's studies, one for each tuned strategy
    tuning/<strategy>/<trial>/<search>/   run folders of the trials
    runs/<variant>/<seed>/                run folders of the final phase
    final/<variant>/<seed>.json           score of a search of the final phase, and its episodes
    trials.parquet, results.parquet, anytime.parquet, findings.json, report.html

A search goes on from its last committed generation, a trial and the final phase from the last
search that was finished. A kill costs at most one generation and changes no number.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.comparison import (
    SCHEMA_VERSION,
    final,
    result_tables,
    studies,
    tuning,
)
from spikeloop.coordinator.comparison.comparison import ComparisonReporter, OpenComparison
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig, parse
from spikeloop.coordinator.comparison.findings.findings import Findings, findings
from spikeloop.coordinator.config.own_classes import code_of
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.search.worker_pool import open_workers
from spikeloop.coordinator.store import atomic_files, manifest, new_folder, run_folder
from spikeloop.coordinator.store.folder_kind import COMPARISON_MANIFEST as MANIFEST
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST
from spikeloop.coordinator.store.lock import locked
from spikeloop.coordinator.store.result_files import FINAL, FINDINGS, STUDIES
from spikeloop.workers.fingerprint import difference
from spikeloop.workers.seeding import Purpose, stream


def start(
    config: ComparisonConfig, folder: Path, reporter: ComparisonReporter, stop: StopSignal
) -> Findings:
    """Run a new comparison in a new folder; ConfigError if that or one of its studies exists."""
    final.check(config)
    with database_errors(config):
        studies.check_new(config)
    new_folder.begin(folder, MANIFEST, _describe(config))
    return _run(config, folder, reporter, stop)


def resume(
    config: ComparisonConfig, folder: Path, reporter: ComparisonReporter, stop: StopSignal
) -> Findings:
    """Continue a comparison, to the numbers of an undisturbed one."""
    final.check(config)
    return _run(config, folder, reporter, stop)


def _run(
    config: ComparisonConfig, folder: Path, reporter: ComparisonReporter, stop: StopSignal
) -> Findings:
    with locked(folder), database_errors(config):
        if found := final.rows(folder):
            reporter.note(f"final phase: {len(found)} results found, as written")
        with open_workers(config.first, stop, reporter, name=folder.name) as pool:
            comparison = OpenComparison(config, folder, pool, reporter)
            best = {name: tuning.tune(comparison, name) for name in config.tuned}
            compared = final.variants(config, best)
            baseline = config.comparison.baseline
            if baseline not in {variant.name for variant in compared}:
                raise RunFailed(
                    f"{baseline}: no trial of its study has a value, so there is no such variant "
                    "to compare with; choose another comparison.baseline"
                )
            final.run_final(comparison, compared)
        result_tables.write(config, folder)
        result = find(config, folder)
        atomic_files.write_json(folder / FINDINGS, result.as_json())
    return result


def read_config(folder: Path, trust: bool = False) -> ComparisonConfig:
    """Read a comparison's configuration; ``trust`` loads the user's own classes, as for a run."""
    path = folder / MANIFEST
    if not path.exists():
        raise ConfigError(f"{folder}: not a comparison (there is no {MANIFEST} in it)")
    value = atomic_files.read_versioned(path, SCHEMA_VERSION)
    tables: Any = value.get("config")
    if not isinstance(tables, dict):
        raise ConfigError(f"{path}: damaged: no configuration in it")
    own = run_folder.classes_folder(value, str(path))
    return parse(tables, str(path), own if trust else None)


def find(config: ComparisonConfig, folder: Path) -> Findings:
    """Compute the findings from the tables; resampling depends on the comparison's seed alone."""
    settings = config.comparison
    results = result_tables.read(folder, "results")
    present = set(results["variant"])
    compared = [(one, other) for one, other in settings.pairs if present >= {one, other}]
    missing = [" and ".join(pair) for pair in settings.pairs if not present.issuperset(pair)]
    found = findings(
        results,
        result_tables.read(folder, "anytime"),
        budget=settings.budget,
        target=settings.target,
        baseline=settings.baseline,
        pairs=compared,
        rng=stream(settings.seed, Purpose.BOOTSTRAP),
    )
    caution = "Planned, but not compared, because no trial of a study has a value: {}."
    cautions = [caution.format(pair) for pair in missing]
    return replace(found, cautions=(*found.cautions, *cautions))


def episodes_to_come(config: ComparisonConfig, folder: Path) -> int:
    """Estimate the episodes still to come, held-out ones included.

    Trials are counted by their run folders; the one that is running counts as whole.
    """
    settings, tuning_, transfer = config.comparison, config.tuning, config.first.transfer
    measured = (settings.measurements + 2) * transfer.monitor_tasks
    n_searches = (len(config.given) + len(config.tuned)) * settings.seeds
    n_searches -= len(list((folder / FINAL).glob("*/*.json")))
    n_trials = len(config.tuned) * tuning_.episodes // settings.budget
    n_trials -= len(list((folder / "tuning").glob(f"*/*/*/{RUN_MANIFEST}")))
    trial = settings.budget + (2 * tuning.CHECKPOINTS + 2) * transfer.monitor_tasks + tuning_.tasks
    return n_searches * (settings.budget + measured + transfer.tasks) + max(n_trials, 0) * trial


def is_finished(folder: Path) -> bool:
    """Tell whether there are findings, and about every search that is there."""
    if not (folder / FINDINGS).exists():
        return False
    return len(result_tables.read(folder, "results")) == len(
        list((folder / FINAL).glob("*/*.json"))
    )


def require_same_config(config: ComparisonConfig, folder: Path) -> None:
    """ConfigError with the first key in which a comparison differs from the one in a folder.

    The target may differ, because it changes no result.
    """
    path = folder / MANIFEST
    given = config.tables()
    own: Any = {**atomic_files.read_versioned(path, SCHEMA_VERSION)["config"]}
    own["target"] = given["target"]
    if own.get("strategies", {}).keys() == given["strategies"].keys():
        # Parsed and not compared as it stands, because a later version may have more keys.
        own = parse(own, str(path), config.first.working_dir or Path()).tables()
    for key, found, wanted in _differences(own, given):
        raise ConfigError(
            f"{folder}: begun with {key} = {found!r}, not {wanted!r}; give it that value again, or "
            "the comparison another name or folder"
        )


def _differences(
    own: Mapping[str, Any], given: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the keys whose values differ, with both values; keys of inner tables are dotted."""
    for key in dict.fromkeys((*given, *own)):
        found, wanted = own.get(key), given.get(key)
        if isinstance(found, Mapping) and isinstance(wanted, Mapping):
            yield from _differences(found, wanted, f"{above}{key}.")
        elif found != wanted:
            yield f"{above}{key}", found, wanted


def changed_code(config: ComparisonConfig, folder: Path) -> str:
    """Describe what differs between this code and the code that began a comparison, or give ""."""
    begun: Any = atomic_files.read_json(folder / MANIFEST)
    return difference(code_of(config.first), begun.get("fingerprint", {}))


@contextmanager
def database_errors(config: ComparisonConfig) -> Iterator[None]:
    """Raise a PoolError of one line if the database of the studies cannot be used."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, sqlite3.Error) as error:
        where = "tuning.storage" if config.tuning.storage else STUDIES
        line = " ".join(str(error).split())[:300]
        raise PoolError(f"{where}: the studies cannot be read or written: {line}") from error


def _describe(config: ComparisonConfig) -> dict[str, Any]:
    described = manifest.describe(config.first)
    packages = {name: metadata.version(name) for name in ("optuna", "scipy", "cmaes")}
    return {
        "schema_version": SCHEMA_VERSION,
        **described,
        "config": config.tables(),
        "versions": {**described["versions"], **packages},
    }
