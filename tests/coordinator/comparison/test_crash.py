"""A comparison that dies at random moments and is resumed ends as an undisturbed one does."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from optuna.storages import RDBStorage
from support.command_line import cli
from support.small_comparison import assert_same_comparison, comparison_toml
from support.small_run import Crash

from spikeloop.coordinator.store import atomic_files

pytestmark = pytest.mark.usefixtures("without_figures")


def die_at(moment: int, *command: object) -> None:
    """Run a command whose process dies at the n-th thing that it makes durable.

    At even moments it dies after the thing is durable, at odd ones before; from then on nothing
    more gets durable, whatever the program does on its way out.
    """
    count = 0

    def mortal(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal count
            count += 1
            if count > moment or (count == moment and moment % 2):
                raise Crash
            result = function(*arguments, **keywords)
            if count == moment:
                raise Crash
            return result

        return call

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(atomic_files, "write_bytes", mortal(atomic_files.write_bytes))
        for name in dir(RDBStorage):
            if name.startswith(("set_", "create_")):
                patched.setattr(RDBStorage, name, mortal(getattr(RDBStorage, name)))
        assert cli(*command) == 1
    assert count >= moment


@pytest.mark.slow
def test_dead_five_times_it_ends_with_the_same_trials_and_findings(
    finished: Path, tmp_path: Path
) -> None:
    """The whole makes 220 things durable; between two deaths it gets to 36 of them at most."""
    folder, moments = tmp_path / "small", random.Random(1)
    config = comparison_toml(tmp_path / "small.toml")
    command: tuple[object, ...] = ("compare", config, "--out", tmp_path)
    for _ in range(5):
        die_at(moments.randint(2, 36), *command)
        if (folder / "comparison.json").exists():
            command = ("resume", folder)
    assert cli(*command) == 0
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
