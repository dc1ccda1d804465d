"""A comparison from its configuration to its findings, new or resumed.

    comparison.json      configuration as resolved, versions, schema version
    study.db             Optuna's studies, one for each tuned strategy
    tuning/<strategy>/<trial>/<search>/   run folders of the trials
    runs/<contestant>/<seed>/             run folders of the contest
    contest/<contestant>/<seed>.json      what a search of the contest came to, and its lives
    trials.parquet, results.parquet, anytime.parquet, findings.json, report.html

A search goes on from its last committed generation, a trial and a contest from the last search that
was finished; so a kill at any instant costs one generation, and changes no number.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.stop import StopSignal
from spikeloop.coordinator import files, manifest
from spikeloop.coordinator.analysis.findings import Findings, findings
from spikeloop.coordinator.comparison import contest, frames, tuning
from spikeloop.coordinator.comparison.config import ComparisonConfig, parse
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.session import warm_up_job
from spikeloop.coordinator.store import RunStore
from spikeloop.workers.seeding import Purpose, stream

SCHEMA_VERSION = 1
MANIFEST = "comparison.json"


class ComparisonReporter(tuning.TrialReporter, contest.ContestReporter, Protocol):
    """A reporter that is also told of the pool."""

    def pool(self, description: str) -> None:
        """The workers are ready."""
        ...


def start(
    config: ComparisonConfig, folder: Path, reporter: ComparisonReporter, stop: StopSignal
) -> Findings:
    """Holds a new comparison in a new folder; ConfigError if that exists."""
    if folder.exists() and any(folder.iterdir()):
        hint = (
            f"go on with: spikeloop resume {folder}"
            if (folder / MANIFEST).exists()
            else "choose another with --out"
        )
        raise ConfigError(f"{folder}: the folder exists already; {hint}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.write_json(folder / MANIFEST, _describe(config))
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written ({error.strerror}); choose another with --out"
        ) from error
    return resume(config, folder, reporter, stop)


def resume(
    config: ComparisonConfig, folder: Path, reporter: ComparisonReporter, stop: StopSignal
) -> Findings:
    """Goes on wherever the comparison stands, to the numbers of an undisturbed one."""
    with RunStore(folder).locked(), _database_errors(config):
        first = config.first
        with first.target.open(warm_up_job(first), stop, first.working_dir) as pool:
            reporter.pool(pool.description)
            best = {
                name: tuning.tune(config, name, folder, pool, reporter) for name in config.tuned
            }
            entrants = list(contest.contestants(config, best))
            contest.hold(config, entrants, folder, pool, reporter)
        frames.write(config, folder)
        found = find(config, folder)
        files.write_json(folder / "findings.json", found.as_json())
    return found


def read_config(folder: Path) -> ComparisonConfig:
    """The configuration of an existing comparison."""
    path = folder / MANIFEST
    try:
        value: Any = files.read_json(path)
        tables, version = value["config"], value["schema_version"]
    except OSError as error:
        raise ConfigError(f"{folder}: not a comparison ({MANIFEST}: {error.strerror})") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: damaged: {error}") from error
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"{folder}: written with schema version {version}, this program reads {SCHEMA_VERSION}"
        )
    return parse(tables, str(path), Path(value.get("working_dir") or ".").resolve())


def find(config: ComparisonConfig, folder: Path) -> Findings:
    """What the comparison shows, from its frames; resampling depends on its seed alone."""
    settings = config.comparison
    results = frames.read(folder, "results")
    present = set(results["arm"])
    return findings(
        results,
        frames.read(folder, "anytime"),
        budget=settings.budget,
        target=settings.target,
        baseline=settings.baseline,
        pairs=[(one, other) for one, other in settings.pairs if present >= {one, other}],
        rng=stream(settings.seed, Purpose.BOOTSTRAP),
    )


def lives_to_come(config: ComparisonConfig) -> int:
    """Search lives of the whole comparison, at most."""
    settings = config.comparison
    n_searches = (len(config.given) + len(config.tuned)) * settings.seeds
    return len(config.tuned) * config.tuning.lives + n_searches * settings.budget


@contextmanager
def _database_errors(config: ComparisonConfig) -> Iterator[None]:
    """Says in one line that the studies' database cannot be used."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, ImportError) as error:
        where = "tuning.storage" if config.tuning.storage else "study.db"
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
