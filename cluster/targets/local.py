"""All cores of this machine, through a private Ray cluster that ends with the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from spikeloop.cluster.cpu_quota import usable_cores
from spikeloop.cluster.ray_backend.local_cluster import local_ray
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.ray_target import Cluster, RayTarget


class Local(RayTarget):
    """Workers on this machine, each a process that may die without harm to the run.

    Starts its own Ray cluster and never joins another. It listens on the loopback interface only
    and asks for a token, because everyone who can talk to it can run code in it.
    """

    kind: Literal["local"] = "local"
    workers: int | None = Field(
        default=None, ge=1, le=4096, description="worker processes; default: as many as have room"
    )
    dashboard: bool = Field(default=True, description="whether Ray's dashboard runs")

    @model_validator(mode="after")
    def _one_worker_a_node(self) -> Self:
        if self.cores_per_worker == "node" and self.workers not in (None, 1):
            raise ValueError(
                f'with cores_per_worker = "node" there is one worker, got workers = {self.workers}'
            )
        return self

    @contextmanager
    def connect(self, stop: StopSignal, working_dir: Path | None, run: str) -> Iterator[Cluster]:
        """Start Ray, and leave no process behind."""
        cores_each = usable_cores() if self.cores_per_worker == "node" else self.cores_per_worker
        workers = max(1, usable_cores() // cores_each) if self.workers is None else self.workers
        import_path = None if working_dir is None else str(working_dir.resolve())
        where = f"{workers} Ray worker{'s' if workers > 1 else ''} on this machine"
        if cores_each > 1:
            where += f" with {cores_each} cores each"
        with local_ray(workers * cores_each, self.dashboard, stop, run) as dashboard:
            where += f", {dashboard}" if dashboard else ""
            # This machine is the only node: once it is gone, no other will come.
            yield Cluster(where, import_path, workers, patience_s=0.0)
