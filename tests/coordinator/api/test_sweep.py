"""``sl.sweep`` and the sweep that it gives: the numbers of the command line, and what they say."""

from pathlib import Path

import pandas as pd
import pytest
from support.command_line import cli
from support.small_run import TABLES, assert_same_contents, small_toml
from support.small_sweep import assert_same_sweep

import spikeloop as sl

pytestmark = pytest.mark.usefixtures("without_figures")

OVER = {"strategy.population_size": [6, 12]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> sl.Sweep:
    folder = tmp_path_factory.mktemp("sweeps") / "small"
    return sl.sweep(TABLES, over=OVER, seeds=2, out=folder, progress=False)


def test_a_sweep_is_that_of_the_command_line_bit_for_bit(tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    arguments = ("--over", "strategy.sigma=0.2", "--seeds", 1, "--out", tmp_path)
    assert cli("sweep", config, *arguments) == 0
    over = {"strategy.sigma": [0.2]}
    found = sl.sweep(TABLES, over=over, seeds=1, out=tmp_path / "other", progress=False)
    assert_same_sweep(found.folder, tmp_path / "small")


def test_an_opened_sweep_gives_results_runs_and_differences(swept: sl.Sweep) -> None:
    opened = sl.open(swept.folder)
    assert isinstance(opened, sl.Sweep)
    assert (opened.name, opened.finished, opened.verify()) == ("small", True, [])
    pd.testing.assert_frame_equal(opened.results, swept.results)
    run = opened.runs["population_size=12", 8]
    assert (run.config.run.seed, len(run.generations)) == (8, 3)
    scores = opened.results.set_index(["setting", "seed"])["score"]
    assert run.score().value == scores["population_size=12", 8]
    (difference,) = opened.differences.to_dict("records")
    assert (difference["setting"], difference["n_seeds"]) == ("population_size=12", 2)
    means = opened.results.groupby("setting")["score"].mean()
    expected = means["population_size=12"] - means["population_size=6"]
    assert difference["difference"] == pytest.approx(expected)
    assert len(opened.measured) == 4 * 3


def test_a_sweep_shows_itself_in_a_notebook_and_plots(swept: sl.Sweep) -> None:
    shown = swept._repr_html_()
    assert "population_size=12" in shown
    assert shown.count("<img") == 2
    assert repr(swept).endswith("4 of 4 runs have ended)")
    assert swept.plot.scores().get_xlabel().startswith("held-out score")


def test_the_same_call_returns_what_is_there_and_another_is_refused(swept: sl.Sweep) -> None:
    again = sl.sweep(TABLES, over=OVER, seeds=2, out=swept.folder, progress=False)
    pd.testing.assert_frame_equal(again.results, swept.results)
    with pytest.raises(sl.ConfigError, match="other settings or seeds"):
        sl.sweep(TABLES, over=OVER, seeds=3, out=swept.folder, progress=False)


def test_settings_may_be_objects_with_names(tmp_path: Path) -> None:
    settings = [
        {"name": "usual", "run.tasks": 2},
        {"name": "random", "strategy": sl.RandomSearch(population_size=6), "run.tasks": 2},
    ]
    found = sl.sweep(
        TABLES, settings=settings, seeds=1, baseline="random", out=tmp_path / "s", progress=False
    )
    assert list(found.results["setting"]) == ["usual", "random"]
    assert list(found.results["strategy.kind"]) == ["evolution", "random_search"]
    assert found.findings.baseline == "random"
    alone = sl.run(
        TABLES,
        strategy=sl.RandomSearch(population_size=6),
        tasks=2,
        out=tmp_path / "alone",
        progress=False,
    )
    assert_same_contents(found.folder / "runs" / "random" / "7", alone.folder)


def test_failed_runs_are_raised_and_the_sweep_can_be_opened(tmp_path: Path) -> None:
    """All episodes of one setting raise."""
    with pytest.raises(sl.RunFailed, match="1 of 2 runs failed"):
        sl.sweep(
            TABLES,
            settings=[{}, {"learner": {"kind": "failing_learner:Echo", "fault": "raise"}}],
            seeds=1,
            out=tmp_path / "s",
            progress=False,
            max_failed_share=0.0,
        )
    opened = sl.open(tmp_path / "s")
    assert isinstance(opened, sl.Sweep)
    assert list(opened.results["error"] == "") == [True, False]
