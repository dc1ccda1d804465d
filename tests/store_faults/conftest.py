"""The undisturbed run that all others are compared with, and the processes that disturb them."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store_faults.crash_points import Choice, Recipe, every, record, sample, write_config
from store_faults.disturbances import verified
from store_faults.file_operations import Operation
from store_faults.warm import Warm


@pytest.fixture(params=["sample", pytest.param("every", marks=pytest.mark.exhaustive)])
def some(request: pytest.FixtureRequest) -> Choice:
    """Chooses about so many crash points by default, and all of them in exhaustive tests."""
    return sample if request.param == "sample" else every


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux":
        pytest.skip("operations are told from /proc, and disks are mounted in namespaces")
    folder = tmp_path_factory.mktemp("store_faults")
    write_config(folder)
    return folder


@pytest.fixture(scope="session")
def warm(place: Path) -> Iterator[Warm]:
    with Warm(place, "crash_points") as process:
        yield process


@pytest.fixture(scope="session")
def operations(warm: Warm) -> list[Operation]:
    (recorded,) = warm.map(record, [Recipe("undisturbed")])
    assert warm.map(verified, ["undisturbed"]) == [""]
    return list(recorded)


@pytest.fixture(scope="session")
def mounting(place: Path, operations: list[Operation]) -> Iterator[Warm]:
    """A warm process that may mount disks which nobody else sees."""
    if shutil.which("unshare") is None:
        pytest.skip("cannot mount here: there is no unshare")
    for unshare in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        script = 'mount -t tmpfs -o size=64k tmpfs "$0"'
        tried = subprocess.run([*unshare, "sh", "-c", script, str(place)], capture_output=True)
        if tried.returncode == 0:
            break
    else:
        pytest.skip(f"cannot mount here, not even in a namespace: {tried.stderr.decode().strip()}")
    with Warm(place, "crash_points", unshare) as process:
        yield process
