"""What code a process runs: coordinator and workers must agree, or results mean nothing.

Versions are not enough, because two checkouts may carry the same one; so the sources are hashed.
"""

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

import spikeloop

LIBRARIES = ("numpy", "numba", "pyarrow", "ray")
"""Libraries whose versions may change numbers or the wire."""


@cache
def fingerprint() -> dict[str, str]:
    """A short hash of Spikeloop's sources, and the versions of Python and ``LIBRARIES``."""
    digest = hashlib.sha256()
    for name, path in sorted(_sources().items()):
        digest.update(name.encode())
        digest.update(path.read_bytes())
    versions = {library: version(library) for library in LIBRARIES}
    return {
        "spikeloop": digest.hexdigest()[:12],
        "python": platform.python_version(),
        **versions,
    }


def _sources() -> dict[str, Path]:
    """Every module by its name, which is the same in a checkout of links and in a wheel."""
    root = Path(spikeloop.__file__).parent
    modules = {path.name: path for path in root.glob("*.py")}
    for room in (path for path in root.iterdir() if path.is_dir()):
        folder = room.resolve()  # a link in a checkout
        for path in folder.rglob("*.py"):
            modules[f"{room.name}/{path.relative_to(folder).as_posix()}"] = path
    return modules


def difference(here: dict[str, str], there: dict[str, str]) -> str:
    """What differs, for example "numpy (2.3.5 here, 2.4.1 there)"; empty if nothing does."""
    return ", ".join(
        f"{name} ({here.get(name, 'missing')} here, {there.get(name, 'missing')} there)"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    )
