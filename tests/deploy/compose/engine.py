"""A Docker engine of this program's own: nothing of it is seen outside, nothing of it stays."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

START_S = 60.0


class Engine:
    """``dockerd`` in private namespaces, for a ``with`` block.

    Args:
        root: folder of images and containers; outlives the engine.
        network: whether containers have networks. Then the engine is cut off from this machine's:
            its bridges, its rules and the ports that it publishes are in a namespace of their own.
            Otherwise containers can only share this machine's network, as a build has to.
    """

    def __init__(self, root: Path, network: bool) -> None:
        self.root = root
        self._network = network
        self._environment = {**os.environ, "DOCKER_HOST": f"unix://{root}/docker.sock"}

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        daemon = f"exec dockerd --data-root {self.root}/data --exec-root {self.root}/exec "
        daemon += f"--pidfile {self.root}/pid --host unix://{self.root}/docker.sock"
        spaces = ["--mount", "--propagation", "private"]
        if self._network:
            spaces.append("--net")
            daemon = f"ip link set lo up && {daemon}"
        else:
            daemon += " --bridge=none --iptables=false"
        with open(self.root / "dockerd.log", "w") as log:
            self._daemon = subprocess.Popen(
                ["unshare", *spaces, "sh", "-c", daemon], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S
        while self.run("docker", "version", check=False).returncode:
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                last = (self.root / "dockerd.log").read_text().splitlines()[-1:]
                raise RuntimeError(f"dockerd does not start: {''.join(last)}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.terminate()
        try:
            self._daemon.wait(30)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()

    def run(
        self, *command: str, check: bool = True, limit_s: float = 900.0, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command where the engine's networks and published ports are."""
        return subprocess.run(
            self.inside(*command),
            check=check,
            text=True,
            errors="replace",
            timeout=limit_s,
            env=self._environment | options.pop("env", {}),
            **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options,
        )

    def inside(self, *command: str) -> list[str]:
        """The command line that runs ``command`` there."""
        if not self._network:
            return list(command)
        return ["nsenter", "--target", str(self._daemon.pid), "--net", "--", *command]


def why_not() -> str:
    """What is missing for an engine, or an empty text."""
    if os.geteuid() != 0:
        return "only root can start a Docker engine"
    programs = ("dockerd", "docker", "docker-compose", "mmdebstrap", "unshare", "nsenter", "ip")
    missing = [name for name in programs if shutil.which(name) is None and not _plugin(name)]
    if missing:
        return f"missing programs: {', '.join(missing)}"
    return ""


def _plugin(name: str) -> bool:
    return (Path("/usr/libexec/docker/cli-plugins") / name).exists()
