"""The project of docker-compose.yml on an engine, and a user beside it."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from deploy.compose.engine import Engine
from deploy.compose.images import ROOT

SPIKELOOP = str(Path(sys.executable).with_name("spikeloop"))
HEAD = "http://127.0.0.1:8265"
PROMETHEUS = "http://127.0.0.1:9090"


class Cluster:
    """Its containers are gone after the ``with`` block.

    Args:
        engine: with networks.
        folder: the user's, for the laptop's run and what was fetched.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.laptop, self.fetched = folder / "laptop", folder / "fetched"

    def __enter__(self) -> Self:
        self.compose("down", "--volumes")
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            print(self.compose("logs", "--tail=40", check=False))
            print(self.compose("ps", "--all", check=False))
        self.compose("--profile", "comparison", "down", "--volumes", "--timeout=1", check=False)

    def compose(self, *arguments: str, check: bool = True) -> str:
        """``docker compose`` at the top of the repository."""
        done = self.engine.run("docker", "compose", *arguments, cwd=ROOT, check=check)
        return str(done.stdout)

    def head(self, *command: str) -> str:
        """What a command in the head's container says."""
        return self.compose("exec", "-T", "head", *command).strip()

    def workers(self) -> list[str]:
        """Identifiers of the workers' containers."""
        return self.compose("ps", "--quiet", "worker").split()

    def user(self, *arguments: str, code: int = 0) -> str:
        """``spikeloop`` on this machine, with the token; RuntimeError if it ends otherwise."""
        token = self.head("cat", "/token/auth_token")
        done = self.engine.run(
            *(SPIKELOOP, *arguments),
            cwd=ROOT,
            check=False,
            env={"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_API_SERVER_ADDRESS": HEAD},
        )
        if done.returncode != code:
            raise RuntimeError(f"spikeloop {arguments}: {done.returncode}, {done.stdout}")
        return str(done.stdout)

    def answer(self, url: str, token: str = "") -> int:
        """The status that a request gets."""
        header = f"Authorization: Bearer {token}" if token else "Accept: */*"
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", header, url]
        return int(self.engine.run(*command).stdout)

    def ask_prometheus(self, query: str) -> dict[str, float]:
        """The values of an instant query by their labels, as text."""
        command = ["curl", "-sG", f"{PROMETHEUS}/api/v1/query", "--data-urlencode"]
        found: Any = json.loads(self.engine.run(*command, f"query={query}").stdout)
        return {str(one["metric"]): float(one["value"][1]) for one in found["data"]["result"]}

    def committed(self, run: str) -> int:
        """The last generation that a run has committed, -1 for none."""
        said = self.compose(
            *("exec", "-T", "head", "sh", "-c", f"ls /results/{run}/state 2>/dev/null || true")
        )
        return max((int(name[:6]) for name in said.split() if name.endswith(".npz")), default=-1)

    def wait(self, what: str, reached: Callable[[], bool], limit_s: float = 300.0) -> None:
        """Returns once something holds; RuntimeError if it does not within the limit."""
        deadline = time.monotonic() + limit_s
        while not reached():
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {limit_s:.0f} s for {what}")
            time.sleep(0.5)
