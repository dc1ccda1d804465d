"""The undisturbed run that all others are compared with, and the processes that disturb them."""

import sys
from collections.abc import Iterator
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

import pytest

from store_faults import disturbances
from store_faults.crash_points import Choice, every, record, sample, write_config
from store_faults.disturbances import Problems
from store_faults.file_operations import Operation
from store_faults.warm import warm_processes


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
def processes(place: Path) -> Iterator[Pool]:
    with warm_processes() as pool:
        yield pool


@pytest.fixture(scope="session")
def operations(processes: Pool, place: Path) -> list[Operation]:
    """The operations of the undisturbed run."""
    recorded = processes.apply(record, [place / "undisturbed"])
    assert processes.apply(disturbances.verified, [place / "undisturbed"]) == ""
    return recorded


@pytest.fixture(scope="session")
def problems(processes: Pool, place: Path) -> Problems:
    """Tells what goes wrong if a scenario is played at each of some points."""
    return partial(disturbances.problems, processes, place)


@pytest.fixture(scope="session")
def mounts(processes: Pool) -> None:
    """Skips a test where no process can mount disks that nobody else sees."""
    try:
        processes.apply(disturbances.own_mounts)
    except Exception as error:
        pytest.skip(f"cannot mount here, not even in a namespace: {error}")
