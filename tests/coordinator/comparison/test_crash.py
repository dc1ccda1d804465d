"""A comparison that is killed at random moments and resumed ends as an undisturbed one does."""

import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
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


@pytest.mark.slow
def test_killed_five_times_it_ends_with_the_same_trials_and_findings(
    drive: Drive, finished: Path, tmp_path: Path
) -> None:
    """The whole makes 220 things durable; between two kills it gets to 36 of them at most."""
    config = comparison_toml(tmp_path / "small.toml")
    folder = tmp_path / "small"
    moments = random.Random(1)
    command = ["compare", str(config), "--out", str(tmp_path)]
    for _ in range(5):
        done = drive(moments.randint(2, 36), *command)
        assert done.status == -signal.SIGKILL, done.errors
        if (folder / "comparison.json").exists():
            command = ["resume", str(folder)]
    done = drive(0, *command)
    assert done.status == 0, done.errors
    assert_same_comparison(folder, finished)


def test_a_score_that_differs_in_its_last_bit_is_seen(finished: Path, tmp_path: Path) -> None:
    """The negative control of the assert above."""
    changed = shutil.copytree(finished, tmp_path / "small")
    results = pd.read_parquet(changed / "results.parquet")
    scores = results["score"].to_numpy(copy=True)
    scores[1] = np.nextafter(scores[1], 1.0)
    results.assign(score=scores).to_parquet(changed / "results.parquet")
    assert_same_comparison(finished, finished)
    with pytest.raises(AssertionError):
        assert_same_comparison(changed, finished)
