"""Where a run happens: jobs in, exactly one outcome per job out, whatever breaks.

``TARGETS`` is the table of what there is; configuration, command line, contract tests and
documentation read it. A new target is one file in this folder and one row here. Reading the table
does not import Ray.
"""

from spikeloop.cluster.pool import PoolError, Target, WorkerPool
from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.cluster.targets.inline import Inline
from spikeloop.cluster.targets.local import Local
from spikeloop.cluster.targets.ray_cluster import Attached

TARGETS: dict[str, type[Target]] = {
    "inline": Inline,
    "local": Local,
    "ray": Attached,
}

__all__ = ["TARGETS", "Interrupted", "PoolError", "StopSignal", "Target", "WorkerPool"]
