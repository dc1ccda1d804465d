"""Reports about real heads that other machines can reach, and about wrong tokens."""

import os
import socket
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S, ended
from support.ray_head import ray_head
from support.small_run import small_toml

from spikeloop.cluster.ray_backend.open_ports import (
    ExposedCluster,
    asks_for_token,
    clusters,
    folder_behind,
)
from spikeloop.coordinator.cli import installation_check as doctor

RIGHT, WRONG = "a" * 64, "b" * 64
CHECK = """
import sys
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.auth_token import check_token
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
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where a job finds python
    return {**kept, "PATH": path, "HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0", **variables}


def cluster(session: str) -> ExposedCluster:
    """What is found of a cluster, once its node service listens too."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        found = [one for one in clusters() if one.session == session]
        if found and "node service" in found[0].public:
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"never found: {clusters()}")


def python(home: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    return ended([sys.executable, *arguments], cwd=home, env=environment(home, **variables))


def check(home: Path, address: str, *options: str, **variables: str) -> tuple[int, str]:
    """Exit code and words of a process that checks its token."""
    code, output, errors = python(home, "-c", CHECK, address, *options, **variables)
    return code, errors if code else output


def submitted(home: Path, dashboard: str) -> tuple[int, str, str]:
    """A submitted run that is followed to its end."""
    small_toml(home / "small.toml", run={"generations": 1})
    submit = ["submit", "small.toml", "--address", dashboard, "--follow"]
    return python(home, "-m", "spikeloop.coordinator.cli", *submit, RAY_AUTH_MODE="disabled")


def one_warning(errors: str, words: str) -> bool:
    """Whether exactly one line is a warning that holds some words."""
    return [
        line.startswith("spikeloop: warning: ") for line in errors.splitlines() if words in line
    ] == [True]


@pytest.mark.ray
@pytest.mark.slow
def test_a_head_with_a_token(tmp_path: Path) -> None:
    with ray_head(1, RIGHT, loopback=False) as started:
        found = cluster(started.session)
        assert found.token is True
        assert started.gcs_port in found.public["head service"]
        told = doctor._reachable(found)
        assert (told.state, "with a token" in told.found) == ("ok", True)
        assert [check.state for check in doctor._folders([found])] == ["ok"]
        assert found.folder == folder_behind(started.url)
        for variables, words in (
            ({}, "asks for a token and this process shows none; set RAY_AUTH_MODE=token and RAY_"),
            (
                {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": WRONG},
                "does not take this process's token",
            ),
        ):
            code, line = check(tmp_path, started.address, **variables)
            assert code == 1
            assert words in line
            assert "\n" not in line
            assert RIGHT not in line
            assert WRONG not in line


@pytest.mark.ray
@pytest.mark.slow
def test_a_head_without_a_token(tmp_path: Path) -> None:
    with ray_head(1, token="", loopback=False, closed=False) as started:
        address, dashboard = started.address, started.url
        found = cluster(started.session)
        assert found.token is False
        told = doctor._reachable(found)
        assert told.state == "warning"
        assert "without a token" in told.found
        assert "RAY_AUTH_MODE=token" in told.advice
        folder = doctor._folders([found])[0]
        assert folder.state == "warning"
        assert str(found.folder) in folder.found
        assert "--temp-dir=/tmp/ray-$USER/r" in folder.advice
        code, log, errors = submitted(tmp_path, dashboard)
        assert code == 0, errors
        for text in (errors, log):  # of the client, and of the run
            assert one_warning(text, "asks for no token")
            assert one_warning(text, f"can write into {found.folder}")
        code, line = check(tmp_path, address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=RIGHT)
        assert code == 1
        assert "asks for no token, but RAY_AUTH_MODE=token is set here" in line
        disabled = {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": RIGHT}
        assert check(tmp_path, address, "--join", **disabled) == (0, "joined")


def test_a_port_that_does_not_answer_as_ray_is_unknown() -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        assert asks_for_token(*silent.getsockname()) is None


def test_words_for_many_ports() -> None:
    many = ExposedCluster("s", {"head service": [6379], "worker": [5, 4, 3, 2, 2]})
    assert str(many) == "head service on 6379; worker on 2, 3, 4 and 1 more"
    unknown = doctor._reachable(many)
    assert unknown.state == "warning"
    assert "unknown" in unknown.found
