"""Real heads, open to other machines: what is said of their ports and of tokens that do not fit."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from processes import LIMIT_S, child, wait_for

from spikeloop.cluster.sockets import Exposed, asks_for_token, clusters
from spikeloop.coordinator import diagnosis

RIGHT, WRONG = "a" * 64, "b" * 64
CHECK = """
import sys
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.tokens import check_token
try:
    check_token(sys.argv[1])
except PoolError as error:
    sys.exit(str(error))
if "--join" in sys.argv:  # a token that is only looked at must not be shown
    import ray
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
    print(ray.get(ray.remote(lambda: "joined").remote()))
"""


def environment(home: Path, **variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**kept, "HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0", **variables}


def free_ports(n: int) -> list[int]:
    with ExitStack() as opened:
        sockets = [opened.enter_context(closing(socket.socket())) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def head(home: Path, **variables: str) -> Iterator[tuple[str, str]]:
    """Address and session of a head; it and its processes end with the block."""
    port, dashboard, client = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as folder:
        command = [
            *["-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus", "1"],
            *["--port", str(port), "--dashboard-host", "127.0.0.1", "--temp-dir", folder],
            *["--dashboard-port", str(dashboard), "--ray-client-server-port", str(client)],
            *["--object-store-memory", "80000000"],
        ]
        with child(command, home, env=environment(home, **variables)) as process:
            try:
                wait_for(process, lambda: asks_for_token("127.0.0.1", dashboard) is not None)
                session = Path(folder, "session_latest").resolve().name
                yield f"127.0.0.1:{port}", session
            finally:
                family = psutil.Process(process.pid).children(recursive=True)
                process.kill()
                for one in family:
                    with suppress(psutil.NoSuchProcess):
                        one.kill()
                psutil.wait_procs(family, timeout=LIMIT_S)


def cluster(session: str) -> Exposed:
    """What is found of a cluster, once its node service listens too."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        found = [one for one in clusters() if one.session == session]
        if found and "node service" in found[0].public:
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"never found: {clusters()}")


def check(home: Path, address: str, *options: str, **variables: str) -> tuple[int, str]:
    """Exit code and words of a process that checks its token."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK, address, *options],
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return done.returncode, (done.stderr if done.returncode else done.stdout).strip()


@pytest.mark.ray
@pytest.mark.slow
def test_a_head_with_a_token(tmp_path: Path) -> None:
    with head(tmp_path, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=RIGHT) as (address, session):
        found = cluster(session)
        assert found.token is True
        assert int(address.partition(":")[2]) in found.public["head service"]
        told = diagnosis._open(found)
        assert (told.state, "with a token" in told.found) == ("ok", True)
        for variables, words in (
            ({}, "asks for a token and this process shows none; set RAY_AUTH_MODE=token and RAY_"),
            (
                {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": WRONG},
                "does not take this process's token",
            ),
        ):
            code, line = check(tmp_path, address, **variables)
            assert code == 1
            assert words in line
            assert "\n" not in line
            assert RIGHT not in line
            assert WRONG not in line


@pytest.mark.ray
@pytest.mark.slow
def test_a_head_without(tmp_path: Path) -> None:
    with head(tmp_path, RAY_AUTH_MODE="disabled") as (address, session):
        found = cluster(session)
        assert found.token is False
        told = diagnosis._open(found)
        assert told.state == "warning"
        assert "without a token, so whoever reaches them runs code here" in told.found
        assert "RAY_AUTH_MODE=token" in told.advice
        code, line = check(tmp_path, address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=RIGHT)
        assert code == 1
        assert "asks for no token, but RAY_AUTH_MODE=token is set here" in line
        disabled = {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": RIGHT}
        assert check(tmp_path, address, "--join", **disabled) == (0, "joined")


def test_what_is_not_rays_is_not_asked() -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        assert asks_for_token(*silent.getsockname()) is None


def test_words_for_many_ports() -> None:
    many = Exposed("s", {"head service": [6379], "worker": [5, 4, 3, 2, 2]})
    assert str(many) == "head service on 6379; worker on 2, 3, 4 and 1 more"
    unknown = diagnosis._open(many)
    assert unknown.state == "warning"
    assert "unknown" in unknown.found
