"""A Ray cluster of this process alone: quiet, closed to other users, and gone at the end."""

import logging
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from spikeloop.cluster.error_lines import first_line
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.cleaner import cleaned_up
from spikeloop.cluster.ray_backend.hooks import hooks_kept, import_of_ray
from spikeloop.cluster.ray_backend.private_folder import RAYS, private_folder
from spikeloop.cluster.signals import Interrupted, StopSignal, ending_signals
from spikeloop.workers.environment import environment

OBJECT_STORE_BYTES = 200_000_000
"""Shared memory for large populations; jobs and results travel beside it."""

EMPTY = Path(__file__).with_name("empty.zip")
"""Without a working folder of their own, workers would search the current folder first, and might
run another checkout's code. Packed, so that no temporary folder is left behind by a kill."""

ONE_THREAD_EACH = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
} | {"VECLIB_MAXIMUM_THREADS": "1"}
"""A worker is one core: libraries that start threads of their own would compete for it."""

RUNS_ALREADY = (
    "Ray runs in this process already; end it first with ray.shutdown(), or run inline, without Ray"
)

LEFT_TO_RAY = ("raylet", "gcs_server", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Names of the processes that ``ray.shutdown`` ends itself."""


@contextmanager
def local_ray(n_cores: int, dashboard: bool, stop: StopSignal, run: str = "") -> Iterator[str]:
    """Start Ray for the time of a block, and end it with all its processes.

    A signal may come at any time. While Ray starts, which takes some seconds, it breaks the start
    off; only for the quarter of a second in which Ray sets its own handlers, SIGTERM ends the
    process the hard way. Nothing has been written by then. SIGHUP waits until Ray has started.
    If this process is killed, ``cleaner`` ends what it has started.

    Yields:
        The dashboard's address and how to get in, or an empty text.
    """
    variables: dict[str, str | None] = {
        **ONE_THREAD_EACH,
        # Ray turns tokens on for a cluster of its own unless this is set; and unlike a value
        # set here, its default also works if Ray was imported before.
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

    loaded: Any = sys.modules.get("ray")
    if loaded is not None and loaded.is_initialized():
        raise PoolError(RUNS_ALREADY)
    with hooks_kept(), private_folder() as folder, cleaned_up(folder) as marks:
        if Path(tempfile.gettempdir()) == folder.parent:  # Ray's own temporary files go with it
            variables["TMPDIR"] = str(folder)
        before = _children()
        try:
            with environment({**variables, **marks}):
                url = _start(n_cores, dashboard, stop, run, folder / RAYS)
            stop.check()
            yield f"dashboard http://{url} ({login})" if url else ""
        finally:
            _end(before)


def _start(n_cores: int, dashboard: bool, stop: StopSignal, run: str, folder: Path) -> str:
    """Start Ray in a folder, and return the address of its dashboard, or an empty text."""
    with import_of_ray():
        import ray

        from spikeloop.cluster.ray_backend.private_api import silence_death_notices

    silence_death_notices()
    try:
        with interruptible_start(stop), _hangups_blocked():
            context: Any = ray.init(
                address="local",
                num_cpus=n_cores,
                include_dashboard=dashboard,
                dashboard_host="127.0.0.1",
                object_store_memory=OBJECT_STORE_BYTES,
                runtime_env={"working_dir": str(EMPTY)},
                log_to_driver=False,
                logging_level=logging.ERROR,
                job_config=job_named(run),
                _temp_dir=str(folder),
            )
    except SystemExit as error:  # from the handler of SIGTERM that Ray sets
        stop.requested = True
        raise Interrupted from error
    except Exception as error:
        logs = folder / "session_latest" / "logs"
        raise PoolError(
            f"Ray cannot be started on this machine: {first_line(error)}; run "
            "`spikeloop doctor`" + (f", or look into {logs}" if logs.exists() else "")
        ) from error
    return context.address_info.get("webui_url") or ""


@contextmanager
def interruptible_start(stop: StopSignal) -> Iterator[None]:
    """Break ``ray.init`` off on a signal that ends a run, and put back the handlers it replaces.

    Once its processes run, Ray connects to them within a moment; that must not be broken off.
    """
    from spikeloop.cluster.ray_backend.private_api import processes_started

    def handle(number: int, frame: FrameType | None) -> None:
        stop.requested = True
        if not processes_started():
            raise Interrupted

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ending_signals()}
    try:
        for number in before:
            signal.signal(number, handle)
        stop.check()
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _hangups_blocked() -> Iterator[None]:
    """Block SIGHUP in all processes that are started within, for good.

    A terminal that is closed sends it to all of them. They must not end before this process, which
    still needs them to end well; what comes here is handled at the end of the block.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def job_named(run: str) -> Any:
    """Return Ray's settings for a job that its dashboard shows under a name; None without one."""
    from ray.job_config import JobConfig

    return JobConfig(metadata={"job_name": run}) if run else None


def _children() -> set[Any]:
    """Return all processes under this one."""
    import psutil

    return set(psutil.Process().children(recursive=True))


def _end(before: set[Any]) -> None:
    """Shut Ray down with all its processes, those of a start that was broken off included.

    Raylet and head are left to ``ray.shutdown``, which asks them to end, and so are the raylet's
    agents: it ends when one of them is gone, and Ray would end this process in the middle of
    ``ray.shutdown`` once it noticed. The other helpers and the workers hold nothing of value, and
    the raylet would wait a second for them.
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
    """Return whether there is a token, after making one in the home folder if there is none.

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
            with open(new, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(secrets.token_hex(32))
            with suppress(FileExistsError):  # another run was faster
                os.link(new, path)
    except OSError:
        return os.access(path, os.R_OK)
    finally:
        with suppress(OSError):
            new.unlink()
    return True
