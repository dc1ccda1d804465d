"""Carry out a run, comparison or sweep before a person's eyes, as command line and Python do."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.progress import episodes_to_come
from spikeloop.coordinator.api.resumable import resumable
from spikeloop.coordinator.api.view import View
from spikeloop.coordinator.comparison import session as comparison_session
from spikeloop.coordinator.comparison.comparison import ComparisonReporter
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.report.run_figures import write_run_figures
from spikeloop.coordinator.report.write_report import write_report
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.search.reporter import SessionReporter
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.coordinator.store.commit_order import REPORT
from spikeloop.coordinator.store.folder_kind import is_comparison, is_sweep
from spikeloop.coordinator.store.run_folder import RunFolder, warn_of_changes, warn_of_code
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sweep import session as sweep_session
from spikeloop.coordinator.sweep.side_by_side import SweepReporter
from spikeloop.coordinator.sweep.sweep_config import SweepConfig

RunSession: TypeAlias = Callable[[SessionReporter], Transfer]
SweepSession: TypeAlias = Callable[[SweepReporter], Findings]
ComparisonSession: TypeAlias = Callable[[ComparisonReporter], Findings]


def start_run(
    config: RunConfig, folder: Path, view: View, stop: StopSignal, how: str, or_resume: bool
) -> RunFolder:
    """Run a search in a folder; with ``or_resume`` go on with the same one that is there already.

    Args:
        config: of the run.
        folder: of the run.
        view: shows progress and results.
        stop: ends the run.
        how: what continues it after an interruption, for messages.
        or_resume: whether the folder may exist.

    Raises:
        ConfigError: the folder exists, or has a run of another configuration.
        PoolError, RunFailed, Interrupted: what was committed stays and can be resumed.
    """
    found = run_session.existing_run(config, folder, view.note) if or_resume else None
    if found is not None:
        warn_of_changes(found)

    def session(reporter: SessionReporter) -> Transfer:
        if found is not None:
            return run_session.resume(found, reporter, stop, on_end=write_run_figures)
        return run_session.start(config, folder, reporter, stop, or_resume, write_run_figures)

    return _show_run(config, folder, session, view, how)


def resume_run(
    run: RunFolder, view: View, stop: StopSignal, how: str, after: int | None = None
) -> RunFolder:
    """Go on with an opened run, ``after`` a generation or else the last committed one."""

    def session(reporter: SessionReporter) -> Transfer:
        return run_session.resume(run, reporter, stop, after, write_run_figures)

    return _show_run(run.config, run.folder, session, view, how, after)


def start_comparison(
    config: ComparisonConfig,
    folder: Path,
    view: View,
    stop: StopSignal,
    how: str,
    or_resume: bool = False,
) -> Findings:
    """Run a comparison in a new folder; with ``or_resume`` go on with the same one there.

    One that is finished is shown as it is, without workers. Raises as ``start_run``.
    """
    if or_resume and is_comparison(folder):
        comparison_session.require_same_config(config, folder)
        warn_of_code(folder, comparison_session.changed_code(config, folder))
        if not comparison_session.is_finished(folder):
            return resume_comparison(config, folder, view, stop, how)
        found = comparison_session.find(config, folder)
        view.comparison_results(found, folder, folder / REPORT)
        return found

    def session(reporter: ComparisonReporter) -> Findings:
        return comparison_session.start(config, folder, reporter, stop)

    return _show_comparison(config, folder, session, view, how)


def resume_comparison(
    config: ComparisonConfig, folder: Path, view: View, stop: StopSignal, how: str
) -> Findings:
    """Go on with a comparison, wherever it stands."""

    def session(reporter: ComparisonReporter) -> Findings:
        return comparison_session.resume(config, folder, reporter, stop)

    return _show_comparison(config, folder, session, view, how)


def start_sweep(
    config: SweepConfig, folder: Path, view: View, stop: StopSignal, how: str, or_resume: bool
) -> Findings:
    """Run a sweep in a new folder; with ``or_resume`` go on with the same one there.

    RunFailed at the end if some runs failed; all else is done and shown then. Raises as
    ``start_run``.
    """
    if or_resume and is_sweep(folder):
        sweep_session.require_same_config(config, folder)
        warn_of_code(folder, sweep_session.changed_code(config, folder))
        return resume_sweep(config, folder, view, stop, how)

    def session(reporter: SweepReporter) -> Findings:
        return sweep_session.start(config, folder, reporter, stop)

    return _show_sweep(config, folder, session, view, how)


def resume_sweep(
    config: SweepConfig, folder: Path, view: View, stop: StopSignal, how: str
) -> Findings:
    """Go on with a sweep, wherever its runs stand; runs that failed are tried again."""

    def session(reporter: SweepReporter) -> Findings:
        return sweep_session.resume(config, folder, reporter, stop)

    return _show_sweep(config, folder, session, view, how)


def _show_run(
    config: RunConfig,
    folder: Path,
    session: RunSession,
    view: View,
    how: str,
    after: int | None = None,
) -> RunFolder:
    store = RunStore(folder)
    done = store.generation() if after is None else after
    n_episodes = episodes_to_come(config, max(done, 0))
    with (
        resumable(folder, how, lambda: f" after generation {max(store.generation(), 0)}"),
        view.run(config, n_episodes) as reporter,
    ):
        transfer = session(reporter)
    run = RunFolder(config, store)
    view.run_results(run, transfer)
    return run


def _show_comparison(
    config: ComparisonConfig, folder: Path, session: ComparisonSession, view: View, how: str
) -> Findings:
    n_episodes = comparison_session.episodes_to_come(config, folder)
    with resumable(folder, how), view.comparison(n_episodes) as reporter:
        found = session(reporter)
    view.comparison_results(found, folder, write_report(folder))
    return found


def _show_sweep(
    config: SweepConfig, folder: Path, session: SweepSession, view: View, how: str
) -> Findings:
    runs = [planned for planned in config.runs() if not sweep_session.has_ended(planned, folder)]
    n_episodes = sum(
        episodes_to_come(planned.config, max(RunStore(folder / planned.path).generation(), 0))
        for planned in runs
    )
    with resumable(folder, how), view.sweep(n_episodes, len(runs)) as reporter:
        found = session(reporter)
    view.sweep_results(found, folder, write_report(folder))
    sweep_session.require_all(folder, how)
    return found
