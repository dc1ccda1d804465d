"""A Ray cluster that runs already: all its nodes, those included that join later."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import Field

from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.ray_target import Cluster, RayTarget


class RayCluster(RayTarget):
    """Workers on every node of a running Ray cluster, as far as there are cores.

    Nodes that join get their workers within seconds, nodes that are drained get no new work, and
    nodes that are lost cost the time of the jobs that were on them. Every node needs the same
    installation of Spikeloop; the folder of your own classes is sent along. The cluster decides who
    may connect: this process uses the token that Ray finds (``RAY_AUTH_TOKEN`` or a file).
    """

    kind: Literal["ray"] = "ray"
    address: str = Field(
        default="auto",
        description='of the head, as "host:6379"; "auto" for the one on this machine',
    )
    patience_s: float = Field(
        default=300.0, gt=0, description="time without any node after which the run gives up"
    )
    max_workers: int | None = Field(
        default=None, ge=1, description="largest number of workers; default: no limit"
    )

    @contextmanager
    def connect(self, stop: StopSignal, working_dir: Path | None, run: str) -> Iterator[Cluster]:
        """Join the cluster, and leave it at the end."""
        from spikeloop.cluster.ray_backend.hooks import import_of_ray

        with import_of_ray():
            from spikeloop.cluster.ray_backend.connection import import_path, joined

        path = None if working_dir is None else import_path(working_dir)
        with joined(self.address, working_dir, run, stop) as address:
            where = f"on the Ray cluster at {address}"
            yield Cluster(where, path, self.max_workers, self.patience_s)
