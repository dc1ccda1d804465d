"""The study of one strategy: where it is kept, what it may tune, and what its next trial has.

The settings of a trial are a function of the trials before it and of a seed that follows from the
comparison's and the trial's number, so they are the same however often a study was interrupted.
"""

import re
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloop.coordinator.comparison import trial_records
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.tunable_space import defaults, distributions
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import reading
from spikeloop.workers.seeding import Purpose, seeds
from spikeloop.workers.space import ParameterSpace

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

DATABASE = "study.db"
"""File of the studies, unless ``tuning.storage`` names another place."""

TOLD_AGAIN = "the trials are told again from their folders, to the same numbers"
"""What resuming does without a database."""

TUNING, CONTEST, SAMPLER = 0, 1, 2
"""Coordinates of the seeds: searches that tune never share a seed with those that count."""


def run_seeds(config: ComparisonConfig, stage: int, n: int) -> list[int]:
    """Seeds of the searches of a stage, the same for every strategy."""
    drawn = seeds(config.comparison.seed, Purpose.COMPARISON, stage, n=n)
    return [int(seed >> np.uint64(1)) for seed in drawn]  # run.seed is below 2**63


def storage_url(config: ComparisonConfig, folder: Path) -> str:
    """Where the studies are kept."""
    return config.tuning.storage or f"sqlite:///{folder.resolve() / DATABASE}"


def study_name(config: ComparisonConfig, strategy: str) -> str:
    """Name of a strategy's study."""
    return f"{config.comparison.name}/{strategy}"


def check_new(config: ComparisonConfig) -> None:
    """ConfigError if a database that comparisons share holds a study of this name already."""
    if not config.tuning.storage:
        return
    import optuna

    with _driver():
        taken = set(optuna.get_all_study_names(storage=config.tuning.storage))
    for strategy in config.tuned:
        if (name := study_name(config, strategy)) in taken:
            raise ConfigError(
                f"tuning.storage holds a study {name!r} already; choose another comparison.name"
            )


def open_study(config: ComparisonConfig, folder: Path, strategy: str) -> "Study":
    """The study of a strategy, made if it is new, its trials compared with their records."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _driver(), _undamaged(config, folder, strategy):
        return optuna.create_study(
            storage=storage_url(config, folder),
            study_name=study_name(config, strategy),
            direction="maximize",
            pruner=_pruner(config),
            load_if_exists=True,
        )


def existing_study(config: ComparisonConfig, folder: Path, strategy: str) -> "Study | None":
    """The study of a strategy, checked in the same way; None if there is none."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if not config.tuning.storage and not (folder / DATABASE).exists():
        return None
    with _driver(), _undamaged(config, folder, strategy), suppress(KeyError):
        return optuna.load_study(
            storage=storage_url(config, folder),
            study_name=study_name(config, strategy),
        )
    return None


def checked_trials(
    config: ComparisonConfig, folder: Path, strategy: str, study: "Study"
) -> "tuple[list[FrozenTrial], list[int]]":
    """The trials of a study, compared with their records, and numbers of recorded ones it lacks.

    Raises:
        ConfigError: the study, or a record, is damaged.
    """
    from optuna.study import StudyDirection

    with _undamaged(config, folder, strategy):
        trials = study.get_trials(deepcopy=False)
        if study.direction != StudyDirection.MAXIMIZE:
            raise ValueError(f"the study of {strategy} has another direction")
        try:
            return trials, trial_records.check(trials, folder, strategy)
        except ConfigError as error:
            shared = f"delete the study {study_name(config, strategy)!r} in tuning.storage"
            mend = shared if config.tuning.storage else f"remove {folder / DATABASE}"
            raise ConfigError(
                f"{error}; remove that file if it is there, {mend} and resume: {TOLD_AGAIN}"
            ) from error


@contextmanager
def _undamaged(config: ComparisonConfig, folder: Path, strategy: str) -> Iterator[None]:
    """ConfigError that names the database and says what to do if it is damaged.

    A full disk and the like are no damage, nor is a server that is gone: those errors pass.
    """
    from sqlalchemy.exc import ArgumentError

    if config.tuning.storage:
        where, what = "tuning.storage", f"delete the study {study_name(config, strategy)!r} there"
    else:
        where, what = str(folder / DATABASE), "remove it"
    try:
        if not config.tuning.storage:
            _check_pages(folder / DATABASE)
        yield
    except reading.Unreadable as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except (ConfigError, OSError, ImportError, ArgumentError):
        raise
    except Exception as error:  # whatever a garbled cell makes of the code that reads it
        if _is_surroundings(error):
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ConfigError(f"{where}: damaged: {reason}; {what} and resume: {TOLD_AGAIN}") from error


def _is_surroundings(error: Exception) -> bool:
    """Whether a database cannot be used for reasons that lie outside it."""
    from sqlalchemy.exc import OperationalError

    own = error.orig if isinstance(error, OperationalError) else error
    if isinstance(own, sqlite3.Error):
        kinds = ("FULL", "BUSY", "LOCKED", "READONLY", "CANTOPEN", "IOERR", "PERM", "NOMEM")
        return getattr(own, "sqlite_errorname", "").startswith(tuple(f"SQLITE_{k}" for k in kinds))
    return isinstance(error, OperationalError)


def _check_pages(database: Path) -> None:
    """ValueError, or SQLite's own error, if the structure of the database is broken.

    Optuna makes plain tables and indices. A view could be a question without an end, and a trigger
    or a virtual table more than a question.
    """
    for name in (database, *(Path(f"{database}-{ending}") for ending in ("journal", "wal", "shm"))):
        reading.require_readable(name)
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection:
        for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"):
            if not re.match(r"CREATE (UNIQUE )?(TABLE|INDEX)\b", sql):
                raise ValueError(f"it has something else than tables: {sql}")
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != ("ok",):
        raise ValueError(found[0])


@contextmanager
def _driver() -> Iterator[None]:
    """ConfigError if the database's URL is none, or needs a package that is not installed."""
    from sqlalchemy.exc import ArgumentError

    try:
        yield
    except (ImportError, ArgumentError) as error:
        raise ConfigError(f"tuning.storage: {' '.join(str(error).split())}") from error


def ranges(study: "Study", space: ParameterSpace) -> "dict[str, BaseDistribution]":
    """What Optuna draws a trial from.

    A study keeps what it began with, as Optuna demands: a study of an older program may have a
    larger space.
    """
    laws = distributions(space)
    for trial in study.get_trials(deepcopy=False):
        if trial.distributions.keys() == laws.keys():
            return dict(trial.distributions)
    return laws


def proposal(
    config: ComparisonConfig, study: "Study", strategy: str, space: ParameterSpace
) -> dict[str, Any]:
    """Settings of the next trial, drawn in a copy of the study, which may be thrown away.

    A sampler that draws into the study itself leaves a half-drawn trial when it is killed.

    Args:
        config: of the comparison.
        study: of the strategy.
        strategy: its name.
        space: of what is tuned.
    """
    import optuna

    trials = study.get_trials(deepcopy=False)
    if not trials:
        return defaults(space)
    copy = optuna.create_study(
        direction="maximize", sampler=_sampler(config, strategy, len(trials))
    )
    copy.add_trials(trials)
    return copy.ask(ranges(study, space)).params


def _sampler(config: ComparisonConfig, strategy: str, number: int) -> "BaseSampler":
    """A fresh sampler, a function of the comparison's seed, the strategy and the trial."""
    from optuna.samplers import RandomSampler, TPESampler

    coordinates = (SAMPLER, zlib.crc32(strategy.encode()), number)
    seed = int(seeds(config.comparison.seed, Purpose.COMPARISON, *coordinates, n=1)[0] >> 32)
    if config.tuning.sampler == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=config.tuning.startup_trials, constant_liar=False)


def _pruner(config: ComparisonConfig) -> "BasePruner":
    from optuna.pruners import MedianPruner, NopPruner

    if not config.tuning.prune:
        return NopPruner()
    return MedianPruner(n_startup_trials=config.tuning.startup_trials)
