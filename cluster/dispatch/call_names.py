"""What calls to workers are called where people watch: "generation 12, candidates 4-15".

Ray keeps statistics of every name for ever, in this process and in the workers that heard it:
12 to 14 KiB each were measured. So there are only so many different names.
"""

from collections.abc import Sequence

from spikeloop.cluster.dispatch.work_units import Message
from spikeloop.workers.job import Job

MAX_NAMES = 1_000
"""Different names of calls in a process: 14 MiB for ever, here and on a worker that hears them all,
and as many time series at the metrics port, about 2 MB for each look at it."""

MAX_FULL = 800
"""Those that say of which generation; once they are used up, only candidates are named."""


class Names:
    """Names of messages, few enough for Ray."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def name(self, message: Message, jobs: Sequence[Job]) -> str:
        """What a message is called; "" if all names are used up and none of them fits.

        Args:
            message: pieces of the jobs.
            jobs: all of a run of the pool.
        """
        first = min(piece.tile.c0 for piece in message)
        last = max(piece.tile.c1 for piece in message) - 1
        which = f"candidate {first}" if first == last else f"candidates {first}-{last}"
        work = jobs[message[0].job].name
        for name, most in ((f"{work}, {which}", MAX_FULL), (which, MAX_NAMES)):
            if name in self._known:
                return name
            if len(self._known) < most:
                self._known.add(name)
                return name
        return ""
