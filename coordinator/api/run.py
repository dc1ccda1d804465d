"""``sl.run``: one outer loop from a notebook or a script."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from spikeloop.cluster.pool import Target
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.brief_errors import brief_errors
from spikeloop.coordinator.api.configure import configure
from spikeloop.coordinator.api.given import Given, Table
from spikeloop.coordinator.api.resumable import by_call
from spikeloop.coordinator.api.run_folders import folder_for
from spikeloop.coordinator.api.run_view import Run
from spikeloop.coordinator.api.sessions import start_run
from spikeloop.coordinator.api.view import choose_view
from spikeloop.coordinator.strategies.base import Strategy
from spikeloop.tasks.base import TaskFamily
from spikeloop.workers.base import Learner
from spikeloop.workers.own_learner.function_learner import FunctionLearner


@brief_errors
def run(
    config: Given | None = None,
    *,
    family: TaskFamily | Table | None = None,
    learner: Learner | type[FunctionLearner] | Table | None = None,
    strategy: Strategy[Any] | Table | None = None,
    target: Target | Table | None = None,
    out: str | PathLike[str] | None = None,
    workers: int | None = None,
    address: str | None = None,
    inline: bool = False,
    track: Sequence[str] | None = None,
    progress: bool = True,
    **settings: Any,
) -> Run:
    """Run one outer loop, or go on with it, or give what it has found.

        run = sl.run("mdp_evolution.toml", strategy={"sigma": 0.1}, seed=2)
        run = sl.run(
            family=sl.RandomMdp(),
            learner=sl.ChipAgent(),
            strategy=sl.Evolution(population_size=40),
            generations=12,
            tasks=20,
        )

    The same settings give the same numbers, to the last bit, whether they come from a file, a
    dictionary or objects, from Python or the command line, on one core or a cluster.

    A run that was stopped, by Ctrl-C, a notebook's stop button or a kill, loses at most one
    generation. The same call goes on with it, and returns at once if it was finished.

    Args:
        config: the path of a TOML file, a dictionary with the same tables (as from ``tomllib`` or
            ``json``), or the ``config`` of another run. Without it, objects say everything.
        family: the tasks, an object such as ``sl.RandomMdp(n_states=4)``. A dictionary changes keys
            of the configuration's table; with a ``kind`` it is a table of its own.
        learner: what learns them, in the same ways, or a function with ``@sl.learner``; so are
            ``strategy`` and ``target``.
        strategy: what searches; ``sl.Evolution()`` if nothing says otherwise.
        target: where workers run; ``sl.Local()``, all cores of this machine, if nothing says
            otherwise.
        out: the run's folder; by default ``runs/NAME`` (or below ``$SPIKELOOP_RUNS``). NAME is
            ``name``, or the file's name, or follows from the settings, so that equal settings find
            the same run again.
        workers: so many processes on this machine; with ``address`` at most so many there.
        address: of a running Ray cluster, "host:6379" or "auto".
        inline: run in this process, without Ray.
        track: trackers that show the run while it goes on, such as ``["tensorboard"]``.
        progress: show a bar and lines; without, nothing is printed but warnings.
        settings: keys of the table ``[run]``, such as ``generations``, ``tasks``, ``seed``, and the
            tables ``transfer``, ``deploy``, ``stop`` and ``tracking`` as dictionaries.

    Returns:
        The run and what it has found.

    Raises:
        ConfigError: a setting is wrong, or the folder has a run of other settings.
        PoolError: the workers or the disk cannot be used; what was committed is safe.
        RunFailed: too many episodes failed. A note holds the traceback of one.
        Interrupted: a signal came; what was committed is safe.
    """
    chosen = configure(
        config,
        out=out,
        workers=workers,
        address=address,
        inline=inline,
        track=track,
        family=family,
        learner=learner,
        strategy=strategy,
        target=target,
        **settings,
    )
    folder = folder_for("run") / chosen.run.name if out is None else Path(out)
    how = by_call(folder, "sl.run")
    with StopSignal().installed() as stop:
        found = start_run(chosen, folder, choose_view(progress), stop, how, or_resume=True)
        return Run(found, trust=True)
