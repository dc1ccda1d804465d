"""All cores of this machine, through a private Ray cluster that ends with the run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from spikeloop.cluster.cores import usable_cores
from spikeloop.cluster.private_ray import private_ray
from spikeloop.cluster.stop import StopSignal
from spikeloop.tasks.settings import Settings
from spikeloop.workers.job import Job

if TYPE_CHECKING:
    from spikeloop.cluster.ray_pool import RayPool


class Local(Settings):
    """Workers on this machine, one process per core, that survive whatever a learner does.

    Starts its own Ray cluster and never joins another. It listens on the loopback interface only
    and asks for a token, because whoever can talk to a Ray cluster can run code in it.
    """

    kind: Literal["local"] = "local"
    workers: int | None = Field(
        default=None, ge=1, le=4096, description="worker processes; default: one per usable core"
    )
    job_timeout_s: float = Field(
        default=300.0, gt=0, description="time for one job; then its worker is killed"
    )
    warm_up_timeout_s: float = Field(
        default=180.0, gt=0, description="time for a worker to start, and again to compile"
    )
    max_attempts: int = Field(
        default=3, ge=2, le=10, description="how many workers a life may lose before it fails"
    )
    dashboard: bool = Field(default=True, description="whether Ray's dashboard runs")

    @contextmanager
    def open(self, warm_up: Job, stop: StopSignal, working_dir: Path | None) -> Iterator["RayPool"]:
        """Starts Ray and the workers, and leaves no process behind."""
        workers = usable_cores() if self.workers is None else self.workers
        with ExitStack() as stack:
            dashboard = stack.enter_context(private_ray(workers, self.dashboard, stop))
            # Not before Ray is configured: importing it reads the environment.
            from spikeloop.cluster.crew import Crew
            from spikeloop.cluster.ray_pool import RayPool

            import_path = None if working_dir is None else str(working_dir.resolve())
            crew = Crew(workers, warm_up, self.warm_up_timeout_s, import_path)
            stack.callback(crew.close)
            count = f"{workers} Ray worker{'s' if workers > 1 else ''} on this machine"
            description = f"{count}, {dashboard}" if dashboard else count
            pool = RayPool(crew, self.job_timeout_s, self.max_attempts, stop, description)
            pool.wait_until_ready()
            yield pool
