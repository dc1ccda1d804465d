"""Say how to continue a run or a comparison that was interrupted or failed from outside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeloop.coordinator.formatting import command_line, one_line

if TYPE_CHECKING:
    from spikeloop.cluster.signals import StopSignal


@contextmanager
def resumable(
    folder: Path,
    tables: Mapping[str, Any],
    command: Sequence[object] = (),
    reached: Callable[[], str] = lambda: "",
) -> "Iterator[StopSignal]":
    """Handle signals, and add to interruptions and failures from outside that nothing is lost.

    Args:
        folder: of the run or comparison, which may not exist yet.
        tables: of its configuration.
        command: what resumes it, if not the folder alone.
        reached: how far it came, such as " after generation 3".
    """
    from spikeloop.cluster.pool import PoolError
    from spikeloop.cluster.signals import Interrupted, StopSignal
    from spikeloop.coordinator.store.folder_kind import is_comparison, is_run

    stop = StopSignal()
    stop.install()
    try:
        yield stop
    except Interrupted as error:
        how = _how_to_continue(command or ["resume", folder], tables)
        raise Interrupted(f"interrupted{reached()}, everything committed; {how}") from error
    except (OSError, PoolError) as error:
        if not (is_run(folder) or is_comparison(folder)):
            raise
        how = _how_to_continue(command or ["resume", folder], tables)
        raise PoolError(
            f"{one_line(error)}; what is committed is safe, mend this and {how}"
        ) from error


def _how_to_continue(command: Sequence[object], tables: Mapping[str, Any]) -> str:
    """Say how to continue; a submitted run can be resumed only on its cluster."""
    from spikeloop.cluster.ray_backend import job_env
    from spikeloop.coordinator.store.trust import reaches
    from spikeloop.coordinator.submit.submitted_runs import RUN

    if job_env.metadata().get(RUN):
        return "submit it again"
    of_kinds = (*tables.values(), *tables.get("strategies", {}).values())
    own = any(":" in str(table.get("kind", "")) for table in of_kinds)
    trust = ["--trust"] if own or any(reaches(tables)) else []
    return f"resume with: {command_line(*command, *trust)}"
