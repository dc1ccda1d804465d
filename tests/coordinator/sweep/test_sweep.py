"""Sweeps have the numbers of single runs, whatever interrupts them, however many at a time."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.command_line import printed, refused, run_command
from support.html_page import HtmlPage
from support.small_run import (
    Crash,
    assert_same_contents,
    change_part,
    small_config,
    small_toml,
    start_config,
)
from support.small_sweep import SweepRecorder, assert_same_sweep, run_sweep, small_sweep

from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.cluster.targets.inline import InlinePool
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search.worker_pool import warm_up_jobs
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sweep import session
from spikeloop.coordinator.verification.verify_sweep import verify

pytestmark = pytest.mark.usefixtures("without_figures")
N_FILES = 72
"""The small sweep writes a few more files."""
CRASHES = [pytest.param(n, marks=() if n == 30 else pytest.mark.exhaustive) for n in range(N_FILES)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small sweep, one run after another."""
    folder = tmp_path_factory.mktemp("sweeps") / "small"
    run_sweep(small_sweep(), folder)
    return folder


@pytest.fixture
def two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs in this process share it as they share workers elsewhere."""
    monkeypatch.setattr(InlinePool, "in_process", False)


@pytest.mark.parametrize("seed", [7, 8])
def test_each_run_is_what_the_same_settings_give_alone(
    undisturbed: Path, tmp_path: Path, seed: int
) -> None:
    alone = start_config(
        small_config(run={"seed": seed}, strategy={"population_size": 12}), tmp_path / "alone"
    )
    assert_same_contents(undisturbed / "runs" / "population_size-12" / str(seed), alone)


@pytest.mark.usefixtures("two_at_a_time")
def test_several_runs_at_a_time_change_no_number(undisturbed: Path, tmp_path: Path) -> None:
    reporter = SweepRecorder()
    run_sweep(small_sweep(), tmp_path / "small", reporter)
    assert_same_sweep(tmp_path / "small", undisturbed)
    assert reporter.begun == [
        f"population_size={size}, seed {seed}" for seed in (7, 8) for size in (6, 12)
    ]


def test_results_have_a_row_for_each_run_with_what_varies(undisturbed: Path) -> None:
    frame = pd.read_parquet(undisturbed / "results.parquet")
    assert list(zip(frame["strategy.population_size"], frame["seed"], strict=True)) == [
        (6, 7),
        (12, 7),
        (6, 8),
        (12, 8),
    ]
    for _, row in frame.iterrows():
        transfer = pd.read_parquet(undisturbed / str(row["folder"]) / "transfer")
        learned = transfer[transfer["theta"] == "learned"]
        gain = (learned["return"] - learned["random"]).sum()
        assert row["score"] == pytest.approx(gain / (learned["optimal"] - learned["random"]).sum())
        assert row["score_low"] <= row["score"] <= row["score_high"]
        assert row["episodes"] == 3 * 4 * row["strategy.population_size"]


def test_findings_compare_every_setting_with_the_first_seed_by_seed(undisturbed: Path) -> None:
    frame = pd.read_parquet(undisturbed / "results.parquet").set_index(["setting", "seed"])
    found = atomic_files.read_json(undisturbed / "findings.json")
    (comparison,) = found["comparisons"]
    assert (comparison["variant"], comparison["other"]) == (
        "population_size=12",
        "population_size=6",
    )
    differences = [
        frame["score"]["population_size=12", seed] - frame["score"]["population_size=6", seed]
        for seed in (7, 8)
    ]
    assert comparison["seeds"] == [7, 8]
    assert comparison["differences"] == pytest.approx(differences)


class Killed:
    """The disk of a process that is killed before it writes a file, and of its next start."""

    def __init__(self, before: int) -> None:
        self.left = before
        self._replace = os.replace

    def replace(self, source: Any, target: Any) -> None:
        if self.left == 0:
            raise Crash
        self.left -= 1
        self._replace(source, target)


@pytest.mark.usefixtures("two_at_a_time")
@pytest.mark.parametrize("before", CRASHES)
def test_a_sweep_that_is_killed_goes_on_to_the_same_numbers(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    folder, killed = tmp_path / "small", Killed(before)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed.replace)
        with pytest.raises(Crash):
            run_sweep(small_sweep(), folder)
    run_sweep(small_sweep(), folder)
    assert_same_sweep(folder, undisturbed)
    assert verify(folder).problems == []


@pytest.mark.usefixtures("two_at_a_time")
def test_an_interrupted_sweep_keeps_what_is_finished_and_goes_on(
    undisturbed: Path, tmp_path: Path
) -> None:
    stop, folder = StopSignal(), tmp_path / "small"

    class Stopping(SweepRecorder):
        def run_ended(self, row: Any) -> None:
            super().run_ended(row)
            stop.requested = True

    first = Stopping()
    with pytest.raises(Interrupted):
        session.start(small_sweep(), folder, first, stop)
    assert len(first.rows) < 4
    assert len(pd.read_parquet(folder / "results.parquet")) == len(first.rows)
    second = SweepRecorder()
    run_sweep(small_sweep(), folder, second)
    assert len(first.rows) + len(second.rows) == 4
    assert_same_sweep(folder, undisturbed)


@pytest.mark.usefixtures("two_at_a_time")
def test_a_run_that_fails_leaves_the_others_alone(undisturbed: Path, tmp_path: Path) -> None:
    settings = [
        {"strategy.population_size": 6},
        {"learner": {"kind": "failing_learner:Echo", "fault": "raise", "broken_from": 0.0}},
    ]
    config, folder = small_sweep({"settings": settings, "seeds": 2}), tmp_path / "small"
    found = run_sweep(config, folder)
    frame = pd.read_parquet(folder / "results.parquet")
    failed = frame[frame["learner.kind"] == "failing_learner:Echo"]
    assert failed["score"].isna().all()
    assert failed["error"].str.contains("generation 1: 24 of 24 episodes failed").all()
    assert [variant.n_failed for variant in found.variants] == [0, 2]
    with pytest.raises(RunFailed, match=r"2 of 4 runs failed; .*; once the cause is mended, call"):
        session.require_all(folder, "call")
    for seed in ("7", "8"):
        run = Path("runs", "population_size-6", seed)
        assert_same_contents(folder / run, undisturbed / run)


def test_every_learner_and_family_is_warmed_up_once() -> None:
    settings = [
        {},
        {"strategy.sigma": 0.3},
        {"family.n_states": 2},
        {"learner.kind": "failing_learner:Echo"},
        {"family.n_states": 2, "run.tasks": 2},
    ]
    config = small_sweep({"settings": settings})
    jobs = warm_up_jobs([setting.config for setting in config.settings])
    kinds = [(job.grid.learner.kind, job.grid.family.interface.n_observations) for job in jobs]
    assert kinds == [("tabular_td", 3), ("tabular_td", 2), ("echo", 3)]


def test_verification_finds_a_result_that_does_not_follow(tmp_path: Path) -> None:
    config, folder = small_sweep({"over": {"run.tasks": [2]}, "seeds": 1}), tmp_path / "small"
    run_sweep(config, folder)
    assert verify(folder).problems == []
    table = atomic_files.read_parquet(folder / "results.parquet")
    place = table.column_names.index("score")
    atomic_files.write_parquet(
        folder / "results.parquet", table.set_column(place, "score", [[0.99]])
    )
    (problem, *_) = verify(folder).problems
    assert "results.parquet: it does not follow from the runs" in problem


def test_a_damaged_run_fails_with_its_file_named_and_the_others_go_on(tmp_path: Path) -> None:
    config, folder = small_sweep({"over": {"run.tasks": [2, 3]}, "seeds": 1}), tmp_path / "small"
    run_sweep(config, folder)
    store = RunStore(folder / "runs" / "tasks-3" / "7")
    change_part(
        store,
        store.part_path("transfer", 0),
        lambda frame: frame.assign(**{"return": frame["return"] + 1.0}),
    )
    store.state_path(1).write_bytes(b"broken")
    run_sweep(config, folder)
    frame = pd.read_parquet(folder / "results.parquet").set_index("setting")
    assert frame.loc["tasks=2", "error"] == ""
    assert "000001.npz: damaged" in str(frame.loc["tasks=3", "error"])


# The command line


def test_the_command_line_runs_resumes_verifies_and_reports_a_sweep(tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    begin = ("sweep", config, "--over", "run.tasks=2,3", "--seeds", 1, "--out", tmp_path)
    shown = printed(*begin)
    folder = tmp_path / "small"
    assert "tasks=2, seed 7  held-out " in shown
    assert "tasks=3 and tasks=2 cannot be told apart at n = 1" in shown
    assert f"report:  {folder / 'report.html'}" in shown
    assert "nan" not in shown  # one run has no interval
    assert "resume" in refused(*begin)
    assert "sweep.name" in refused(*begin, "--set", "run.seed=9", "--resume")
    assert "2 runs found, as written" in printed(*begin, "--resume")
    assert "2 runs found, as written" in printed("resume", folder)
    assert "2 run folders verified" in printed("verify", folder)
    page = (folder / "report.html").read_text()
    assert "Scores of the settings" in page
    (head, *rows), *_ = (t for t in HtmlPage(page).tables.values() if "IQM" in t[0])
    assert [row[head.index("95 % interval")] for row in rows] == ["-", "-"]
    assert all(row[head.index("IQM")] == row[head.index("mean")] != "-" for row in rows)
    (folder / "report.html").unlink()
    printed("report", folder)
    assert (folder / "report.html").read_text() == page


def test_failed_runs_show_in_the_exit_code(tmp_path: Path) -> None:
    config = small_toml(
        tmp_path / "small.toml",
        learner={"kind": "failing_learner:Echo", "fault": "raise", "broken_from": 0.0},
        run={"tasks": 2},
    )
    said = run_command("sweep", config, "--over", "run.tasks=2", "--seeds", 1, "--out", tmp_path)
    assert said.code == 1
    assert "1 of 1 runs failed; the first (tasks=2, seed 7): generation 1" in said.errors
