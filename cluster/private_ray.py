"""A Ray cluster of this process alone: quiet, closed to strangers, and gone at the end."""

import logging
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from spikeloop.cluster.environment import environment
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.reasons import first_line
from spikeloop.cluster.stop import Interrupted, StopSignal

OBJECT_STORE_BYTES = 200_000_000
"""Shared memory for large populations; jobs and results travel beside it."""

EMPTY = Path(__file__).with_name("empty.zip")
"""Without a working folder of their own, workers would search the current folder first, and might
run another checkout's code. Packed, so that no temporary folder is left behind by a kill."""

ONE_THREAD_EACH = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
} | {"VECLIB_MAXIMUM_THREADS": "1"}
"""A worker is one core: libraries that start threads of their own would fight for it."""

LEFT_TO_RAY = ("raylet", "gcs_server", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Names of the processes that ``ray.shutdown`` ends itself."""


@contextmanager
def private_ray(n_cores: int, dashboard: bool, stop: StopSignal, run: str = "") -> Iterator[str]:
    """Starts Ray, and ends it with all its processes.

    A signal may come at any time. While Ray starts, which takes some seconds, it breaks the start
    off; only for the quarter of a second in which Ray sets its own handlers, SIGTERM ends the
    process the hard way. Nothing has been written by then.

    Args:
        n_cores: cores that Ray may give to workers.
        dashboard: whether its dashboard runs.
        stop: raises ``Interrupted`` here when it has been set.
        run: what the work is called, for people who watch.

    Yields:
        The dashboard's address and how to get in, or an empty text.
    """
    variables: dict[str, str | None] = {
        **ONE_THREAD_EACH,
        # Where nothing is said, Ray turns tokens on for a cluster of its own; and unlike a word
        # said here, that also works if Ray was imported before.
        "RAY_AUTH_MODE": None,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # leave CUDA_VISIBLE_DEVICES alone
        # Ray's single-machine mode, the default elsewhere than on Linux: everything binds to
        # 127.0.0.1 instead of all interfaces.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # Inside a job of another cluster: its working folder is not this one's.
        "RAY_JOB_CONFIG_JSON_ENV_VAR": None,
    }
    login = "token: ray get-auth-token"
    if not _has_token():
        variables["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        login = "set RAY_AUTH_TOKEN before the run to know the token"

    with environment(variables):
        import ray

        if ray.is_initialized():
            raise PoolError("Ray runs in this process already; end it first with ray.shutdown()")
        # Ray prints notices of dead workers from a thread of its own, past all logging levels.
        # Its debugger silences them with this switch; the run reports deaths itself.
        ray._private.worker._worker_logs_enabled = False
        before = _children()
        try:
            with breaking_off(stop):
                context: Any = ray.init(
                    address="local",
                    num_cpus=n_cores,
                    include_dashboard=dashboard,
                    dashboard_host="127.0.0.1",
                    object_store_memory=OBJECT_STORE_BYTES,
                    runtime_env={"working_dir": str(EMPTY)},
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    job_config=named(run),
                )
        except BaseException as error:
            _end(before)
            if isinstance(error, SystemExit):  # from the handler of SIGTERM that Ray sets
                stop.requested = True
                raise Interrupted from error
            if isinstance(error, Exception):
                raise PoolError(
                    f"Ray cannot be started on this machine: {first_line(error)}; run "
                    "`spikeloop doctor`"
                ) from error
            raise
    try:
        stop.check()
        url = context.address_info.get("webui_url")
        yield f"dashboard http://{url} ({login})" if url else ""
    finally:
        _end(before)


def named(run: str) -> Any:
    """Ray's settings for a job that its dashboard shows under a name; None without one."""
    from ray.job_config import JobConfig

    return JobConfig(metadata={"job_name": run}) if run else None


def _children() -> set[Any]:
    """All processes under this one."""
    import psutil  # Ray brings it along

    return set(psutil.Process().children(recursive=True))


def _end(before: set[Any]) -> None:
    """Shuts Ray down with all its processes, those of a start that was broken off included.

    Raylet and head are left to ``ray.shutdown``, which asks them to end, and so are the raylet's
    agents: it ends when one of them is gone, and Ray would end this process in the middle of
    ``ray.shutdown`` once it noticed. The other helpers and the workers hold nothing worth a
    farewell, and the raylet would wait a second for them.
    """
    import psutil
    import ray

    started = _children() - before
    for process in started:
        with suppress(psutil.NoSuchProcess):
            if process.name() not in LEFT_TO_RAY:
                process.kill()
    ray.shutdown()
    for process in started:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _has_token() -> bool:
    """Whether there is a token, if need be a new one in the home folder.

    Ray would write it where every user of the machine can read it, and with it they could run code
    as this one.
    """
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return True
    try:
        path = Path.home() / ".ray" / "auth_token"
    except RuntimeError:  # a user without a home
        return False
    new = path.with_name(f".auth_token.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if path.exists():
            path.chmod(0o600)
        else:
            with open(new, "x", opener=_for_this_user) as file:
                file.write(secrets.token_hex(32))
            with suppress(FileExistsError):  # another run was faster
                os.link(new, path)
    except OSError:
        return os.access(path, os.R_OK)
    finally:
        with suppress(OSError):
            new.unlink()
    return True


def _for_this_user(path: str, flags: int) -> int:
    """Opens a file that no other user can read."""
    return os.open(path, flags, 0o600)


@contextmanager
def breaking_off(stop: StopSignal) -> Iterator[None]:
    """Breaks ``ray.init`` off on SIGINT, and puts the handlers back that it replaces.

    Once its processes run, Ray connects to them within a moment; that must not be broken off.
    """
    import ray

    def handle(number: int, frame: FrameType | None) -> None:
        stop.requested = True
        if ray._private.worker._global_node is None:
            raise Interrupted

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, handle)
        stop.check()
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
