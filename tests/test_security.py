"""What must stand nowhere in the sources and the files of deployment, read without running them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("tasks", "workers", "cluster", "coordinator", "examples")
    for path in (ROOT / folder).rglob("*.py")
)
DEPLOYED = sorted(
    path
    for path in (*ROOT.glob("docker-compose*.yml"), *(ROOT / "cluster" / "deploy").rglob("*"))
    if path.is_file() and path.suffix not in (".json", ".txt", ".pyc")
)
PICKLES = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "torch"}
RUNS_CODE = {"eval", "exec", "compile", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}
READS_PICKLES = {"np.load", "numpy.load", "pd.read_pickle", "np.lib.format.read_array"}
SECRET = re.compile(
    r"(?i)(password|passwd|secret|auth_token|api_key)\w*[\"']?\s*[:=]\s*[\"']?(?P<value>[^\s\"',}]+)"
)


def dotted(node: ast.expr) -> str:
    """For example "os.system"; "" for anything but names."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def offences(source: str) -> Iterator[str]:
    """What a module does that runs code or reads pickles."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (f"import {name}" for name in names if name.partition(".")[0] in PICKLES)
        if not isinstance(node, ast.Call):
            continue
        called, given = dotted(node.func), {k.arg: k.value for k in node.keywords}
        if called in RUNS_CODE:
            yield called
        if called in READS_PICKLES and not is_constant(given.get("allow_pickle"), False):
            yield f"{called} without allow_pickle=False"
        for name in ("shell", "allow_pickle"):
            if name in given and not is_constant(given[name], False):
                yield f"{name}="


def is_constant(node: ast.expr | None, value: Any) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_the_sources_run_no_text_and_read_no_pickles() -> None:
    assert len(SOURCES) > 100
    found = {path: list(offences(path.read_text())) for path in SOURCES}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "eval('1')",
        "import yaml; yaml.load(file)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.savez(path, allow_pickle=yes)",
        "subprocess.run(words, shell=True)",
    ],
)
def test_what_is_looked_for_is_found(source: str) -> None:
    assert len(list(offences(source))) == 1 or "allow_pickle" in source
    assert list(offences(source))


def documents(path: Path) -> list[Any]:
    """The documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text()))


def published(value: Any, key: str = "") -> Iterator[str]:
    """Ports that a file opens to other machines, in the words of compose and of Kubernetes."""
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
        assert list(published(documents(path))) == [], path


@pytest.mark.parametrize(
    "text",
    [
        "ports: ['8265:8265']",
        "ports: ['0.0.0.0:8265:8265']",
        "ports: [8265]",
        "a: {network_mode: host}",
        "ports: [{target: 80, published: 80}]",
        "spec: {type: NodePort}",
        "ports: [{containerPort: 80, hostPort: 80}]",
    ],
)
def test_a_published_port_is_found(text: str) -> None:
    assert list(published(yaml.safe_load(text)))


def test_a_port_on_loopback_is_none() -> None:
    assert list(published(yaml.safe_load("ports: ['127.0.0.1:8265:8265']"))) == []


def secrets_in(text: str) -> list[str]:
    """Values of secrets that stand in a file, rather than where they are to be found."""
    found = (
        match for line in text.splitlines() for match in SECRET.finditer(line.partition("#")[0])
    )
    # A path, a variable or a command is no secret itself.
    return [match[0] for match in found if match["value"][0] not in "/$<{[|-"]


def test_no_secret_stands_in_a_file_of_deployment() -> None:
    assert len(DEPLOYED) > 3
    for path in DEPLOYED:
        assert secrets_in(path.read_text()) == [], path
    assert secrets_in("POSTGRES_PASSWORD: postgres") == ["PASSWORD: postgres"]
    assert secrets_in('GF_SECURITY_ADMIN_PASSWORD="admin"')
    assert secrets_in("RAY_AUTH_TOKEN=abc")
    assert secrets_in("RAY_AUTH_TOKEN: ${RAY_AUTH_TOKEN:-}") == []


def test_the_image_is_not_roots() -> None:
    lines = (ROOT / "cluster" / "deploy" / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1] not in ("0", "root")
    assert not any(
        line.startswith("FROM ") and line.split()[1].endswith(":latest") for line in lines
    )
