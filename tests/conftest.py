"""What all tests share: reproducible hypothesis runs, and which of them may run side by side."""

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from support.blank_figures import blank_figures

# Ray reads its token once per process, so all clusters that a test process meets share one.
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
# Ray's workers would give way to the other test processes, and tests on Ray wait for them.
os.environ.setdefault("RAY_worker_niceness", "0")

# Where the tests are started by nohup, hangups are ignored, which child processes would inherit.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Derandomised, so that a red test is red again; no deadline, because machines are busy.
hypothesis.settings.register_profile("spikeloop", derandomize=True, deadline=None)
hypothesis.settings.load_profile("spikeloop")


@pytest.fixture(scope="module")
def without_figures() -> Iterator[None]:
    """Leave figures blank in a whole file of tests, by ``usefixtures("without_figures")``."""
    with blank_figures():
        yield


@pytest.fixture
def without_figures_here() -> Iterator[None]:
    """Leave figures blank in one test."""
    with blank_figures():
        yield


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small run, with blank figures; not to be changed."""
    from support.small_run import start_run

    with blank_figures():
        return start_run(tmp_path_factory.mktemp("finished") / "small")


@pytest.fixture
def copied_run(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(finished_run, tmp_path / "small"))


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests on Ray into one group and each file into another, the longest groups first.

    Two Ray clusters that start at the same time on a small machine want the same ports, so their
    tests run one after another, while another process takes the other files.
    """
    slow_files = {
        item.path
        for item in items
        if item.get_closest_marker("slow") or item.get_closest_marker("brian")
    }

    def on_ray(item: pytest.Item) -> bool:
        return item.get_closest_marker("ray") is not None

    items.sort(key=lambda item: (not on_ray(item), item.path not in slow_files))
    for item in items:
        item.add_marker(pytest.mark.xdist_group("ray" if on_ray(item) else str(item.path)))
