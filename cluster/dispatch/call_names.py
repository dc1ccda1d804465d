"""Names calls to workers for people who watch, for example "generation 12, candidates 4-15".

Ray keeps statistics of every name until its end, in this process and in the workers that received
it: 12 to 14 KiB each were measured. So the number of different names is limited.
"""

from collections.abc import Mapping, Sequence

from spikeloop.cluster.dispatch.work_units import Message
from spikeloop.workers.job import Job

MAX_NAMES = 1_000
"""Different names of calls in a process: 14 MiB, here and on a worker that receives them all, and
as many time series at the metrics port, about 2 MB for each request to it."""

MAX_FULL = 800
"""Names that include the generation; once they are used up, only candidates are named."""


class CallNames:
    """Names of messages, few enough for Ray."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def name(self, message: Message, jobs: Mapping[int, Sequence[Job]]) -> str:
        """Return a name for a message, after the first of its jobs, which are given by run.

        It is "" if all names are used up and none of them fits.
        """
        first = min(unit.tile.c0 for unit in message)
        last = max(unit.tile.c1 for unit in message) - 1
        which = f"candidate {first}" if first == last else f"candidates {first}-{last}"
        work = jobs[message[0].run][message[0].job].name
        for name, most in ((f"{work}, {which}", MAX_FULL), (which, MAX_NAMES)):
            if name in self._known:
                return name
            if len(self._known) < most:
                self._known.add(name)
                return name
        return ""
