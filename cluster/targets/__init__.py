"""The kinds of places where a run can happen.

``TARGETS`` is the table of what there is; configuration, command line, contract tests and
documentation read it. A new target is one file in this folder and one row here. Reading the table
does not import Ray.
"""

from spikeloop.cluster.pool import Target
from spikeloop.cluster.targets.inline import Inline
from spikeloop.cluster.targets.local import Local
from spikeloop.cluster.targets.ray_cluster import Attached

TARGETS: dict[str, type[Target]] = {
    "inline": Inline,
    "local": Local,
    "ray": Attached,
}

__all__ = ["TARGETS"]
