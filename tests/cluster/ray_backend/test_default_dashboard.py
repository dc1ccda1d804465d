"""Without an address the token goes to a cluster of one's own only, and it is said which."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.child_processes import child
from support.command_line import refused
from support.ray_head import free_ports
from support.small_run import small_toml

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend import dashboard, default_dashboard
from spikeloop.cluster.ray_backend.default_dashboard import Listener, listener, require_own

SESSION = "session_2026-12-01_09-00-00_123456_4321"
LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("ready", flush=True)
    while True:
        server.accept()[0].close()
"""


@contextmanager
def listening(folder: str, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The port and number of a process whose command line is that of a dashboard in a folder."""
    (port,) = free_ports(1)
    words = ["-c", LISTEN, str(port), f"--session-dir={folder}/{SESSION}"]
    with child(words, tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield port, process.pid
        process.kill()


def test_ones_own_cluster_is_named_with_session_account_and_process(tmp_path: Path) -> None:
    with listening("/tmp/ray", tmp_path) as (port, pid):
        found = require_own(f"http://127.0.0.1:{port}")
        assert (found.user, found.pid, found.parent) == (os.geteuid(), pid, os.getpid())
        assert not found.private
        assert str(found).startswith(f"Ray's {SESSION} of ")
        assert str(found).endswith(f" (process {pid}, /tmp/ray/{SESSION})")


def test_a_runs_private_cluster_is_refused_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(dashboard.VARIABLE, raising=False)
    with listening("/tmp/spikeloop-ab12_xyz/r", tmp_path) as (port, pid):
        url = f"http://127.0.0.1:{port}"
        monkeypatch.setattr(dashboard, "DEFAULT", url)
        line = refused("submit", small_toml(tmp_path / "small.toml"), code=3)
    assert f"no --address was given, and at {url} listens Ray's {SESSION} of " in line
    assert f"process {pid}" in line
    assert f"the private cluster of the run in process {os.getpid()}" in line


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Listener(user=54321, pid=7, name="nc"), "listens nc of account 54321 (process 7), anothe"),
        (Listener(user=54321), "listens a process of account 54321, another account"),
        (Listener(user=None), "cannot be seen from here"),
        (None, "cannot be seen from here"),
    ],
)
def test_strangers_are_shown_no_token(
    found: Listener | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(dashboard.VARIABLE, raising=False)
    monkeypatch.setattr(default_dashboard, "listener", lambda port: found)
    asked: list[str] = []
    monkeypatch.setattr(dashboard, "_asks_for_token", asked.append)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(dashboard, "DEFAULT", url)
        with pytest.raises(PoolError) as error:
            dashboard.connect(None)
        assert not asked
        assert words in str(error.value)
        assert str(error.value).endswith(f"name it: --address {url}")
        monkeypatch.setattr(dashboard, "_asks_for_token", lambda url: True)
        assert dashboard.connect(url).owner == ""  # named, so that it is the user's own business


def test_root_may_listen_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the proxy of a container's port does, of which only the account can be seen."""
    monkeypatch.setattr(default_dashboard, "listener", lambda port: Listener(user=0))
    assert str(require_own("http://127.0.0.1:8265")) == "a process of root"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/net/tcp")
def test_the_account_of_a_listener_is_known_even_if_its_process_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("psutil.net_connections", lambda kind: [])
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listener(port) == Listener(os.geteuid())
    assert listener(port) is None
