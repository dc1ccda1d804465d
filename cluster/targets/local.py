"""All cores of this machine, through a private Ray cluster that ends with the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from spikeloop.cluster.cpu_quota import usable_cores
from spikeloop.cluster.progress import Tell, untold
from spikeloop.cluster.ray_backend.local_cluster import private_ray
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.ray_target import Sturdy
from spikeloop.workers.job import Job

if TYPE_CHECKING:
    from spikeloop.cluster.ray_backend.ray_pool import RayPool


class Local(Sturdy):
    """Workers on this machine, processes that survive whatever a learner does.

    Starts its own Ray cluster and never joins another. It listens on the loopback interface only
    and asks for a token, because whoever can talk to a Ray cluster can run code in it.
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
    def open(
        self,
        warm_up: Job,
        stop: StopSignal,
        working_dir: Path | None,
        run: str = "",
        tell: Tell = untold,
    ) -> Iterator["RayPool"]:
        """Starts Ray and the workers, and leaves no process behind."""
        cores_each = usable_cores() if self.cores_per_worker == "node" else self.cores_per_worker
        workers = max(1, usable_cores() // cores_each) if self.workers is None else self.workers
        import_path = None if working_dir is None else str(working_dir.resolve())
        where = f"{workers} Ray worker{'s' if workers > 1 else ''} on this machine"
        if cores_each > 1:
            where += f" with {cores_each} cores each"
        with private_ray(workers * cores_each, self.dashboard, stop, run) as dashboard:
            where += f", {dashboard}" if dashboard else ""
            # The only node is this machine: once it is gone, no other will come.
            with self.crewed(
                warm_up, stop, working_dir, import_path, workers, 0.0, where, run, tell
            ) as pool:
                yield pool
