"""``sl.sweep``: a grid of settings and seeds, from a notebook or a script."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from spikeloop.cluster.pool import Target
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.brief_errors import brief_errors
from spikeloop.coordinator.api.configure_sweep import configure_sweep
from spikeloop.coordinator.api.given import Given, Table
from spikeloop.coordinator.api.resumable import by_call
from spikeloop.coordinator.api.run_folders import folder_for
from spikeloop.coordinator.api.sessions import start_sweep
from spikeloop.coordinator.api.sweep_view import Sweep
from spikeloop.coordinator.api.view import choose_view
from spikeloop.coordinator.strategies.base import Strategy
from spikeloop.tasks.base import TaskFamily
from spikeloop.workers.base import Learner


@brief_errors
def sweep(
    config: Given | None = None,
    *,
    over: Mapping[str, Sequence[Any]] | None = None,
    settings: Sequence[Mapping[str, Any]] | None = None,
    seeds: int | None = None,
    baseline: str | None = None,
    family: TaskFamily | Table | None = None,
    learner: Learner | Table | None = None,
    strategy: Strategy[Any] | Table | None = None,
    target: Target | Table | None = None,
    out: str | PathLike[str] | None = None,
    workers: int | None = None,
    address: str | None = None,
    inline: bool = False,
    progress: bool = True,
    **keywords: Any,
) -> Sweep:
    """Run a grid or a list of settings with several seeds each, or go on with that.

        found = sl.sweep("mdp.toml", over={"strategy.sigma": [0.1, 0.2, 0.4]}, seeds=10)
        found.results.groupby("strategy.sigma")["score"].mean()
        found.plot.scores()

        found = sl.sweep(
            "mdp.toml",
            settings=[{"name": "usual"}, {"name": "cma", "strategy": sl.CmaEs()}],
        )

    Several runs are under way at a time, so that small ones keep all workers busy; each has the
    numbers that ``sl.run`` gives with the same settings. Runs with the same seed meet the same
    tasks with the same noise, so settings are compared seed by seed. The same call goes on with a
    sweep that was stopped, and tries runs again that failed.

    Args:
        config: what all runs have in common, given as to ``sl.run``.
        over: a list of values for each varied "table.key"; all are combined.
        settings: in place of ``over``, what each setting changes: values by "table.key", or objects
            by table; ``name`` names it.
        seeds: runs of each setting, with the seeds ``seed``, ``seed`` + 1, ...; 5 if nothing says
            otherwise.
        baseline: name of the setting that all others are compared with; by default the first.
        family: the tasks, as an object or a dictionary; so are the next ones.
        learner: what learns them.
        strategy: what searches.
        target: where workers run.
        out: the sweep's folder; by default ``sweeps/NAME`` (or below ``$SPIKELOOP_RUNS``), where
            NAME is the file's name, or follows from the settings.
        workers: so many processes on this machine; with ``address`` at most so many there.
        address: of a running Ray cluster, "host:6379" or "auto".
        inline: run in this process, without Ray, one run after another.
        progress: show progress and findings; without, nothing is printed but warnings.
        keywords: keys of the table ``[run]``, and the tables ``transfer``, ``deploy`` and ``stop``
            as dictionaries.

    Returns:
        The sweep and what it has found.

    Raises:
        ConfigError: a setting is wrong, or the folder has a sweep of other settings.
        PoolError: the workers or the disk cannot be used; what was committed is safe.
        RunFailed: some runs failed; the others have ended, and ``sl.open`` gives them.
        Interrupted: a signal came; what was committed is safe.
    """
    chosen = configure_sweep(
        config,
        over=over,
        settings=settings,
        seeds=seeds,
        baseline=baseline,
        out=out,
        workers=workers,
        address=address,
        inline=inline,
        family=family,
        learner=learner,
        strategy=strategy,
        target=target,
        **keywords,
    )
    folder = folder_for("sweep") / chosen.name if out is None else Path(out)
    how = by_call(folder, "sl.sweep")
    with StopSignal().installed() as stop:
        start_sweep(chosen, folder, choose_view(progress), stop, how, or_resume=True)
    return Sweep(chosen, folder, trust=True)
