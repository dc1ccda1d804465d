"""The base of all targets on Ray: the size of a worker, and how long it may take."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt

from spikeloop.cluster.metrics import Metrics
from spikeloop.cluster.progress import ShowLine, show_nothing
from spikeloop.cluster.signals import StopSignal
from spikeloop.tasks.settings import Settings
from spikeloop.workers.job import Job

if TYPE_CHECKING:
    from spikeloop.cluster.ray_backend.ray_pool import RayPool


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to.

    Attributes:
        description: one line for people.
        import_path: folder of the user's own classes on the workers, or None.
        max_workers: the largest number of workers; None for all that there is room for.
        patience_s: how long to wait for nodes when all are gone.
    """

    description: str
    import_path: str | None
    max_workers: int | None
    patience_s: float


class RayTarget(Settings):
    """Base of targets whose workers are watched and replaced."""

    cores_per_worker: PositiveInt | Literal["node"] = Field(
        default=1,
        description="cores of a worker, which runs as many jobs at once, in threads; "
        '"node" for one worker with all cores of its machine',
    )
    job_timeout_s: float = Field(
        default=300.0, gt=0, description="time for one job; then its worker is killed"
    )
    warm_up_timeout_s: float = Field(
        default=180.0, gt=0, description="time for a worker to start, and again to compile"
    )
    max_attempts: int = Field(
        default=3, ge=2, le=10, description="how many workers an episode may lose before it fails"
    )

    def connect(
        self, stop: StopSignal, working_dir: Path | None, run: str
    ) -> AbstractContextManager[Cluster]:
        """Connect to the target's cluster until the end of the block."""
        raise NotImplementedError

    @contextmanager
    def open(
        self,
        warm_up: Sequence[Job],
        stop: StopSignal,
        working_dir: Path | None,
        run: str = "",
        show_line: ShowLine = show_nothing,
    ) -> Iterator["RayPool"]:
        """Connect to the cluster and start the workers; end them and disconnect at the end."""
        with self.connect(stop, working_dir, run) as cluster:
            # Not before Ray is configured: importing it reads the environment.
            from spikeloop.cluster.dispatch.ledger import Ledger
            from spikeloop.cluster.dispatch.worker_group import WorkerGroup
            from spikeloop.cluster.ray_backend.connection import session_folder
            from spikeloop.cluster.ray_backend.ray_actors import RayActors
            from spikeloop.cluster.ray_backend.ray_metrics import publishing
            from spikeloop.cluster.ray_backend.ray_pool import RayPool

            with (
                RayActors(cluster.import_path, run).polling() as actors,
                publishing(Metrics(run)) as metrics,
            ):
                ledger = Ledger(self.job_timeout_s, self.max_attempts)
                group = WorkerGroup(
                    actors,
                    ledger,
                    warm_up,
                    self.warm_up_timeout_s,
                    self.cores_per_worker,
                    cluster.max_workers,
                    working_dir,
                    str(session_folder() / "logs"),
                )
                try:
                    pool = RayPool(
                        actors,
                        ledger,
                        group,
                        cluster.patience_s,
                        stop,
                        cluster.description,
                        metrics,
                        show_line,
                    )
                    pool.wait_until_ready()
                    yield pool
                finally:
                    group.close()
