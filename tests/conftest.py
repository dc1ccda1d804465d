"""What all tests share: reproducible hypothesis runs, and which of them may run side by side.

Statistical asserts are in statistical.py.
"""

import os
import secrets
import signal
from collections.abc import Iterator

import hypothesis
import pytest
from support.blank_figures import blank_figures

# Ray reads its token once per process, so all clusters that a test process meets share one.
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

# Where the tests are started by nohup, hangups are ignored, which child processes would inherit.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Derandomised, so that a red test is red again; no deadline, because machines are busy.
hypothesis.settings.register_profile("spikeloop", derandomize=True, deadline=None)
hypothesis.settings.load_profile("spikeloop")


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Runs that tests begin are not noted among those of the user who tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def without_figures() -> Iterator[None]:
    """Figures of a whole file of tests are blank, as ``usefixtures("without_figures")``."""
    with blank_figures():
        yield


@pytest.fixture
def without_figures_here() -> Iterator[None]:
    """Figures of one test are blank."""
    with blank_figures():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files run side by side where there are several processes; tests on Ray one after another.

    Two Ray clusters that start at the same time on a small machine want the same ports.
    """
    for item in items:
        on_ray = item.get_closest_marker("ray") is not None
        item.add_marker(pytest.mark.xdist_group("ray" if on_ray else str(item.path)))
