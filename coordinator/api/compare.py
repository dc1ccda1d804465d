"""``sl.compare``: several strategies at equal budget, from a notebook or a script."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from spikeloop.cluster.pool import Target
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.brief_errors import brief_errors
from spikeloop.coordinator.api.comparison_view import Comparison
from spikeloop.coordinator.api.configure_comparison import configure_comparison
from spikeloop.coordinator.api.given import Given, Table
from spikeloop.coordinator.api.resumable import by_call
from spikeloop.coordinator.api.run_folders import folder_for
from spikeloop.coordinator.api.sessions import start_comparison
from spikeloop.coordinator.api.view import choose_view
from spikeloop.coordinator.strategies.base import Strategy
from spikeloop.tasks.base import TaskFamily
from spikeloop.workers.base import Learner


@brief_errors
def compare(
    config: Given | None = None,
    *,
    family: TaskFamily | Table | None = None,
    learner: Learner | Table | None = None,
    strategies: Mapping[str, Strategy[Any] | Table] | None = None,
    target: Target | Table | None = None,
    out: str | PathLike[str] | None = None,
    workers: int | None = None,
    address: str | None = None,
    inline: bool = False,
    progress: bool = True,
    **settings: Any,
) -> Comparison:
    """Tune strategies at equal budget and let them search on paired seeds, or go on with that.

        found = sl.compare(
            family=sl.RandomMdp(),
            learner=sl.TabularTd(),
            strategies={"evolution": sl.Evolution(), "random_search": sl.RandomSearch()},
            budget=2000,
            seeds=5,
            tuning={"episodes": 0},
        )
        found.findings.sentences

    Settings are given as to ``sl.run``. The same call goes on with a comparison that was stopped,
    and returns at once if it was finished.

    Args:
        config: the path of a TOML file, or a dictionary with the same tables.
        family: the tasks, as an object or a dictionary.
        learner: what learns them.
        strategies: what is compared, by name; a name that is no kind of strategy needs an object,
            or a dictionary with a ``kind``.
        target: where workers run.
        out: the comparison's folder; by default ``comparisons/NAME`` (or below
            ``$SPIKELOOP_RUNS``), where NAME is as for a run.
        workers: so many processes on this machine; with ``address`` at most so many there.
        address: of a running Ray cluster, "host:6379" or "auto".
        inline: run in this process, without Ray.
        progress: show progress and findings; without, nothing is printed but warnings.
        settings: keys of the table ``[comparison]``, such as ``budget`` and ``seeds``, and the
            tables ``tuning``, ``run``, ``transfer``, ``deploy`` and ``stop`` as dictionaries.

    Returns:
        The comparison and what it has found.

    Raises:
        ConfigError: a setting is wrong, or the folder has a comparison of other settings.
        PoolError: the workers, the database or the disk cannot be used; what is there is safe.
        RunFailed: the baseline has no variant.
        Interrupted: a signal came; what was committed is safe.
    """
    chosen = configure_comparison(
        config,
        out=out,
        workers=workers,
        address=address,
        inline=inline,
        family=family,
        learner=learner,
        strategies=strategies,
        target=target,
        **settings,
    )
    folder = folder_for("comparison") / chosen.comparison.name if out is None else Path(out)
    how = by_call(folder, "sl.compare")
    with StopSignal().installed() as stop:
        start_comparison(chosen, folder, choose_view(progress), stop, how, or_resume=True)
    return Comparison(chosen, folder, trust=True)
