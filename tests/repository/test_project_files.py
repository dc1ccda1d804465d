"""Version and address of the project are the same wherever they are written."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from support.external_tools import run_tool
from support.paths import ROOT

import spikeloop

CITATION = ROOT / "CITATION.cff"
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
IMAGES = [
    *(
        "docker-compose.yml",
        "cluster/deploy/Dockerfile",
        "cluster/manifests/kubernetes_manifests.py",
    ),
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]
"""Files that name the container image, which bears the version."""


def test_container_images_and_the_citation_bear_the_version_of_the_package() -> None:
    named = {
        (path, tag)
        for path in IMAGES
        for tag in re.findall(
            r"\bspikeloop:(\d[\w.]*\w)", (ROOT / path).read_text(encoding="utf-8")
        )
    }
    assert "docker-compose.yml" in {path for path, _ in named}
    assert {tag for _, tag in named} == {spikeloop.__version__}
    assert str(yaml.safe_load(CITATION.read_text("utf-8"))["version"]) == spikeloop.__version__


def test_every_address_of_the_project_is_below_its_repository() -> None:
    repository = URLS["Repository"]
    assert all(url.startswith(repository) for url in URLS.values())
    assert yaml.safe_load(CITATION.read_text("utf-8"))["repository-code"] == repository
    for url in URLS.values():
        path = re.sub(r"^/(blob|tree)/main/", "", url.removeprefix(repository))
        assert path in ("", "/issues") or (ROOT / path).exists(), url


def test_changelog_has_a_section_for_this_version_below_the_unreleased_one() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[([^\]]+)\]", text, re.M)
    assert sections[:2] == ["Unreleased", spikeloop.__version__]


@pytest.mark.exhaustive
def test_citation_follows_its_schema(tmp_path: Path) -> None:
    """By cffconvert in an environment of its own, because it needs an old jsonschema."""
    shutil.copy(CITATION, tmp_path)
    run_tool("uv", "tool", "run", "--quiet", "cffconvert", "--validate", cwd=tmp_path)
