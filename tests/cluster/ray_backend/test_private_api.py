"""Private parts of Ray are used in one file only."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("tasks", "workers", "cluster", "coordinator")
ALLOWED = ROOT / "cluster" / "ray_backend" / "private_api.py"
PRIVATE = re.compile(r"\bray\._|\bray\.\w+\._|from ray\.?\w* import _|from ray\._|_raylet\b(?!s)")


def offenders() -> list[Path]:
    sources = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return [path for path in sources if PRIVATE.search(path.read_text())]


def test_only_one_file_uses_private_parts_of_ray() -> None:
    assert offenders() == [ALLOWED]


@pytest.mark.parametrize(
    "line",
    ["ray._private.worker", "from ray import _raylet", "from ray._private import x", "ray.util._x"],
)
def test_a_planted_use_is_found(line: str) -> None:
    assert PRIVATE.search(line)
