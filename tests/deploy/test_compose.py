"""Checks of Dockerfile, constraints and compose file that need no engine."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.external_tools import run_tool

from deploy.compose.images import DOCKERFILE, OURS, ROOT

EXTRAS = ("brian", "lsnn", "postgres")
"""Those that the image holds."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The compose file as Docker resolves it, services of all profiles included."""
    command = ("docker", "compose", "--profile", "*", "config", "--format", "json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", "")  # a user's own would be in the answer
        found: dict[str, Any] = json.loads(run_tool(*command, cwd=ROOT))
    return found


def test_published_ports_are_on_loopback(project: dict[str, Any]) -> None:
    ports = [port for service in project["services"].values() for port in service.get("ports", [])]
    assert {port["published"] for port in ports} == {"8265", "9090", "3000"}
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_services_are_limited_watched_and_without_rights(project: dict[str, Any]) -> None:
    for name, service in project["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name
        if name != "secrets":  # which is over in a moment
            assert service["healthcheck"]["test"], name
            assert service["deploy"]["resources"]["limits"]["memory"], name
    assert project["services"]["secrets"]["network_mode"] == "none"


def test_services_that_end_are_restarted(project: dict[str, Any]) -> None:
    """A worker ends when its head is gone; a policy "on-failure" forgets it at a restart."""
    policies = {name: service["restart"] for name, service in project["services"].items()}
    assert policies.pop("secrets") == "on-failure"  # it is done once it has succeeded
    assert set(policies.values()) == {"unless-stopped"}


def test_every_ray_node_asks_for_the_token(project: dict[str, Any]) -> None:
    for name in ("head", "worker"):
        environment = project["services"][name]["environment"]
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN_PATH"] == "/token/auth_token"


def test_images_are_pinned(project: dict[str, Any]) -> None:
    images = {service["image"] for service in project["services"].values()}
    images |= set(re.findall(r"^FROM (\S+)", (ROOT / DOCKERFILE).read_text(), re.MULTILINE))
    assert OURS in images
    for image in images:
        assert re.search(r":v?\d+\.\d+", image), image


def test_no_secret_is_in_the_files(project: dict[str, Any]) -> None:
    """Whatever is called a secret is a path, or what the user's environment says."""
    for service in project["services"].values():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|PASSFILE", key):
                assert not value or value.startswith(("/token/", "/credentials/")), key


def test_each_secret_is_mounted_only_where_it_is_read(project: dict[str, Any]) -> None:
    readers: dict[str, set[str]] = {}
    for name, service in project["services"].items():
        for mount in service.get("volumes", []):
            if str(mount.get("target")).startswith(("/token", "/credentials", "/secrets")):
                readers.setdefault(mount["source"], set()).add(name)
                assert name == "secrets" or mount.get("read_only") is True, (name, mount)
    assert readers == {
        "token": {"secrets", "head", "worker"},
        "database_client": {"secrets", "head"},
        "database_password": {"secrets", "postgres"},
        "grafana_password": {"secrets", "grafana"},
    }


def run_secrets(folder: Path) -> None:
    """Runs the script that draws the secrets in a folder of the tests."""
    text = (ROOT / "cluster" / "deploy" / "secrets.sh").read_text()
    script = folder.parent / "secrets.sh"
    script.write_text(text.replace("cd /secrets", f"cd {folder}").replace("chown", "true"))
    environment = {"PATH": os.environ["PATH"]}
    subprocess.run(["sh", str(script)], check=True, env=environment, timeout=60)


def test_secrets_are_drawn_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    for name in ("token", "grafana", "client", "database"):
        (folder / name).mkdir(parents=True)
    run_secrets(folder)
    files = {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert files.keys() == {
        "token/auth_token",
        "grafana/grafana_password",
        "client/pgpass",
        "database/postgres_password",
    }
    assert len(set(files.values())) == 4
    assert files["client/pgpass"].endswith(files["database/postgres_password"])
    for name in files:
        assert (folder / name).stat().st_mode & 0o777 == 0o400
    run_secrets(folder)
    again = {name: (folder / name).read_text() for name in files}
    assert again == files


def test_constraints_pin_what_the_package_asks_for() -> None:
    lines = (ROOT / "cluster" / "deploy" / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*asked["dependencies"], "setuptools"]
    wanted += [one for extra in EXTRAS for one in asked["optional-dependencies"][extra]]
    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate({"python_version": "3.13"}):
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement}: {version}"


def test_dockerfile_is_clean() -> None:
    run_tool("hadolint", DOCKERFILE, cwd=ROOT)


def test_build_context_is_small() -> None:
    """Nothing is copied that .dockerignore does not name: no runs, no environment, no history."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert not allowed & {".git", ".venv", "runs", "tests", ".env", "docs"}
    assert all((ROOT / name).exists() for name in allowed)
