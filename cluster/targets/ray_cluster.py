"""A Ray cluster that runs already: all its nodes, those included that join later."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from spikeloop.cluster.error_lines import first_line
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.progress import Tell, untold
from spikeloop.cluster.ray_backend import exposure, job_env
from spikeloop.cluster.ray_backend.auth_token import check_token, needs_none
from spikeloop.cluster.ray_backend.local_cluster import EMPTY, ONE_THREAD_EACH, breaking_off, named
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.ray_target import Sturdy
from spikeloop.workers.job import Job

if TYPE_CHECKING:
    from spikeloop.cluster.ray_backend.ray_pool import RayPool

KNOCK_S = 10.0
"""A head that does not take a connection within this time is not there."""


class Attached(Sturdy):
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
        default=None, ge=1, description="at most so many; default: all that there is room for"
    )

    @contextmanager
    def open(
        self,
        warm_up: Job,
        stop: StopSignal,
        working_dir: Path | None,
        run: str = "",
        tell: Tell = untold,
    ) -> Iterator["RayPool"]:
        """Connects to the cluster and starts the workers; ends them and disconnects at the end."""
        import_path = None if working_dir is None else _on_workers(working_dir)
        patience_s, most = self.patience_s, self.max_workers
        with self._connected(stop, working_dir, run) as address:
            where = f"on the Ray cluster at {address}"
            with self.crewed(
                warm_up, stop, working_dir, import_path, most, patience_s, where, run, tell
            ) as pool:
                yield pool

    @contextmanager
    def _connected(self, stop: StopSignal, working_dir: Path | None, run: str) -> Iterator[str]:
        """The address of the head."""
        import logging

        import ray
        from ray import exceptions

        if ray.is_initialized():
            raise PoolError("Ray runs in this process already; end it first with ray.shutdown()")
        if self._knock():
            check_token(self.address)
            self._check_member()
        ray._private.worker._worker_logs_enabled = False  # the run reports deaths itself
        try:
            with breaking_off(stop):
                ray.init(
                    address=self.address,
                    runtime_env=_runtime_env(working_dir),
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    namespace="spikeloop",
                    job_config=named(run),
                )
        except exceptions.AuthenticationError as error:
            raise PoolError(
                f"the Ray cluster at {self.address} does not accept this process's token; set "
                "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to those of the cluster"
            ) from error
        except (ConnectionError, RuntimeError, ValueError, exceptions.RayError) as error:
            self._require_head(error)
            raise PoolError(
                f"the Ray cluster at {self.address} cannot be joined: {first_line(error)}; is it "
                "running, does it run the same versions of Python and Ray, and is the token "
                "(RAY_AUTH_MODE, RAY_AUTH_TOKEN) the same?"
            ) from error
        try:
            stop.check()
            head = str(ray.get_runtime_context().gcs_address)
            node: Any = ray._private.worker._global_node
            exposure.warn_of_folder(Path(node.get_session_dir_path()))
            if needs_none(head):
                exposure.warn_without_token(f"the Ray cluster at {head}")
            yield head
        finally:
            ray.shutdown()

    def _require_head(self, error: Exception) -> None:
        """PoolError if the head, which was there, has gone while this process joined it."""
        try:
            self._knock()
        except PoolError:
            raise PoolError(
                f"the Ray cluster at {self.address} ended while it was joined: "
                f"{first_line(error)}; did its machine run out of memory?"
            ) from error

    def _knock(self) -> bool:
        """Whether the address has a port; PoolError if nobody listens there.

        Ray would keep trying for minutes.
        """
        host, _, port = self.address.rpartition(":")
        if not host:
            return False  # "auto", or a name that Ray resolves
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S):
                return True
        except (OSError, ValueError) as error:
            raise PoolError(
                f"the Ray cluster at {self.address} cannot be joined: {error}; is it running, and "
                "is its head's port right?"
            ) from error

    def _check_member(self) -> None:
        """PoolError if this machine is no node of the cluster.

        Ray talks to a cluster through the raylet of its own machine. Without one it would look for
        it for a minute, and then blame the head.
        """
        here = _raylets()
        if here and not here.isdisjoint(_nodes_of(self.address) or here):
            return
        host = self.address.rpartition(":")[0]
        raise PoolError(
            f"this machine is no node of the Ray cluster at {self.address}, so no run can work on "
            f"the cluster from here; make it one with `ray start --address={self.address} "
            "--num-cpus=0` (or with as many cores as it may use), or start the run there with "
            f"`spikeloop submit --address http://{host}:8265`"
        )


def _raylets() -> set[str]:
    """Ray's names of the nodes that this machine is, in whatever clusters."""
    import psutil

    flag = "--node_id="
    return {
        argument.removeprefix(flag)
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "raylet"
        for argument in process.info["cmdline"] or ()
        if argument.startswith(flag)
    }


def _nodes_of(address: str) -> set[str] | None:
    """The names of a cluster's nodes; None if it does not say, and ``ray.init`` will tell why.

    Nothing public lists the nodes of a cluster that this process has not joined.
    """
    from ray import _raylet

    raylet: Any = _raylet
    try:
        return {
            node.hex()
            for node in raylet.GcsClient(address=address).get_all_node_info(timeout=KNOCK_S)
        }
    except Exception:  # a head that does not answer is explained by ``ray.init``, which comes next
        return None


def _runtime_env(working_dir: Path | None) -> dict[str, Any]:
    """What the workers need, without what the job that this process is in has brought already.

    Ray refuses to be told twice; a job's own folder reaches the workers by itself.
    """
    given = job_env.runtime_env()
    variables = given.get("env_vars", {})
    needed = {name: value for name, value in ONE_THREAD_EACH.items() if name not in variables}
    folder = {} if "working_dir" in given else {"working_dir": str(working_dir or EMPTY)}
    return {**folder, "env_vars": needed}


def _on_workers(working_dir: Path) -> str:
    """Where the folder of the user's own classes is, seen from the folder that workers run in."""
    if "working_dir" not in job_env.runtime_env():
        return "."  # where Ray unpacks the folder
    here = Path.cwd()  # a job runs in the folder that it brought
    try:
        return str(working_dir.resolve().relative_to(here.resolve()))
    except ValueError as error:
        raise PoolError(
            f"the folder of your own classes, {working_dir}, is not in the folder that was "
            f"submitted with this job, {here}, so the workers cannot have it"
        ) from error
