"""The protocol of trackers, and what each gets to know of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from spikeloop.workers.base import Unavailable


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker gets to know of a run.

    Attributes:
        name: the run's own.
        folder: the run folder, in which a tracker may have a folder of its own kind.
        identity: letters, digits and "-" that belong to this run alone, and to none of its pasts
            from which it went back.
        project: under which trackers group runs.
        parameters: the configuration, "table.key" to value.
    """

    name: str
    folder: Path
    identity: str
    project: str
    parameters: Mapping[str, str | int | float | bool]


class Tracker(Protocol):
    """One run in a tracker. Any method may raise anything: the caller reports it and goes on.

    Attributes:
        last: the last generation that need not be logged, because the tracker has it already.
    """

    last: int

    def __init__(self, run: TrackedRun, last: int) -> None:
        """Open or continue the run, of which generations up to ``last`` were logged before.

        ``last`` is -1 for a new run.
        """
        ...

    @staticmethod
    def require() -> None:
        """Raise Unavailable, in one line, if the tracker cannot be used here."""
        ...

    def log(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        """Log the numbers of a generation, which was finished at a time."""
        ...

    def finish(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        """Log the results of the whole run, after its last generation."""
        ...

    def close(self) -> None:
        """Write what is still to be written, and let go."""
        ...


def require_package(kind: str, package: str) -> None:
    """Raise Unavailable unless the package of a tracker is installed."""
    if find_spec(package) is None:
        raise Unavailable(
            f"the tracker {kind} needs {package}: pip install 'spikeloop[{kind}]', or leave it out "
            "of tracking.kinds"
        )
