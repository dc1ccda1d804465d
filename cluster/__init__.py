"""Where a run happens: jobs in, exactly one outcome per job out, whatever breaks.

``TARGETS`` is the table of what there is; configuration, command line, contract tests and
documentation read it. A new target is one file in this folder and one row here. Reading the table
does not import Ray.
"""

from spikeloop.cluster.attached import Attached
from spikeloop.cluster.inline import Inline
from spikeloop.cluster.local import Local
from spikeloop.cluster.pool import PoolError, Target, WorkerPool
from spikeloop.cluster.stop import Interrupted, StopSignal

TARGETS: dict[str, type[Target]] = {
    "inline": Inline,
    "local": Local,
    "ray": Attached,
}

__all__ = ["TARGETS", "Interrupted", "PoolError", "StopSignal", "Target", "WorkerPool"]
