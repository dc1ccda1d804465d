"""Identifies the code that a process runs, which must be the same for coordinator and workers.

Two checkouts may have the same version, so the sources are hashed.
"""

import hashlib
import platform
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("numpy", "numba", "pyarrow", "ray")
"""Libraries whose versions may change numbers or the wire."""
OPTIONAL = ("jax", "jaxlib", "optax")
"""The same, where they are installed."""


@cache
def fingerprint(own: Path | None = None) -> dict[str, str]:
    """Return a short hash of Spikeloop's sources, and the versions of Python and of libraries.

    What is not installed is left out, and ``difference`` reports it where the other side has it.

    Args:
        own: folder of the user's own classes; adds a hash of its modules and packages.
    """
    versions = {library: version(library) for library in LIBRARIES} | _versions(OPTIONAL)
    own_classes = {} if own is None else {"own classes": _digest(_own_sources(own))}
    return {
        "spikeloop": _digest(_sources()),
        "python": platform.python_version(),
        **versions,
        **own_classes,
    }


def _versions(libraries: Iterable[str]) -> dict[str, str]:
    """Return the versions of the libraries that are installed."""
    found = {}
    for library in libraries:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def _digest(sources: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(sources.items()):
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _own_sources(folder: Path) -> dict[str, Path]:
    """Return the modules of a folder and of the packages in it, by their path."""
    packages = [init.parent for init in folder.glob("*/__init__.py")]
    paths = [*folder.glob("*.py"), *(path for p in packages for path in p.rglob("*.py"))]
    return {path.relative_to(folder).as_posix(): path for path in paths}


def _sources() -> dict[str, Path]:
    """Return every module by its name, which is the same in a checkout of links and in a wheel."""
    root = Path(str(resources.files("spikeloop")))
    modules = {path.name: path for path in root.glob("*.py")}
    for room in (init.parent for init in root.glob("*/__init__.py")):
        folder = room.resolve()  # a link in a checkout
        for path in folder.rglob("*.py"):
            modules[f"{room.name}/{path.relative_to(folder).as_posix()}"] = path
    return modules


def difference(here: dict[str, str], there: dict[str, str]) -> str:
    """Describe differences, as "numpy (2.3.5 here, 2.4.1 there)"; empty if nothing does."""
    return ", ".join(
        f"{name} ({here.get(name, 'missing')} here, {there.get(name, 'missing')} there)"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    )
