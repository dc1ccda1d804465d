"""The way to a cluster's dashboard, and what a process knows of the Ray job it runs in."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

import pytest
import ray
from support.ray_head import free_ports

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend import connection, job_env, private_api
from spikeloop.cluster.ray_backend.job_client import JobInfo, Jobs
from spikeloop.cluster.ray_backend.local_cluster import EMPTY, ONE_THREAD_EACH


@contextmanager
def answering(answer: bytes, reset: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a server, and the requests that it got; it answers each with the same bytes.

    An open ssh tunnel behind which nothing listens takes connections and sends nothing.
    """
    requests: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):  # the server is closed
            while True:
                connection, _ = listener.accept()
                requests.append(connection.recv(10_000))
                if reset:
                    connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                with suppress(OSError):
                    connection.sendall(answer)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def http(status: str, body: str) -> bytes:
    return f"HTTP/1.0 {status}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "answer",
    [http("200 OK", "<html>"), http("302 Found", ""), http("500 Oh", "{}"), b"SSH-2.0-Open\r\n"],
)
def test_another_server_is_refused_and_sees_no_token(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a secret")
    with (
        answering(answer) as (url, requests),
        pytest.raises(PoolError, match="is no Ray dashboard"),
    ):
        Jobs(url)
    assert not any(b"secret" in request for request in requests)


def test_an_address_without_listener_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", url)
    with pytest.raises(PoolError, match=f"nothing answers at {url}"):
        Jobs()


@pytest.mark.parametrize("reset", [False, True])
def test_a_tunnel_with_nothing_behind_it_is_recognised(reset: bool) -> None:
    with (
        answering(b"", reset) as (url, _),
        pytest.raises(PoolError, match="takes connections, but does not answer") as error,
    ):
        Jobs(url)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "address", ["ray://head:10001", "http://", "http://h:port", "//", "http://[", "nonsense..host"]
)
def test_a_wrong_address_is_refused(address: str) -> None:
    with pytest.raises(PoolError, match="must be like http://HOST:8265"):
        Jobs(address)


def test_an_unreadable_token_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "nowhere"))
    with (
        answering(http("200 OK", '{"authentication_mode": "token"}')) as (url, _),
        pytest.raises(PoolError, match="token cannot be read"),
    ):
        Jobs(url)


def test_a_dashboard_that_disappears_is_one_line() -> None:
    answer = {"authentication_mode": "disabled", "version": "4", "ray_version": ray.__version__}
    with answering(http("200 OK", json.dumps(answer))) as (url, _):
        jobs = Jobs(url)
    with pytest.raises(PoolError, match="does not answer any more"):
        jobs.info("own")


@pytest.mark.parametrize(("content", "found"), [("{}", b"{}"), ("", None)])
def test_an_empty_answer_is_no_file(content: str, found: bytes | None) -> None:
    answer = {"authentication_mode": "disabled", "version": "4", "ray_version": ray.__version__}
    with answering(http("200 OK", json.dumps(answer))) as (url, _):
        jobs = Jobs(url)
    job = JobInfo("own", "failed", None, {}, "", None, "node")
    with answering(http("200 OK", content)) as (jobs.address, _):
        assert jobs.read(job, "own/run.json") == found


def test_a_head_that_ends_while_it_is_joined_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        connection._require_head(address, RuntimeError("timed out"))
    with pytest.raises(PoolError, match="ended while it was joined"):
        connection._require_head(address, RuntimeError("timed out"))


def test_only_a_node_of_this_cluster_may_join_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_raylets", lambda: {"here"})
    for nodes in ({"here", "there"}, None):  # None: the head does not answer, as Ray will say
        monkeypatch.setattr(private_api, "nodes_of", lambda *_, known=nodes: known)
        connection._require_node("head:1")
    monkeypatch.setattr(private_api, "nodes_of", lambda *_: {"there"})
    with pytest.raises(PoolError, match="this machine is no node of the Ray cluster at head:1"):
        connection._require_node("head:1")


def in_a_job(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    monkeypatch.setenv(job_env.VARIABLE, json.dumps(settings))


def test_runtime_env_of_a_job_is_not_given_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    everything = {"working_dir": str(EMPTY), "env_vars": dict(ONE_THREAD_EACH)}
    assert connection._runtime_env(None) == everything
    in_a_job(monkeypatch, runtime_env={"env_vars": {"OMP_NUM_THREADS": "3", "MINE": "1"}})
    needed = connection._runtime_env(tmp_path)
    assert needed["working_dir"] == str(tmp_path)
    assert needed["env_vars"].keys() == ONE_THREAD_EACH.keys() - {"OMP_NUM_THREADS"}
    in_a_job(monkeypatch, runtime_env={"working_dir": "gcs://package.zip"})
    assert connection._runtime_env(tmp_path) == {"env_vars": dict(ONE_THREAD_EACH)}


def test_own_classes_are_found_in_the_jobs_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert connection.import_path(tmp_path / "sub") == "."
    in_a_job(monkeypatch, runtime_env={"working_dir": "gcs://package.zip"})
    assert connection.import_path(tmp_path) == "."
    assert connection.import_path(tmp_path / "sub") == "sub"
    with pytest.raises(PoolError, match="is not in the folder"):
        connection.import_path(tmp_path.parent)


def test_no_folder_is_shared_outside_a_job(tmp_path: Path) -> None:
    assert not job_env.share_folder(tmp_path, "run")
    assert job_env.metadata() == {}
