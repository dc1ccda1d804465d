"""One run from its configuration to its transfer, new or resumed."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

from spikeloop.cluster.pool import PoolError, WorkerPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.stopping import describe_stop
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import command_line
from spikeloop.coordinator.search import finished_run, tracking
from spikeloop.coordinator.search.deployment import deploy, deployed, deployed_generation
from spikeloop.coordinator.search.learned_theta import has_theta, write_theta
from spikeloop.coordinator.search.loop import search
from spikeloop.coordinator.search.reporter import SessionReporter
from spikeloop.coordinator.search.search_size import max_generations
from spikeloop.coordinator.search.transfer import Transfer, warn_of_scores
from spikeloop.coordinator.search.transfer_session import score_and_write
from spikeloop.coordinator.search.worker_pool import own_workers
from spikeloop.coordinator.store import atomic_files, manifest
from spikeloop.coordinator.store.folder_kind import is_run
from spikeloop.coordinator.store.integrity import examine, refuse
from spikeloop.coordinator.store.run_folder import RunFolder, require_same_config
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync.download import StorageMismatch, StoredRun, storage_of
from spikeloop.coordinator.sync.upload import Upload, uploading

OnEnd = Callable[[RunFolder], object]
OpenWorkers = Callable[[RunConfig, StopSignal, SessionReporter], AbstractContextManager[WorkerPool]]
"""Opens the workers of a run, or gives those that it shares with others."""


def existing_run(config: RunConfig, folder: Path, note: Callable[[str], None]) -> RunFolder | None:
    """Give the run of a configuration that is in a folder; None if it is still to be started.

    A folder that is lost is downloaded from the storage that the run was uploaded to.

    Raises:
        ConfigError: there is a run of another configuration, or damaged files on storage.
        PoolError: the storage cannot be reached.
    """
    if not is_run(folder):
        storage = storage_of(config, folder)
        stored = StoredRun(storage) if storage is not None else None
        if stored is None or not stored.identity:
            return None
        n_files = stored.download(folder, lambda store: require_same_config(store, config))
        note(f"downloaded {n_files} files, up to generation {stored.generation}, from {storage}")
    store = RunStore.open(folder)
    require_same_config(store, config)
    return RunFolder(config, store)


def start(
    config: RunConfig,
    folder: Path,
    reporter: SessionReporter,
    stop: StopSignal,
    or_resume: bool = False,
    on_end: OnEnd = lambda run: None,
    workers: OpenWorkers = own_workers,
) -> Transfer:
    """Run a new search in a new folder.

    With ``or_resume`` an empty folder is accepted, and if another process was faster, its run is
    resumed. ``on_end`` is called with the finished run while it is locked, to draw its figures.
    ``workers`` opens the pool that it runs on.

    Raises:
        ConfigError: the folder exists or cannot be written, or ``stop.episodes`` is too small.
        Unavailable: a tracker cannot be used here; nothing was written.
        PoolError: no workers; nothing is left behind unless the initial state was committed.
        RunFailed, Interrupted: what was committed stays and can be resumed.
    """
    max_generations(config)  # refuses before anything is written
    tracking.require(config)
    if or_resume:
        with suppress(OSError):  # it does not exist, or is not empty
            folder.rmdir()
    try:
        run = RunFolder(config, RunStore.create(folder, manifest.describe(config)))
    except ConfigError:
        if or_resume and (faster := existing_run(config, folder, reporter.note)):
            return resume(faster, reporter, stop, on_end=on_end, workers=workers)
        raise
    with ExitStack() as lock:
        try:
            lock.enter_context(run.store.locked())
            with (
                uploading(config, run.store, reporter.note, stop) as upload,
                tracking.tracked(run, reporter.note) as trackers,
            ):
                return _continue(run, reporter, stop, upload, trackers, on_end, workers)
        except (PoolError, StorageMismatch):
            if run.store.generation() < 0:  # while it is locked, or it may be another's by then
                run.store.discard()
            raise


def resume(
    run: RunFolder,
    reporter: SessionReporter,
    stop: StopSignal,
    after: int | None = None,
    on_end: OnEnd = lambda run: None,
    workers: OpenWorkers = own_workers,
) -> Transfer:
    """Continue after the last committed generation, to the bits of an undisturbed run.

    All files are checked before anything is built on them. With ``after`` the run first goes back
    to that generation, -1 for before the search: all that came after it is removed and run again. A
    finished run ends once more as it did, from its files; no workers are started.

    Raises:
        ConfigError: a file is damaged or missing, or there is no such generation; nothing was
            changed.
        Unavailable: a tracker cannot be used here.
        PoolError, RunFailed, Interrupted: what was committed stays.
    """
    store = run.store
    tracking.require(run.config)
    with (
        store.locked(),
        uploading(run.config, store, reporter.note, stop) as upload,
        tracking.tracked(run, reporter.note) as trackers,
    ):
        if after is not None:
            after = _last_commit_before(store, after)
        found = examine(run, after)
        refuse(found.damages, lambda sound: _remedy(store.folder, sound))
        if after is not None:
            _go_back(store, after, upload, reporter)
        removed = store.remove_uncommitted()
        done, n = store.generation(), run.config.run.generations
        where = f"after generation {done} of {n}" if done >= 0 else "before the search"
        reporter.note(
            f"resumed {where}, {found.n_files} files are sound"
            + _removed(store, removed, " of an interrupted commit")
        )
        return _continue(run, reporter, stop, upload, trackers, on_end, workers)


def _continue(
    run: RunFolder,
    reporter: SessionReporter,
    stop: StopSignal,
    upload: Upload | None,
    trackers: tracking.Tracking,
    on_end: OnEnd,
    workers: OpenWorkers,
) -> Transfer:
    """Run whatever of search, race and transfer is still to come."""
    if upload is not None:
        upload.begin()
    trackers.begin()
    with stop.raising():
        transfer = finished_run.read_transfer(run)
    if transfer is None:
        transfer = _search_and_transfer(run, reporter, stop, workers)
    else:
        _note_end(run, reporter)
        _note_deployed(run, reporter)
        if not has_theta(run):  # a run of an earlier version
            write_theta(run, deployed(run))
        warn_of_scores(run.config, transfer)
    trackers.finished(transfer)
    on_end(run)  # while it is locked, because a resumed run removes unfinished files
    return transfer


def _search_and_transfer(
    run: RunFolder, reporter: SessionReporter, stop: StopSignal, workers: OpenWorkers
) -> Transfer:
    settings = run.config.transfer
    with workers(run.config, stop, reporter) as pool:
        path = run.store.part_path("transfer", settings.seed)
        if path.exists():  # of an earlier point, for which a transfer was asked
            atomic_files.remove(path)
        search(run, pool, reporter)
        _note_end(run, reporter)
        point = deploy(run, pool, reporter)
        _note_deployed(run, reporter)
        write_theta(run, point)
        return score_and_write(run, pool, path, settings, point, reporter)


def _last_commit_before(store: RunStore, after: int) -> int:
    """Give the last commit up to a generation; those written together all stay or all go."""
    last = store.generation()
    if not -1 <= after <= last:
        raise ConfigError(
            f"{store.folder}: --after must be -1 to {last}, the last generation that is "
            f"committed, got {after}"
        )
    return max((number for _, number in store.states() if number <= after), default=-1)


def _go_back(store: RunStore, after: int, upload: Upload | None, reporter: SessionReporter) -> None:
    """Remove all that came after a generation, from storage first."""
    last = store.generation()
    if upload is not None:
        upload.go_back(after)
    removed = store.go_back(after)
    reporter.note(f"went back from generation {last} to {after}{_removed(store, removed)}")


def _remedy(folder: Path, sound: int) -> str:
    command = command_line("resume", folder, "--after", str(sound))
    return f"go back to before it with: {command}"


def _removed(store: RunStore, paths: list[Path], what: str = "") -> str:
    """For example "; removed 4 files of an interrupted commit (episodes/part-8.parquet, ...)"."""
    if not paths:
        return ""
    names = [path.relative_to(store.folder).as_posix() for path in paths[:3]]
    more = ", ..." if len(paths) > 3 else ""
    files = "file" if len(paths) == 1 else "files"
    return f"; removed {len(paths)} {files}{what} ({', '.join(names)}{more})"


def _note_end(run: RunFolder, reporter: SessionReporter) -> None:
    """Say why a search ended before its last generation, if it did."""
    last = run.last_row
    rule = last and last["stopped"]
    if last and rule and run.config.stop.ends(rule):
        reporter.note(describe_stop(rule, run.config.stop, last))


def _note_deployed(run: RunFolder, reporter: SessionReporter) -> None:
    """Say which point the race has chosen, if there was one."""
    if run.config.deploy.finalists > 1:
        reporter.note(f"deployed: the point after generation {deployed_generation(run)}")
