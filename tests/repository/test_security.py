"""What must stand nowhere in the sources and the files of deployment, read without running them.

Calls that run text are refused by ruff (rules S), imports of pickles by import-linter.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from support.paths import ROOT

DEPLOYED = sorted(
    path
    for path in (*ROOT.glob("docker-compose*.yml"), *(ROOT / "cluster" / "deploy").rglob("*"))
    if path.is_file() and path.suffix not in (".json", ".txt", ".pyc")
)
assert len(DEPLOYED) > 3
SECRET = re.compile(
    r"(?i)(password|passwd|secret|auth_token|api_key)\w*[\"']?\s*[:=]\s*[\"']?(?P<value>[^\s\"',}]+)"
)
UNSAFE = (
    "eval(text)",
    "exec(text)",
    "import yaml; yaml.load(file, yaml.Loader)",
    "import pandas as pd; pd.read_pickle(path)",
    "import subprocess; subprocess.run(words, shell=True)",
    "import os; os.system(words)",
)


def test_linter_refuses_calls_that_run_text_or_read_pickles() -> None:
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache"]
    command += ["--output-format=concise", f"--stdin-filename={ROOT}/workers/unsafe.py", "-"]
    found = subprocess.run(
        command, input="\n".join(UNSAFE), cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = {
        int(line.split(":")[1]) for line in found.stdout.splitlines() if re.search(r" S\d", line)
    }
    assert lines == set(range(1, len(UNSAFE) + 1)), found.stdout


def test_no_source_reads_arrays_in_a_way_that_may_unpickle() -> None:
    folders = ("tasks", "workers", "cluster", "coordinator", "examples")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 100
    unsafe = re.compile(r"\b(?:np|numpy)\.load\(|allow_pickle=(?!False)")
    assert [path for path in sources if unsafe.search(path.read_text())] == []
    assert unsafe.search("np.load(path)")
    assert unsafe.search("read_array(file, allow_pickle=True)")


def published(value: Any, key: str = "") -> Iterator[str]:
    """Yield ports that a file opens to other machines, in the words of compose and Kubernetes."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from published(inner, str(name))
        if "hostPort" in value or value.get("hostNetwork") or value.get("network_mode") == "host":
            yield str(value)
        if value.get("type") in ("NodePort", "LoadBalancer"):
            yield str(value)
        if "published" in value and value.get("host_ip") != "127.0.0.1":
            yield str(value)
    elif isinstance(value, list):
        for inner in value:
            if key == "ports" and isinstance(inner, str | int):
                if not str(inner).startswith(("127.0.0.1:", "[::1]:")):
                    yield str(inner)
            else:
                yield from published(inner)


def test_no_port_is_published_to_other_machines() -> None:
    files = [path for path in DEPLOYED if path.suffix in (".yml", ".yaml")]
    assert ROOT / "docker-compose.yml" in files
    for path in files:
        for document in yaml.safe_load_all(path.read_text()):
            assert list(published(document)) == [], path


def test_published_ports_are_found() -> None:
    assert list(published(yaml.safe_load("ports: ['127.0.0.1:8265:8265']"))) == []
    for text in (
        "ports: ['8265:8265']",
        "ports: ['0.0.0.0:8265:8265']",
        "ports: [8265]",
        "a: {network_mode: host}",
        "ports: [{target: 80, published: 80}]",
        "spec: {type: NodePort}",
        "ports: [{containerPort: 80, hostPort: 80}]",
    ):
        assert len(list(published(yaml.safe_load(text)))) == 1, text


def secrets_in(text: str) -> list[str]:
    """Return values of secrets; a path, a variable or a command that leads to one is none."""
    found = (
        match for line in text.splitlines() for match in SECRET.finditer(line.partition("#")[0])
    )
    return [match[0] for match in found if match["value"][0] not in "/$<{[|-"]


def test_no_secret_stands_in_a_file_of_deployment() -> None:
    for path in DEPLOYED:
        assert secrets_in(path.read_text()) == [], path
    assert secrets_in("POSTGRES_PASSWORD: postgres") == ["PASSWORD: postgres"]
    assert secrets_in('GF_SECURITY_ADMIN_PASSWORD="admin"')
    assert secrets_in("RAY_AUTH_TOKEN=abc")
    assert secrets_in("RAY_AUTH_TOKEN: ${RAY_AUTH_TOKEN:-}") == []


def test_image_does_not_run_as_root() -> None:
    lines = (ROOT / "cluster" / "deploy" / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1] not in ("0", "root")
    assert not any(
        line.startswith("FROM ") and line.split()[1].endswith(":latest") for line in lines
    )
