"""A Ray cluster of several machines on this one: each node in a network namespace of its own.

The head's namespace holds a bridge, every other one a cable to it; nothing of it is to be seen
outside. Needs root and ``ip``. Each node has a host name, so that a run's tables tell who ran
what.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from chaos.sandbox import processes_of
from chaos.stretched import MARKER

RAY = str(Path(sys.executable).with_name("ray"))
PORT = 6379
SUBNET = "10.213.7"
STORE_BYTES = 100_000_000
LIMIT_S = 120.0


def may_make_namespaces() -> bool:
    """Whether this process may make network namespaces and bridges."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    probe = ["unshare", "--net", "ip", "link", "add", "probe", "type", "bridge"]
    return subprocess.run(probe, capture_output=True).returncode == 0


@dataclass(frozen=True)
class Node:
    """One machine.

    Attributes:
        name: its host name too.
        ip: its address.
        namespace: of its network.
        folder: Ray's temporary folder and the marker of its processes.
    """

    name: str
    ip: str
    namespace: str
    folder: Path

    def prefix(self) -> list[str]:
        """What a command begins with to run on this node."""
        enter = f"--net=/run/netns/{self.namespace}"
        script = 'hostname "$0" && exec "$@"'
        return ["nsenter", enter, "unshare", "--uts", "sh", "-c", script, self.name]

    def processes(self) -> list[psutil.Process]:
        """All that live of its Ray."""
        return processes_of(str(self.folder), self.folder)

    def kill(self) -> None:
        """Ends Ray on it as a power cut would, all at once."""
        ended = self.processes()
        for process in ended:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(ended, timeout=30)


class Cluster:
    """A head without cores, and nodes that come and go. Ends with the block.

    Args:
        folder: to be made; short, because Ray puts sockets below it.

    Attributes:
        head: where coordinators run.
        nodes: all others that were ever there, by name.
        environment: for clients.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._id = f"sc{os.getpid()}"
        self.nodes: dict[str, Node] = {}
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self.head = self._node("head", 1)

    @property
    def address(self) -> str:
        """Of the head, for ``[target]``."""
        return f"{self.head.ip}:{PORT}"

    def __enter__(self) -> Self:
        self._folder.mkdir()
        self._make(self.head)
        try:
            self._ip(self.head, "link", "add", "bridge", "type", "bridge")
            self._ip(self.head, "address", "add", f"{self.head.ip}/24", "dev", "bridge")
            self._ip(self.head, "link", "set", "bridge", "up")
            self._ray(
                self.head, "--head", f"--port={PORT}", "--num-cpus=0", "--include-dashboard=false"
            )
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._remove()

    def add(self, name: str, cores: int = 1) -> Node:
        """A node that has joined."""
        node = self.nodes[name] = self._node(name, 2 + len(self.nodes))
        self._make(node)
        cable = ("link", "add", self._cable(node), "type", "veth", "peer", "name", "eth0")
        self._ip(self.head, *cable, "netns", node.namespace)
        self._ip(self.head, "link", "set", self._cable(node), "master", "bridge", "up")
        self._ip(node, "address", "add", f"{node.ip}/24", "dev", "eth0")
        self._ip(node, "link", "set", "eth0", "up")
        self._ray(node, f"--address={self.address}", f"--num-cpus={cores}")
        return node

    def cut(self, name: str) -> None:
        """Pulls a node's cable; it keeps its address."""
        self._ip(self.head, "link", "set", self._cable(self.nodes[name]), "down")

    def mend(self, name: str) -> None:
        """Plugs it in again."""
        self._ip(self.head, "link", "set", self._cable(self.nodes[name]), "up")

    def drain(self, name: str, seconds: int) -> None:
        """Tells the cluster that the node will go after so many seconds."""
        self._run(
            self.nodes[name],
            RAY,
            "drain-node",
            f"--address={self.address}",
            "--reason=DRAIN_NODE_REASON_PREEMPTION",
            "--reason-message=preempted",
            f"--deadline-remaining-seconds={seconds}",
        )

    def litter(self) -> list[str]:
        """Processes and namespaces that should have gone with the block."""
        names = {node.namespace for node in (self.head, *self.nodes.values())}
        alive = [str(p) for node in (self.head, *self.nodes.values()) for p in node.processes()]
        return alive + sorted(names & {path.name for path in Path("/run/netns").glob("*")})

    def _node(self, name: str, number: int) -> Node:
        folder = self._folder / name
        return Node(name, f"{SUBNET}.{number}", f"{self._id}-{name}", folder)

    def _make(self, node: Node) -> None:
        node.folder.mkdir()
        _check(["ip", "netns", "add", node.namespace])
        self._ip(node, "link", "set", "lo", "up")

    def _cable(self, node: Node) -> str:
        return f"to-{node.name}"

    def _ip(self, node: Node, *arguments: str) -> None:
        _check(["ip", "-n", node.namespace, *arguments])

    def _ray(self, node: Node, *arguments: str) -> None:
        self._run(
            node,
            RAY,
            "start",
            *arguments,
            f"--node-ip-address={node.ip}",
            f"--temp-dir={node.folder}",
            f"--object-store-memory={STORE_BYTES}",
            "--disable-usage-stats",
        )

    def _run(self, node: Node, *command: str) -> None:
        environment = {**os.environ, **self.environment, MARKER: str(node.folder)}
        _check([*node.prefix(), *command], environment, node.folder)

    def _remove(self) -> None:
        for node in (*self.nodes.values(), self.head):
            node.kill()
            with suppress(RuntimeError):
                _check(["ip", "netns", "delete", node.namespace])
        shutil.rmtree(self._folder, ignore_errors=True)


def _check(
    command: Sequence[str], environment: dict[str, str] | None = None, folder: Path | None = None
) -> None:
    """Runs a command; RuntimeError with its last words if it fails."""
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise RuntimeError(f"{' '.join(command)}: {' '.join(words)}")
