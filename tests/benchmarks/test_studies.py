"""Scripts of studies: what they compute of runs whose answers are known."""

import shutil
import sys
from pathlib import Path

import collect_searches
import found_theta
import lsnn_copies
import numpy as np
import pandas as pd
import pytest
from lsnn_stay import counted, described, table
from support.random_networks import QUADRATIC, random_network

from spikeloop.coordinator.interpretation.held_out_choices import HeldOutChoices
from spikeloop.coordinator.stats.bootstrap import draw_counts
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.two_step import TwoStep
from spikeloop.workers.job import Grid
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.philox import Stream, uniforms


def played(credits: str, n_episodes: int = 30) -> HeldOutChoices:
    """Episodes of a policy that repeats an action if its last trial speaks for it, else changes.

    A trial speaks for the ``action`` that was taken if it was rewarded, else for the other one; or
    for the usual action of the ``state`` that was reached if it was rewarded, else of the other.
    """
    family = TwoStep()
    tasks = family.sample(n_episodes, np.random.default_rng(1))
    seeds = np.random.default_rng(2).integers(0, 2**63, n_episodes, dtype=np.uint64)
    play = tasks.play(np.arange(n_episodes))
    choice = np.zeros(n_episodes, dtype=np.int64)
    actions, feedback = [], []
    for step in range(family.n_steps):
        actions.append(choice)
        rewarded, seen = play.step(choice, uniforms(seeds, Stream.ENVIRONMENT, step)[:, 0])
        feedback.append(seen)
        if step % 2 == 0:
            state = play.observe() - 1
        else:
            credited = actions[-2] if credits == "action" else state
            choice = np.where(rewarded > 0, credited, 1 - credited)
    return HeldOutChoices(tasks, seeds, np.stack(actions, 1), np.stack(feedback, 1))


@pytest.mark.parametrize(
    ("credits", "stays"),
    [("action", [1, 1, 0, 0, 1, 0]), ("state", [1, 0, 0, 1, 0, 1])],
)
def test_stay_probabilities_tell_what_a_policy_credits(credits: str, stays: list[float]) -> None:
    n, stayed = counted(played(credits), common=TwoStep().common)
    assert n.sum() == 30 * 99  # after the last trial nothing can be repeated
    np.testing.assert_array_equal(described(n.sum(axis=0), stayed.sum(axis=0)), stays)
    assert [cell.split()[0] for cell in list(table(n, stayed))[2].split("|")[1:-1]] == [
        f"{p:.3f}" for p in stays
    ]


def test_searches_become_rows_and_rows_of_other_studies_stay(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that has not been tested yet has no row. The first study is a sweep."""
    out = tmp_path / "searches.parquet"
    for study, run in (("first", "runs/evolution/{}"), ("second", "evolution-{}")):
        shutil.copytree(finished_run, tmp_path / study / run.format(7))
        shutil.copytree(finished_run, tmp_path / study / run.format(8))
        shutil.rmtree(tmp_path / study / run.format(8) / "transfer")
        for _ in range(2):  # a study that is collected again replaces its rows
            monkeypatch.setattr(sys, "argv", ["", str(tmp_path / study), "--out", str(out)])
            collect_searches.main()
    rows = pd.read_parquet(out)
    assert rows["study"].tolist() == ["first", "second"]
    assert rows.iloc[0].drop(["study", "theta"]).equals(rows.iloc[1].drop(["study", "theta"]))
    row, store = rows.iloc[0], RunStore(finished_run)
    held_out = pd.read_parquet(finished_run / "transfer").query("theta == 'learned'")
    regret, uniform = (held_out["optimal"] - held_out[name] for name in ("return", "random"))
    assert (row["setting"], row["seed"], row["tasks"]) == ("evolution", 7, 6)
    assert row["regret"] == pytest.approx(regret.mean())
    assert row["uniform_regret"] == pytest.approx(uniform.mean())
    assert row["score"] == pytest.approx(1 - regret.mean() / uniform.mean())
    theta = store.table("theta")
    assert theta is not None
    assert row["theta"].tolist() == [value for (value,) in theta.to_pydict().values()]
    assert row["episodes"] == 3 * 6 * 4


def test_swaps_of_a_theta_with_itself_change_nothing(
    finished_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for setting, seed in (("a", "7"), ("a", "8"), ("b", "7"), ("b", "9")):
        shutil.copytree(finished_run, tmp_path / "sweep" / "runs" / setting / seed)
    shutil.rmtree(tmp_path / "sweep" / "runs" / "b" / "9" / "transfer")  # not tested yet
    x, colour, *_ = read_run(RunStore(finished_run)).config.space.columns
    figure = tmp_path / "found.png"
    given = ["", str(tmp_path / "sweep"), "--x", x, "--colour", colour, "--swap", "5"]
    monkeypatch.setattr(sys, "argv", [*given, "--figure", str(figure)])
    found_theta.main()
    printed = capsys.readouterr().out
    frame = found_theta.found(tmp_path / "sweep")
    assert [*zip(frame["setting"], frame["seed"], strict=True)] == [("a", 7), ("a", 8), ("b", 7)]
    held_out = pd.read_parquet(finished_run / "transfer").query("theta == 'learned'")
    regret, uniform = (
        (held_out["optimal"] - held_out[name]).sum() for name in ("return", "random")
    )
    np.testing.assert_allclose(frame["score"], 1 - regret / uniform)
    rows = [line.split("|")[1:-1] for line in printed.splitlines() if line.startswith("| ")][1:]
    swaps = {row[0].strip(): row[2:] for row in rows if row[1].strip() == "1"}
    assert [*swaps] == ["as found", x, colour, "both"]
    assert {score for score, _ in swaps.values()} == {swaps["as found"][0]}
    assert figure.stat().st_size > 0


def test_errors_of_copies_are_paired_with_the_single_network() -> None:
    """The single network errs 1 everywhere; copies .5, less or more by .25 from task to task."""
    copies = 0.5 + 0.25 * np.where(np.arange(40) % 2, 1.0, -1.0)[:, None] * np.ones(12)
    weights = draw_counts(40, 2000, np.random.default_rng(0))
    lines = [*lsnn_copies.table({1: np.ones((40, 12)), 4: copies}, weights)]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert rows[0] == ["copies", "10", "last 10", "less 1"]
    assert rows[2][0] == "1"
    assert rows[2][3] == "–"
    assert rows[3][0] == "4"
    value, low, high = (float(cell.strip("[],")) for cell in rows[3][3].split())
    assert value == -0.5
    assert -0.6 < low < -0.5 < high < -0.4  # the standard error is .04


def test_copies_are_those_of_held_out_episodes() -> None:
    known = random_network(QUADRATIC)
    more = lsnn_copies.with_copies(known, 3)
    assert isinstance(more.config.held_out_learner, Lsnn)
    assert more.config.held_out_learner.copies == 3
    assert more.config.learner == known.config.learner


def test_swaps_take_the_named_values_from_the_best_theta(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best search, the last one, found 5 for everything, the others 0."""
    for seed in ("7", "8"):
        shutil.copytree(finished_run, tmp_path / "runs" / "a" / seed)
    points: list[list[float]] = []

    def play(grid: Grid, what: str) -> float:
        points.append(grid.population.rows(0, 1)[0].tolist())
        return 0.0

    def point(run: RunFolder) -> FloatArray:
        return np.full(run.config.space.n_dim, 5.0 if run.store.folder.name == "8" else 0.0)

    monkeypatch.setattr(found_theta, "played", play)
    monkeypatch.setattr(found_theta, "deployed", point)
    columns = read_run(RunStore(finished_run)).config.space.columns
    frame = found_theta.found(tmp_path)
    assert frame["seed"].tolist() == [7, 8]
    found_theta.print_swaps(tmp_path, frame, [columns[2], columns[0]], 5)
    expected = [
        [5.0 if at in some else 0.0 for at in range(len(columns))]
        for some in ([], [2], [0], [0, 2])
    ]
    assert points == expected
