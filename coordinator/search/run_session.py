"""One run from its configuration to its last figure, new or resumed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from spikeloop.cluster.pool import PoolError, WorkerPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.run_config import RunConfig, TransferSettings
from spikeloop.coordinator.config.stopping import words
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.search import baselines, finished_run
from spikeloop.coordinator.search import rows as tables
from spikeloop.coordinator.search.deployment import deploy, deployed, deployed_generation
from spikeloop.coordinator.search.loop import max_generations, search
from spikeloop.coordinator.search.processor_mix import watched
from spikeloop.coordinator.search.reporter import Reporter
from spikeloop.coordinator.search.transfer import Transfer, score_transfer, transfer_size
from spikeloop.coordinator.store import manifest
from spikeloop.coordinator.store.integrity import examine, refuse
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.trust import again
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.coordinator.sync.background_upload import Copying, copy_of, copying
from spikeloop.coordinator.sync.download import BadCopy
from spikeloop.tasks.base import FloatArray
from spikeloop.workers import garbage_collection
from spikeloop.workers.garbage_collection import RARELY
from spikeloop.workers.job import Grid, Job, Tile
from spikeloop.workers.seeding import TaskSet

OnEnd = Callable[[RunStore], object]


def nothing(store: RunStore) -> None:
    """The default of ``on_end``: leaves a finished run as it is."""
    del store


class SessionReporter(Reporter, Protocol):
    """A reporter that is also told of the pool."""

    def pool(self, description: str) -> None:
        """The workers are ready."""
        ...

    def note(self, text: str) -> None:
        """Something that needs a line of its own."""
        ...


def begun(config: RunConfig, folder: Path, note: Callable[[str], None]) -> RunStore | None:
    """The run of this configuration in a folder, to be resumed; None if it is still to be started.

    A folder that is lost is brought back from the run's copy.

    Args:
        config: of the run.
        folder: where it is, or was.
        note: told what was brought.

    Raises:
        ConfigError: there is a run that was begun with another configuration, or a damaged copy.
        PoolError: the copy cannot be reached.
    """
    if not (folder / "run.json").exists():
        copy = copy_of(config, folder)
        if copy is None or not copy.identity:
            return None
        n_files = copy.pull(folder, lambda store: manifest.check_same(store, config))
        note(f"brought {n_files} files, up to generation {copy.generation}, from {copy.place}")
    store = RunStore.open(folder)
    manifest.check_same(store, config)
    return store


def start(
    config: RunConfig,
    folder: Path,
    reporter: SessionReporter,
    stop: StopSignal,
    or_resume: bool = False,
    on_end: OnEnd = nothing,
) -> Transfer:
    """Runs a new search in a new folder.

    Args:
        config: of the run.
        folder: where.
        reporter: told of the progress.
        stop: ends the run on a signal.
        or_resume: an empty folder will do, and if another process was faster, go on with its run.
        on_end: called with the finished run while it is still locked, to draw its figures.

    Raises:
        ConfigError: the folder exists or cannot be written, or ``stop.episodes`` is too small.
        PoolError: no workers; nothing is left behind if not even the first state was committed.
        RunFailed, Interrupted: what was committed stays and can be resumed.
    """
    max_generations(config)  # refuses before anything is written
    if or_resume:
        with suppress(OSError):  # it is not there, or not empty
            folder.rmdir()
    try:
        store = RunStore.create(folder, manifest.describe(config))
    except ConfigError:
        if or_resume and (faster := begun(config, folder, reporter.note)):
            return resume(config, faster, reporter, stop, on_end=on_end)
        raise
    with ExitStack() as lock:
        try:
            lock.enter_context(store.locked())
            with copying(config, store, reporter.note, stop) as copy:
                return _go_on(config, store, reporter, stop, copy, on_end)
        except (PoolError, BadCopy):
            if store.generation() < 0:  # before the lock ends, or it may be another's by then
                store.discard()
            raise


def resume(
    config: RunConfig,
    store: RunStore,
    reporter: SessionReporter,
    stop: StopSignal,
    after: int | None = None,
    on_end: OnEnd = nothing,
) -> Transfer:
    """Goes on from the last committed generation, to the very bits of an undisturbed run.

    A finished run ends once more as it did, from its files: no workers are started.

    Args:
        config: of the run.
        store: of the run; all of its files are checked before anything is built on them.
        reporter: told what was found and removed.
        stop: ends the run on a signal.
        after: first go back to this generation, -1 for before the search: whatever came after it
            is removed and run again.
        on_end: called with the finished run while it is still locked, to draw its figures.

    Raises:
        ConfigError: a file is damaged or missing, or there is no such generation; nothing was
            changed.
        PoolError, RunFailed, Interrupted: what was committed stays.
    """
    with store.locked(), copying(config, store, reporter.note, stop) as copy:
        last = store.generation()
        if after is not None and not -1 <= after <= last:
            raise ConfigError(
                f"{store.folder}: --after must be -1 to {last}, the last generation that is "
                f"committed, got {after}"
            )
        if after is not None:  # of generations that were written together all go or none
            after = max((number for _, number in store.states() if number <= after), default=-1)
        found = examine(config, store, after)
        refuse(found.damages, lambda sound: _remedy(store.folder, sound))
        if after is not None:
            if copy is not None:
                copy.go_back(after)
            removed = store.go_back(after)
            reporter.note(f"went back from generation {last} to {after}{_removed(store, removed)}")
        removed = store.remove_uncommitted()
        done, n = store.generation(), config.run.generations
        where = f"after generation {done} of {n}" if done >= 0 else "before the search"
        reporter.note(
            f"resumed {where}, {found.n_files} files are sound"
            + _removed(store, removed, " of an interrupted commit")
        )
        return _go_on(config, store, reporter, stop, copy, on_end)


def _go_on(
    config: RunConfig,
    store: RunStore,
    reporter: SessionReporter,
    stop: StopSignal,
    copy: Copying | None,
    on_end: OnEnd,
) -> Transfer:
    if copy is not None:
        copy.begin()
    with stop.raising():
        known = finished_run.transfer(config, store)
    if known is not None:
        _tell_end(config, store, reporter)
        _tell_deployed(config, store, reporter)
        on_end(store)
        return known
    with _workers(config, stop, reporter) as pool, garbage_collection.frozen(RARELY):
        reporter.pool(pool.description)
        store.forget_transfer(config.transfer.seed)  # of a point on the way, if somebody asked
        own = store.part_path("transfer", config.transfer.seed)
        search(config, pool, store, reporter)
        _tell_end(config, store, reporter)
        point = deploy(config, pool, store, reporter)
        _tell_deployed(config, store, reporter)
        result = _score(config, pool, store, own, config.transfer, point, reporter)
    on_end(store)  # under the lock, because a resumed run removes unfinished files
    return result


@contextmanager
def _workers(
    config: RunConfig, stop: StopSignal, reporter: SessionReporter
) -> Iterator[WorkerPool]:
    name, own = config.run.name, config.working_dir
    with config.target.open(warm_up_job(config), stop, own, name, reporter.note) as pool:
        yield watched(pool, config, reporter.note)


def _remedy(folder: Path, sound: int) -> str:
    command = again("resume", folder, "--after", str(sound))
    return f"go back to before it with: {command}"


def _removed(store: RunStore, paths: list[Path], what: str = "") -> str:
    """For example "; removed 4 files of an interrupted commit (episodes/part-8.parquet, ...)"."""
    if not paths:
        return ""
    names = [path.relative_to(store.folder).as_posix() for path in paths[:3]]
    more = ", ..." if len(paths) > 3 else ""
    files = "file" if len(paths) == 1 else "files"
    return f"; removed {len(paths)} {files}{what} ({', '.join(names)}{more})"


def transfer(
    config: RunConfig,
    store: RunStore,
    settings: TransferSettings,
    reporter: SessionReporter,
    stop: StopSignal,
) -> Transfer:
    """Scores a run's recommended point on held-out tasks of the given number and seed.

    They are run also if the run has these very episodes on file: whoever asks for them wants to
    know whether they come out the same here and now. ``resume`` shows those on file.

    The episodes are written to ``transfer_path``. No other evaluation is ever replaced.
    """
    point = recommended(config, store)
    path = transfer_path(config, store, settings)
    store.check_transfer(path, transfer_size(settings))
    with (
        store.locked(),
        copying(config, store, reporter.note, stop),
        _workers(config, stop, reporter) as pool,
    ):
        reporter.pool(pool.description)
        return _score(config, pool, store, path, settings, point, reporter)


def transfer_path(config: RunConfig, store: RunStore, settings: TransferSettings) -> Path:
    """The file for the held-out episodes of the point that a run would deploy as things stand.

    Only the run's own seed and number of tasks belong into ``transfer``.
    """
    if settings == config.transfer:
        return store.part_path("transfer", settings.seed)
    generation = deployed_generation(config, store)
    return store.other_transfer_path(settings.seed, settings.tasks, generation)


def transfer_of(
    config: RunConfig,
    point: FloatArray,
    source: Path,
    settings: TransferSettings,
    reporter: SessionReporter,
    stop: StopSignal,
) -> Transfer:
    """Scores a point that is in no run folder as ``transfer`` does; nothing is written.

    Args:
        config: of the run that has learned it.
        point: (n_dim,) to be scored.
        source: what it was read from, for messages.
        settings: how many held-out tasks, and which.
        reporter: told of the progress.
        stop: ends it on a signal.
    """
    with _workers(config, stop, reporter) as pool:
        reporter.pool(pool.description)
        scored = score_transfer(pool, config, settings, point, reporter)
        return _with_baselines(config, pool, source, settings, scored)


def _score(
    config: RunConfig,
    pool: WorkerPool,
    store: RunStore,
    path: Path,
    settings: TransferSettings,
    point: FloatArray,
    reporter: SessionReporter,
) -> Transfer:
    transfer = score_transfer(pool, config, settings, point, reporter)
    store.write_transfer(path, tables.transfer_table(transfer.episodes, transfer.theta))
    return _with_baselines(config, pool, store.folder, settings, transfer)


def _with_baselines(
    config: RunConfig,
    pool: WorkerPool,
    source: Path,
    settings: TransferSettings,
    transfer: Transfer,
) -> Transfer:
    """A transfer with its baselines; RunFailed if the learned Θ has not run through any of it."""
    if not transfer.episodes.ok[transfer.rows("learned")].any():
        first = next(
            f for f in transfer.episodes.failures if transfer.theta[f.tile.c0] == "learned"
        )
        raise RunFailed(
            f"{source}: every held-out episode of the learned Θ failed; the first (task "
            f"{first.tile.t0}): {first.message}",
            first.traceback,
        )
    with pool.stop.raising():
        known = baselines.measure(config, settings.seed, transfer.episodes.references)
    return replace(transfer, baselines=known)


def recommended(config: RunConfig, store: RunStore) -> FloatArray:
    """(n_dim,) the point to deploy, from the files of a run; of an unfinished one as it stands."""
    if store.generation() < 0:
        raise ConfigError(f"{store.folder}: nothing is committed yet; resume the run first")
    return deployed(config, store)


def _tell_end(config: RunConfig, store: RunStore, reporter: SessionReporter) -> None:
    """Says why a search ended before its last generation, if it did."""
    rows = store.rows()
    rule = rows[-1].get("stopped") if rows else None
    if rule and config.stop.ends(rule):
        reporter.note(words(rule, config.stop, rows[-1]))


def _tell_deployed(config: RunConfig, store: RunStore, reporter: SessionReporter) -> None:
    """Says which point a race has chosen, if there was one."""
    if config.deploy.finalists > 1:
        generation = deployed_generation(config, store)
        reporter.note(f"deployed: the point after generation {generation}")


def warm_up_job(config: RunConfig) -> Job:
    """One episode of the default Θ: compiles and imports before deadlines count."""
    grid = Grid(
        config.family,
        config.learner,
        Explicit(config.space.default_point()[None, :]),
        n_tasks=1,
        run_seed=config.run.seed,
        task_set=TaskSet.PLAN,
        index=0,
        gradient=wants_gradient(config.strategy),
    )
    return Job(grid, Tile(0, 1, 0, 1), "warm-up")
