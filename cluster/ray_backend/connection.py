"""Joins a Ray cluster that runs already, with one clear line for everything that can be wrong."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import exceptions

from spikeloop.cluster.error_lines import first_line
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend import exposure, job_env, private_api
from spikeloop.cluster.ray_backend.auth_token import accepts, check_token
from spikeloop.cluster.ray_backend.hooks import hooks_kept
from spikeloop.cluster.ray_backend.local_cluster import (
    EMPTY,
    ONE_THREAD_EACH,
    RUNS_ALREADY,
    interruptible_start,
    job_named,
)
from spikeloop.cluster.signals import StopSignal

CONNECT_S = 10.0
"""A head that does not accept a connection within this time is not there."""


@contextmanager
def joined(address: str, working_dir: Path | None, run: str, stop: StopSignal) -> Iterator[str]:
    """Connect this process to a cluster for the time of a block.

    Yields:
        The address of the head.
    """
    if ray.is_initialized():
        raise PoolError(RUNS_ALREADY)
    if _head_listens(address):
        check_token(address)
        _require_node(address)
    private_api.silence_death_notices()
    with hooks_kept():
        _connect(address, working_dir, run, stop)
        try:
            stop.check()
            head = str(ray.get_runtime_context().gcs_address)
            exposure.warn_of_folder(session_folder())
            if accepts(head, "", unknown=False):
                exposure.warn_without_token(f"the Ray cluster at {head}")
            yield head
        finally:
            ray.shutdown()


def _connect(address: str, working_dir: Path | None, run: str, stop: StopSignal) -> None:
    """Connect this process to a cluster; PoolError if that does not work."""
    try:
        with interruptible_start(stop):
            ray.init(
                address=address,
                runtime_env=_runtime_env(working_dir),
                log_to_driver=False,
                logging_level=logging.ERROR,
                namespace="spikeloop",
                job_config=job_named(run),
            )
    except exceptions.AuthenticationError as error:
        raise PoolError(
            f"the Ray cluster at {address} does not accept this process's token; set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to those of the cluster"
        ) from error
    except (ConnectionError, RuntimeError, ValueError, exceptions.RayError) as error:
        _require_head(address, error)
        raise PoolError(
            f"the Ray cluster at {address} cannot be joined: {first_line(error)}; is it running, "
            "does it run the same versions of Python and Ray, and is the token (RAY_AUTH_MODE, "
            "RAY_AUTH_TOKEN) the same?"
        ) from error


def session_folder() -> Path:
    """Return the folder that Ray has made for the cluster on this machine."""
    context = ray.get_runtime_context()
    return Path(context.get_temp_dir(), context.get_session_name())


def import_path(working_dir: Path) -> str:
    """Return the folder of the user's own classes, seen from the folder that workers run in."""
    if "working_dir" not in job_env.runtime_env():
        return "."  # where Ray unpacks the folder
    here = Path.cwd()  # a job runs in the folder that was submitted with it
    try:
        return str(working_dir.resolve().relative_to(here.resolve()))
    except ValueError as error:
        raise PoolError(
            f"the folder of your own classes, {working_dir}, is not in the folder that was "
            f"submitted with this job, {here}, so the workers cannot have it"
        ) from error


def _head_listens(address: str) -> bool:
    """Return whether the address has a port, and raise PoolError if nothing listens there.

    Ray would keep trying for minutes.
    """
    host, _, port = address.rpartition(":")
    if not host:
        return False  # "auto", or a name that Ray resolves
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S):
            return True
    except (OSError, ValueError) as error:
        raise PoolError(
            f"the Ray cluster at {address} cannot be joined: {error}; is it running, and is its "
            "head's port right?"
        ) from error


def _require_head(address: str, error: Exception) -> None:
    """Raise PoolError if the head, which was there, has ended while this process joined it."""
    try:
        _head_listens(address)
    except PoolError:
        raise PoolError(
            f"the Ray cluster at {address} ended while it was joined: {first_line(error)}; did "
            "its machine run out of memory?"
        ) from error


def _require_node(address: str) -> None:
    """Raise PoolError if this machine is no node of the cluster.

    Ray talks to a cluster through the raylet of its own machine. Without one it would look for
    it for a minute, and then report that the head does not answer.
    """
    here = _raylets()
    if here and not here.isdisjoint(private_api.nodes_of(address, CONNECT_S) or here):
        return
    host = address.rpartition(":")[0]
    raise PoolError(
        f"this machine is no node of the Ray cluster at {address}, so no run can work on the "
        f"cluster from here; make it one with `ray start --address={address} --num-cpus=0` (or "
        "with as many cores as it may use), or start the run there with "
        f"`spikeloop submit --address http://{host}:8265`"
    )


def _raylets() -> set[str]:
    """Return Ray's names of the nodes that this machine is, in whatever clusters."""
    import psutil

    flag = "--node_id="
    return {
        argument.removeprefix(flag)
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "raylet"
        for argument in process.info["cmdline"] or ()
        if argument.startswith(flag)
    }


def _runtime_env(working_dir: Path | None) -> dict[str, Any]:
    """Return what the workers need, without what the surrounding job has brought already.

    Ray refuses both at once; a job's own folder reaches the workers by itself.
    """
    given = job_env.runtime_env()
    variables = given.get("env_vars", {})
    needed = {name: value for name, value in ONE_THREAD_EACH.items() if name not in variables}
    folder = {} if "working_dir" in given else {"working_dir": str(working_dir or EMPTY)}
    return {**folder, "env_vars": needed}
