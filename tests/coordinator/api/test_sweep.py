"""``sl.sweep`` and the sweep that it gives: the numbers of the command line, and what they say."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from failing_learner import Echo
from support.command_line import cli
from support.paths import OWN_CLASSES
from support.small_run import TABLES, assert_same_contents, small_toml
from support.small_sweep import assert_same_sweep

import spikeloop as sl
from spikeloop.coordinator.api.configure_sweep import configure_sweep

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


def test_a_sweep_that_was_moved_goes_on_where_it_is(swept: sl.Sweep, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(swept.folder, tmp_path / "moved"))
    again = sl.sweep(TABLES, over=OVER, seeds=2, out=moved, progress=False)
    pd.testing.assert_frame_equal(again.results, swept.results)


def test_a_file_in_the_place_of_the_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(sl.ConfigError, match=r"file: exists already; choose another .* with out="):
        sl.sweep(TABLES, over=OVER, out=tmp_path / "file", progress=False)


def test_values_are_any_sequence_of_plain_or_numpy_numbers() -> None:
    listed = configure_sweep(TABLES, over={"strategy.sigma": [0.1, 0.2], "run.tasks": [2, 3]})
    over: Any = {"strategy.sigma": np.array([0.1, 0.2]), "run.tasks": range(2, 4)}
    assert configure_sweep(TABLES, over=over) == listed
    over = {"strategy.sigma": (0.1, 0.2), "run.tasks": [np.int64(2), np.int64(3)]}
    assert configure_sweep(TABLES, over=over) == listed


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"over": {"strategy.sigma": 0.1}}, "strategy.sigma must be a list of values, got 0.1"),
        ({"over": {"run.name": "ab"}}, "run.name cannot be changed"),
        ({"over": {"strategy": [sl.CmaEs()]}}, "strategy: must be table.key with a table of"),
        ({"settings": ["usual"]}, "settings must be dictionaries, got 'usual'"),
        ({"config": {**TABLES, "sweep": 3}}, "sweep must be a table [sweep], got 3"),
        ({"track": ["mlflow"]}, "there is no keyword 'track'"),
    ],
)
def test_what_is_no_sweep_is_refused_in_one_line(given: dict[str, Any], words: str) -> None:
    with pytest.raises(sl.ConfigError) as error:
        configure_sweep(**{"config": TABLES, **given})
    assert words in str(error.value)
    assert "did you mean 'strategy'" not in str(error.value)
    assert "did you mean 'track'" not in str(error.value)


def test_settings_bring_the_folders_of_their_own_classes_beside_a_file(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "small.toml")
    settings: list[dict[str, Any]] = [{"name": "usual"}, {"name": "own", "learner": Echo()}]
    usual, own = configure_sweep(path, settings=settings).settings
    assert (usual.config.working_dir, own.config.working_dir) == (None, OWN_CLASSES)
    text = "from failing_learner import Echo\nclass Beside(Echo): pass\n"
    (tmp_path / "beside_a_sweep.py").write_text(text)
    settings = [{"learner": Echo()}, {"learner": {"kind": "beside_a_sweep:Beside"}}]
    with pytest.raises(sl.ConfigError, match="own classes must be in one folder"):
        configure_sweep(path, settings=settings)


def test_a_name_follows_from_what_counts_and_not_from_workers_or_trackers() -> None:
    tables = {**TABLES, "run": {**TABLES["run"], "name": ""}}
    name = configure_sweep(tables, over=OVER).name
    tracked = configure_sweep(tables, over=OVER, tracking={"kinds": ["mlflow"]}, workers=3)
    assert tracked.name == name
    assert configure_sweep(tables, over=OVER, seeds=3).name != name


def test_a_damaged_sweep_can_be_shown_and_says_so(swept: sl.Sweep, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    shutil.copytree(swept.folder, folder)
    (folder / "results.parquet").write_bytes(b"not Parquet")
    opened = sl.open(folder)
    assert isinstance(opened, sl.Sweep)
    assert repr(opened).endswith("4 runs, results damaged)")
    assert "damaged" in opened._repr_html_()
    with pytest.raises(sl.ConfigError, match="results"):
        opened.results  # noqa: B018


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
