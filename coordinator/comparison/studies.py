"""The Optuna study of one strategy: where it is kept, what it may tune, and its next trial.

The database is the record of all trials that have ended. A trial is drawn and run in a copy of the
study in memory and added to the database, in one transaction, when it has ended. Its settings are a
function of the trials before it and of a seed that follows from the comparison's and the trial's
number. So an interrupted study has the trials of an undisturbed one.
"""

import re
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.tunable_space import defaults, distributions
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import reading
from spikeloop.coordinator.store.result_files import STUDIES
from spikeloop.workers.seeding import Purpose, seeds
from spikeloop.workers.space import ParameterSpace

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

"""The file of the studies, unless ``tuning.storage`` names another database."""

TUNING, FINAL, SAMPLER = 0, 1, 2
"""Coordinates of the seeds: searches that tune never share a seed with those of the final phase."""


def run_seeds(config: ComparisonConfig, phase: int, n: int) -> list[int]:
    """Give the seeds of the searches of a phase, the same for every strategy."""
    drawn = seeds(config.comparison.seed, Purpose.COMPARISON, phase, n=n)
    return [int(seed >> np.uint64(1)) for seed in drawn]  # run.seed is below 2**63


def study_name(config: ComparisonConfig, strategy: str) -> str:
    """Name the study of a strategy."""
    return f"{config.comparison.name}/{strategy}"


def check_new(config: ComparisonConfig) -> None:
    """Raise ConfigError if a shared database already holds a study of this comparison's name."""
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
    """Open the study of a strategy, or make it."""
    import optuna

    with _storage(config, folder, strategy) as storage:
        name = study_name(config, strategy)
        return optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True
        )


def trials_of(config: ComparisonConfig, folder: Path, strategy: str) -> "list[FrozenTrial]":
    """Read the trials of a strategy, by number; none if there is no study of it yet.

    Raises:
        ConfigError: the database is damaged, or holds trials that this comparison did not add.
    """
    import optuna

    if not config.tuning.storage and not (folder / STUDIES).exists():
        return []
    with _storage(config, folder, strategy) as storage:
        try:
            study = optuna.load_study(storage=storage, study_name=study_name(config, strategy))
        except KeyError:
            return []
        trials = study.get_trials(deepcopy=False)
        for number, trial in enumerate(trials):
            known = trial.state.is_finished() and isinstance(trial.user_attrs.get("charged"), int)
            if trial.number != number or not known:
                raise ValueError(f"trial {number} of {strategy} is not of this comparison")
        return trials


def next_trial(
    config: ComparisonConfig,
    strategy: str,
    space: ParameterSpace,
    trials: "Sequence[FrozenTrial]",
) -> "Trial":
    """Draw the trial that follows all others, in a copy of their study; 0 has the defaults."""
    import optuna

    study = optuna.create_study(
        direction="maximize",
        sampler=_sampler(config, strategy, len(trials)),
        pruner=_pruner(config),
    )
    study.add_trials(trials)
    if not trials:
        study.enqueue_trial(defaults(space))
    return study.ask(ranges(trials, space))


def ranges(trials: "Sequence[FrozenTrial]", space: ParameterSpace) -> "dict[str, BaseDistribution]":
    """Give the ranges that a trial is drawn from.

    A study keeps the ranges that it began with, as Optuna demands, even if a later version of this
    program tunes a smaller space.
    """
    laws = distributions(space)
    begun = (dict(t.distributions) for t in trials if t.distributions.keys() == laws.keys())
    return next(begun, laws)


def _sampler(config: ComparisonConfig, strategy: str, number: int) -> "BaseSampler":
    """Make a sampler that is a function of the comparison's seed, the strategy and the trial."""
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


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from printing a line for each study and trial within the block."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def _storage(config: ComparisonConfig, folder: Path, strategy: str) -> Iterator[str]:
    """Give the URL of the database; a ConfigError names it and the remedy if it is damaged.

    Errors of its surroundings, such as a full disk or a server that is gone, pass unchanged.
    """
    url, where = config.tuning.storage, "tuning.storage"
    remedy = f"delete the study {study_name(config, strategy)!r} there"
    try:
        if not url:
            where, remedy = str(folder / STUDIES), "remove it"
            url = f"sqlite:///{folder.resolve() / STUDIES}"
            _check_pages(folder / STUDIES)
        with _driver(), quiet():
            yield url
    except reading.Unreadable as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except (OSError, ConfigError):
        raise
    except Exception as error:  # a garbled cell can raise anything in the code that reads it
        if _is_surroundings(error):
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ConfigError(
            f"{where}: damaged: {reason}; {remedy} and resume: the trials are taken from their run "
            "folders again, to the same numbers"
        ) from error


def _is_surroundings(error: Exception) -> bool:
    """Tell whether a database cannot be used for reasons that lie outside it."""
    from sqlalchemy.exc import OperationalError

    own = error.orig if isinstance(error, OperationalError) else error
    if isinstance(own, sqlite3.Error):
        kinds = ("FULL", "BUSY", "LOCKED", "READONLY", "CANTOPEN", "IOERR", "PERM", "NOMEM")
        return getattr(own, "sqlite_errorname", "").startswith(tuple(f"SQLITE_{k}" for k in kinds))
    return isinstance(error, OperationalError)


def _check_pages(database: Path) -> None:
    """Raise ValueError, or SQLite's own error, if the structure of the database is broken.

    Optuna makes plain tables and indices. A view, a trigger or a virtual table in a folder from
    elsewhere could run a query without end.
    """
    for name in (database, *(Path(f"{database}-{ending}") for ending in ("journal", "wal", "shm"))):
        reading.require_readable(name)
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection:
        for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"):
            if not re.match(r"CREATE (UNIQUE )?(TABLE|INDEX)\b", sql):
                raise ValueError(f"it holds something other than tables: {sql}")
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != ("ok",):
        raise ValueError(found[0])


@contextmanager
def _driver() -> Iterator[None]:
    """Raise ConfigError if the URL of the database is none, or needs a package that is missing."""
    from sqlalchemy.exc import ArgumentError

    try:
        yield
    except (ImportError, ArgumentError) as error:
        raise ConfigError(f"tuning.storage: {' '.join(str(error).split())}") from error
