"""A comparison that is killed at random moments and resumed ends as an undisturbed one does."""

import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_faults.killed_comparison import killed
from store_faults.warm import Ended, warm_processes
from support.small_comparison import assert_same_comparison, comparison_toml

Drive = Callable[..., Ended]


@pytest.fixture(scope="module")
def drive() -> Iterator[Drive]:
    """Runs a command that dies at the n-th thing that it makes durable, or not at all at 0."""
    with warm_processes() as processes:
        yield lambda deadline, *arguments: processes.apply(killed, [deadline, arguments])


@pytest.fixture(scope="module")
def undisturbed(drive: Drive, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A comparison's folder, and how many things it made durable."""
    folder = tmp_path_factory.mktemp("undisturbed")
    config = comparison_toml(folder / "small.toml")
    done = drive(0, "compare", str(config), "--out", str(folder))
    assert done.status == 0, done.errors
    return folder / "small", done.value


@pytest.mark.slow
def test_killed_five_times_it_ends_with_the_same_trials_and_findings(
    drive: Drive, undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    whole, n_events = undisturbed
    config = comparison_toml(tmp_path / "small.toml")
    folder = tmp_path / "small"
    moments = random.Random(1)
    command = ["compare", str(config), "--out", str(tmp_path)]
    for _ in range(5):  # at most a sixth of the whole each time, so that something is left to kill
        done = drive(moments.randint(2, n_events // 6), *command)
        assert done.status == -signal.SIGKILL, done.errors
        if (folder / "comparison.json").exists():
            command = ["resume", str(folder)]
    done = drive(0, *command)
    assert done.status == 0, done.errors
    assert_same_comparison(folder, whole)


def test_another_seed_gives_another_comparison(
    drive: Drive, undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    """The negative control: the assert above sees a difference where there is one."""
    config = comparison_toml(tmp_path / "small.toml", seed="seed = 4")
    assert drive(0, "compare", str(config), "--out", str(tmp_path)).status == 0
    with pytest.raises(AssertionError):
        assert_same_comparison(tmp_path / "small", undisturbed[0])
