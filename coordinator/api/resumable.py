"""Say that nothing is lost of what was interrupted or failed: a run, comparison or sweep."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend import job_env
from spikeloop.cluster.signals import Interrupted
from spikeloop.coordinator.formatting import command_line, one_line
from spikeloop.coordinator.store.folder_kind import is_comparison, is_run, is_sweep
from spikeloop.coordinator.store.trust import reaches
from spikeloop.coordinator.submit.submitted_runs import RUN


@contextmanager
def resumable(folder: Path, how: str, reached: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Add to interruptions and failures from outside that nothing is lost.

    Args:
        folder: of the run, comparison or sweep, which may not exist yet.
        how: what continues it, such as "resume with: spikeloop resume runs/first".
        reached: how far it came, such as " after generation 3".
    """
    try:
        yield
    except Interrupted as error:
        raise Interrupted(f"interrupted{reached()}, everything committed; {how}") from error
    except (OSError, PoolError) as error:
        if not (is_run(folder) or is_comparison(folder) or is_sweep(folder)):
            raise
        raise PoolError(
            f"{one_line(error)}; what is committed is safe, mend this and {how}"
        ) from error


def by_command(folder: Path, tables: Mapping[str, Any], command: Sequence[object] = ()) -> str:
    """Say which command continues; a submitted run can be resumed only on its cluster.

    Args:
        folder: of the run, comparison or sweep.
        tables: of its configuration.
        command: what resumes it, if not the folder alone.
    """
    if job_env.metadata().get(RUN):
        return "submit it again"
    of_kinds = (*tables.values(), *tables.get("strategies", {}).values())
    own = any(":" in str(table.get("kind", "")) for table in of_kinds)
    trust = ["--trust"] if own or any(reaches(tables)) else []
    return f"resume with: {command_line(*(command or ['resume', folder]), *trust)}"


def by_call(folder: Path, function: str) -> str:
    """Say which call of a function continues."""
    return f"go on with the same call, {function} with out={str(folder)!r}"
