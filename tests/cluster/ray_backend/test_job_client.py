"""The way to a cluster's dashboard, and what a process knows of the Ray job it runs in."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import pytest
import ray
from support.ray_head import free_ports

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend import connection, job_env
from spikeloop.cluster.ray_backend.job_client import Jobs
from spikeloop.cluster.ray_backend.local_cluster import EMPTY, ONE_THREAD_EACH


class Stranger(BaseHTTPRequestHandler):
    """Some other web server."""

    def do_GET(self) -> None:
        server: Any = self.server
        status, body = server.answer
        server.shown = self.headers.get("Authorization")
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None: ...


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("answer", [(200, b"<html>"), (302, b""), (500, b"{}")])
def test_another_web_server_is_refused_and_sees_no_token(
    server: Any, answer: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a secret")
    server.answer = answer
    with pytest.raises(PoolError, match="is no Ray dashboard"):
        Jobs(f"http://127.0.0.1:{server.server_port}")
    assert server.shown is None


def test_an_address_without_listener_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", url)
    with pytest.raises(PoolError, match=f"nothing answers at {url}"):
        Jobs()


@contextmanager
def taking_connections(answer: bytes, reset: bool) -> Iterator[str]:
    """The URL of a server that reads each request, sends some bytes, and closes the connection.

    An open ssh tunnel does so, without any bytes, where nothing listens behind it.
    """

    def serve() -> None:
        with suppress(OSError):  # the server is closed
            while True:
                connection, _ = listener.accept()
                connection.recv(10_000)
                if reset:
                    connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                with suppress(OSError):
                    connection.sendall(answer)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("reset", [False, True])
def test_a_tunnel_with_nothing_behind_it_is_recognised(reset: bool) -> None:
    with (
        taking_connections(b"", reset) as url,
        pytest.raises(PoolError, match="takes connections, but does not answer") as error,
    ):
        Jobs(url)
    assert "\n" not in str(error.value)


def test_a_server_that_does_not_speak_http_is_no_dashboard() -> None:
    with (
        taking_connections(b"SSH-2.0-OpenSSH_10.0\r\n", reset=False) as url,
        pytest.raises(PoolError, match="is no Ray dashboard"),
    ):
        Jobs(url)


@pytest.mark.parametrize(
    "address", ["ray://head:10001", "http://", "http://h:port", "//", "http://[", "nonsense..host"]
)
def test_a_wrong_address_is_refused(address: str) -> None:
    with pytest.raises(PoolError, match="must be like http://HOST:8265"):
        Jobs(address)


def test_an_unreadable_token_is_one_line(
    server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.answer = (200, b'{"authentication_mode": "token"}')
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(PoolError, match="token cannot be read"):
        Jobs(f"http://127.0.0.1:{server.server_port}")


def test_a_dashboard_that_disappears_is_one_line(server: Any) -> None:
    told = {"authentication_mode": "disabled", "version": "4", "ray_version": ray.__version__}
    server.answer = (200, json.dumps(told).encode())
    jobs = Jobs(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    with pytest.raises(PoolError, match="does not answer any more"):
        jobs.info("own")


def test_a_head_that_ends_while_it_is_joined_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        connection._require_head(address, RuntimeError("timed out"))
    with pytest.raises(PoolError, match="ended while it was joined"):
        connection._require_head(address, RuntimeError("timed out"))


def in_a_job(monkeypatch: pytest.MonkeyPatch, **told: object) -> None:
    monkeypatch.setenv(job_env.VARIABLE, json.dumps(told))


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
