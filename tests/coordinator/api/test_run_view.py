"""A run opened in Python has the numbers of the command line and the tables on disk."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.command_line import answer, printed
from support.html_page import HtmlPage
from support.small_run import change_part, interrupt_run, small_config

import spikeloop as sl
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def run(finished_run: Path) -> sl.Run:
    return opened(finished_run)


@pytest.fixture(scope="module")
def command(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``spikeloop transfer --json`` prints of the same run."""
    copy = shutil.copytree(finished_run, tmp_path_factory.mktemp("command") / "small")
    found: dict[str, Any] = answer("transfer", copy, "--inline")
    return found


def opened(folder: Path) -> sl.Run:
    found = sl.open(folder)
    assert isinstance(found, sl.Run)
    return found


def unfinished(folder: Path, grid: str) -> sl.Run:
    """A run that was interrupted when a grid of this name began."""
    interrupt_run(folder, grid, small_config())
    return opened(folder)


def numbers(score: sl.Score) -> dict[str, Any]:
    return {**vars(score)}


# --- scores -----------------------------------------------------------------------------------


def test_scores_are_those_of_the_command_line_to_the_last_bit(
    run: sl.Run, command: dict[str, Any]
) -> None:
    for theta in ("default", "random", "learned"):
        assert numbers(run.score(theta)) == command["scores"][theta]
    for name, baseline in command["baselines"].items():
        expected = {k: baseline[k] for k in ("value", "low", "high", "n_tasks", "n_points")}
        assert numbers(run.score(name)) == expected
    assert run.score() == run.score("learned")
    assert float(run.score()) == run.score().value


def test_the_tables_of_scores_and_differences_hold_the_same_numbers(
    run: sl.Run, command: dict[str, Any]
) -> None:
    scores = run.scores
    assert list(scores.index) == ["default", "random", "learned", *command["baselines"]]
    for theta, expected in command["scores"].items():
        row = scores.loc[theta]
        assert [row[name] for name in ("score", "low", "high")] == [
            expected[name] for name in ("value", "low", "high")
        ]
        assert row["regret"] == command["regret"][theta]["value"]
        own = run.transfer[run.transfer["theta"] == theta]
        assert (row["episodes"], row["failed"]) == (len(own), 0)
        assert row["mean_return"] == own["return"].mean()
    differences = run.differences
    for name, expected in command["differences"].items():
        assert differences.loc[name, "difference"] == expected["value"]
    for name, baseline in command["baselines"].items():
        assert scores.loc[name, "mean_return"] == baseline["mean_return"]
        expected = baseline["learned_minus"]
        assert differences.loc[f"learned - {name}", "low"] == expected["low"]


def test_a_score_shows_its_interval_and_what_it_rests_on(run: sl.Run) -> None:
    assert repr(sl.Score(0.9312, 0.9208, 0.94, 200)) == "0.931 [0.921, 0.940], n = 200 tasks"
    assert repr(run.score("random")).endswith("n = 6 tasks, mean of 3 Θ")


def test_an_unknown_name_is_answered_by_those_that_there_are(run: sl.Run) -> None:
    with pytest.raises(sl.ConfigError, match=r"'best'.* 'default', 'random', 'learned'"):
        run.score("best")


def test_an_unfinished_run_has_tables_but_no_score(tmp_path: Path) -> None:
    run = unfinished(tmp_path / "small", "transfer")
    assert list(run.generations["generation"]) == [1, 2, 3]
    assert not run.finished
    assert "3 of 3 generations, interrupted" in repr(run)
    assert run.transfer.empty
    for ask in (run.score, lambda: run.differences, lambda: run.scores):
        with pytest.raises(sl.ConfigError, match="not finished"):
            ask()


def test_episodes_on_tasks_that_the_family_no_longer_draws_have_scores_but_no_baselines(
    copied_run: Path,
) -> None:
    store = RunStore.open(copied_run)
    change_part(
        store,
        store.part_path("transfer", 0),
        lambda rows: rows.assign(random=rows["random"] - 1, optimal=rows["optimal"] + 1),
    )
    assert list(opened(copied_run).scores.index) == ["default", "random", "learned"]


# --- tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["generations", "candidates", "episodes", "curves", "transfer"])
def test_tables_are_those_on_disk(run: sl.Run, name: str) -> None:
    on_disk = pd.read_parquet(run.folder / name)
    found = getattr(run, name)
    found.attrs = {}
    pd.testing.assert_frame_equal(found, on_disk, check_exact=True)


def test_units_stand_beside_the_columns(run: sl.Run) -> None:
    assert run.generations.attrs["units"] == {"wall_s": "s", "work_s": "s", "overhead_s": "s"}
    units = {f"theta_{name}": unit for name, unit in run.theta.units.items()}
    assert run.candidates.attrs["units"] == units


def test_a_run_without_a_generation_has_empty_tables(tmp_path: Path) -> None:
    run = unfinished(tmp_path / "small", "generation")
    assert run.generations.empty
    assert run.candidates.empty
    assert "0 of 3 generations" in repr(run)
    assert "No generation is committed yet" in HtmlPage(run._repr_html_()).text


# --- the learned Θ ----------------------------------------------------------------------------


def test_theta_is_the_deployed_point_by_name(run: sl.Run) -> None:
    folder = read_run(RunStore.open(run.folder))
    point = deployed(folder)
    values = folder.config.space.decode(point[None, :]).values[0]
    np.testing.assert_array_equal(run.theta.point, point)
    assert dict(run.theta) == dict(zip(folder.config.space.columns, values, strict=True))
    on_file = pd.read_parquet(run.folder / "theta").iloc[0]
    assert dict(run.theta) == on_file.to_dict()


def test_theta_knows_defaults_units_and_bounds(run: sl.Run) -> None:
    theta = run.theta
    for parameter in run.config.space.parameters:
        assert theta.default[parameter.name] == pytest.approx(parameter.default)
        assert theta.units[parameter.name] == parameter.unit
        row = theta.frame.loc[parameter.name]
        assert row["learned"] == theta[parameter.name]
        assert (row["low"], row["high"]) == (parameter.low, parameter.high)  # type: ignore[union-attr]
        assert parameter.name in repr(theta)
        assert parameter.name in theta._repr_html_()


# --- evaluate ---------------------------------------------------------------------------------


def test_evaluate_gives_and_writes_what_the_command_does(copied_run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(copied_run, tmp_path / "other"))
    expected = answer("transfer", other, "--inline", "--tasks", "8", "--seed", "5")
    found = opened(copied_run).evaluate(tasks=8, seed=5, inline=True, progress=False)
    assert found.as_json() == expected
    name = "other_transfers/seed-000005-tasks-000008-generation-000003.parquet"
    one, two = (
        pd.read_parquet(run / name).drop(columns=["attempts", "worker"])
        for run in (copied_run, other)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert "learned" in found._repr_html_()


def test_evaluate_prints_progress_unless_it_is_told_not_to(
    copied_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(copied_run).evaluate(tasks=4, seed=5, inline=True, progress=False)
    assert capsys.readouterr().out == ""
    opened(copied_run).evaluate(tasks=4, seed=5, inline=True)
    assert "transfer to held-out tasks" in capsys.readouterr().out


def test_evaluate_with_other_settings_of_the_learner_writes_nothing(copied_run: Path) -> None:
    run = opened(copied_run)
    before = sorted(copied_run.rglob("*.parquet"))
    other = run.evaluate(inline=True, progress=False, learner={"trace_decay": 0.99})
    assert other.score("default") != run.score("default")
    assert sorted(copied_run.rglob("*.parquet")) == before


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"tasks": 1}, "tasks must be >= 2"),
        ({"seed": -1}, "seed must be >= 0"),
        ({"learner": {"kind": "chip"}}, "other hyperparameters"),
        ({"chip": 21}, "unknown key 'chip'"),
        ({"workers": 2}, "exclude each other"),
    ],
)
def test_evaluate_refuses_in_one_line(run: sl.Run, asked: dict[str, Any], named: str) -> None:
    with pytest.raises(sl.ConfigError, match=named) as refused:
        run.evaluate(inline=True, progress=False, **asked)
    assert "\n" not in str(refused.value)


# --- report, verify, notebooks ----------------------------------------------------------------


def test_report_is_the_file_of_the_command(copied_run: Path, tmp_path: Path) -> None:
    written = opened(copied_run).report()
    assert written == copied_run / "report.html"
    text = written.read_text()
    printed("report", copied_run)
    assert written.read_text() == text
    assert opened(copied_run).report(tmp_path / "other.html").read_text() == text


def test_verify_gives_the_problems(copied_run: Path) -> None:
    assert opened(copied_run).verify() == []
    path = next(copied_run.glob("episodes/*.parquet"))
    path.write_bytes(path.read_bytes()[:-10])
    (problem,) = opened(copied_run).verify()
    assert str(path) in problem


def test_a_notebook_shows_scores_theta_and_figures(run: sl.Run) -> None:
    page = HtmlPage(run._repr_html_())
    assert set(page.faults) == {
        "<img> has no place in a report",
        "img src: an address outside the page",  # which is the figure itself
    }
    scores, theta = page.tables.values()
    assert [row[0] for row in scores[1:4]] == ["default Θ", "random Θ, mean of 3", "learned Θ"]
    assert scores[3][1] == f"{run.score().value:.3f}"
    assert [row[0] for row in theta[1:]] == list(run.theta)
    assert "3 of 3 generations, finished" in page.text
    assert run._repr_html_().count("data:image/png;base64,") == 2


def test_a_run_can_be_read_from_another_folder(
    copied_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(copied_run.parent)
    run = opened(Path(copied_run.name))
    assert repr(run).startswith(f"Run('{copied_run.name}', ")
    learned = run.theta
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert run.folder == copied_run
    assert dict(run.theta) == dict(learned)
    assert repr(run).startswith(f"Run('{copied_run}', ")


def test_a_damaged_run_says_so_wherever_it_is_shown(copied_run: Path) -> None:
    for part in (copied_run / "transfer").iterdir():
        part.write_bytes(b"not Parquet")
    run = opened(copied_run)
    assert repr(run).endswith(", damaged)")
    assert "damaged" in HtmlPage(run._repr_html_()).text
    with pytest.raises(sl.ConfigError, match="damaged"):
        run.score()


def test_a_notebook_shows_a_damaged_run_as_one_line(copied_run: Path) -> None:
    path = next(copied_run.glob("generations/*.parquet"))
    path.write_bytes(b"")
    assert "cut off" in HtmlPage(opened(copied_run)._repr_html_()).text


def test_texts_from_a_folder_are_escaped(copied_run: Path) -> None:
    run = opened(copied_run.rename(copied_run.with_name("<script>alert(1)<")))
    shown = run._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)&lt;" in shown


def test_a_run_that_another_process_writes_is_going_on(copied_run: Path) -> None:
    next((copied_run / "transfer").iterdir()).unlink()
    with RunStore(copied_run).locked():
        run = opened(copied_run)
        assert "3 of 3 generations, going on" in repr(run)
        page = HtmlPage(run._repr_html_())
    assert list(page.tables) == ["Θ as of now"]
    assert "going on" in page.text


# --- open -------------------------------------------------------------------------------------


def test_open_refuses_a_folder_that_holds_neither(tmp_path: Path) -> None:
    with pytest.raises(sl.ConfigError, match=RUN_MANIFEST):
        sl.open(tmp_path)
    with pytest.raises(sl.ConfigError, match="no such"):
        sl.open(tmp_path / "no such")


def test_a_weights_file_is_scored_as_its_run_is(copied_run: Path, tmp_path: Path) -> None:
    run, path = opened(copied_run), tmp_path / "small.npz"
    printed("export", copied_run, "--to", "weights", "--out", path)
    weights = sl.open(path)
    assert isinstance(weights, sl.WeightsFile)
    assert repr(weights.theta) == repr(run.theta)
    asked: Any = {"tasks": 4, "seed": 5, "inline": True, "progress": False}
    for learner in ({}, {"trace_decay": 0.99}):
        one, two = (it.evaluate(learner=learner, **asked) for it in (weights, run))
        assert one.as_json() == two.as_json()
