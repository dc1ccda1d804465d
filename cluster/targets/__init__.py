"""The targets: where a run's workers can be.

``TARGETS`` is the table of targets; configuration, command line, contract tests and
documentation read it. A new target is one file in this folder and one row here. Reading the table
does not import Ray.
"""

from spikeloop.cluster.pool import Target
from spikeloop.cluster.targets.inline import Inline
from spikeloop.cluster.targets.local import Local
from spikeloop.cluster.targets.ray_cluster import RayCluster

TARGETS: dict[str, type[Target]] = {
    "inline": Inline,
    "local": Local,
    "ray": RayCluster,
}

__all__ = ["TARGETS"]
