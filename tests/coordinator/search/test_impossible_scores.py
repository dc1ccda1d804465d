"""What is wrong with scores is said in a run, in its report and by verify."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.command_line import answer, cli, printed, run_command
from support.small_run import TABLES

from spikeloop.coordinator.search.transfer import tasks_without_scale
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.scores import impossible_score
from spikeloop.tasks.base import Interface

pytestmark = pytest.mark.usefixtures("without_figures")


def written(path: Path, fault: str) -> Path:
    """A small search of the guesser on two arms whose references may be halved."""
    import tomli_w

    tables: dict[str, dict[str, Any]] = {
        **TABLES,
        "family": {"kind": "broken_promises:Bandits", "fault": fault},
        "learner": {"kind": "broken_promises:Guesser"},
        "transfer": {
            "tasks": 20,
            "random_points": 3,
            "random_tasks": 10,
            "monitor_every": 1,
            "monitor_tasks": 20,
        },
    }
    path.write_text(tomli_w.dumps(tables))
    return path


def test_halved_references_are_warned_of_everywhere(tmp_path: Path) -> None:
    config = written(tmp_path / "small.toml", "halved")
    said = run_command("run", config, "--out", tmp_path)
    assert said.code == 0
    lines = said.errors.splitlines()
    assert all("wholly above 1" in line and "spikeloop check CONFIG" in line for line in lines)
    assert sum("held-out score after generation" in line for line in lines) == 1  # not of each
    assert sum("the score of the learned Θ on held-out tasks" in line for line in lines) == 1
    folder = tmp_path / "small"
    assert "wholly above 1" in run_command("resume", folder, "--trust").errors
    assert cli("report", folder, "--trust") == 0
    assert "Warning: the score of the learned Θ" in (folder / "report.html").read_text()
    checked = answer("verify", folder, "--trust")
    assert checked["ok"]
    assert any("the score of the learned Θ" in line for line in checked["warnings"])
    assert "wholly above 1" in run_command("verify", folder, "--trust").errors


def test_right_references_raise_no_warning(tmp_path: Path) -> None:
    printed("run", written(tmp_path / "small.toml", "none"), "--out", tmp_path)
    printed("verify", tmp_path / "small", "--trust")


@pytest.mark.parametrize(
    ("low", "n_tasks", "optimum", "warned"),
    [
        (1.001, 20, "exact", True),
        (1.001, 19, "exact", False),  # an interval over a few tasks is too narrow
        (1.0, 20, "exact", False),
        (1 + 1e-12, 20, "exact", False),  # a deterministic optimum, and rounded sums
        (float("nan"), 20, "exact", False),
        (1.5, 20, "estimate", False),  # a family may say that learners can exceed its mark
    ],
)
def test_a_score_is_impossible_if_its_interval_lies_wholly_above_an_exact_optimum(
    low: float, n_tasks: int, optimum: Any, warned: bool
) -> None:
    interface = Interface(1, 2, "discrete", 10, optimum=optimum)
    assert bool(impossible_score("it", Interval(2.0, low, 3.0, n_tasks), interface)) == warned


@pytest.mark.parametrize(("n_equal", "warned"), [(0, False), (1, False), (2, True), (20, True)])
def test_many_tasks_in_which_optimal_is_random_are_warned_of(n_equal: int, warned: bool) -> None:
    optimal = [0.0] * n_equal + [1.0] * (20 - n_equal)
    episodes = pd.DataFrame({"task": range(20), "random": 0.0, "optimal": optimal})
    line = tasks_without_scale(pd.concat([episodes, episodes]))  # two points on the same tasks
    assert bool(line) == warned
    assert not warned or f"in {n_equal} of 20 held-out tasks" in line
