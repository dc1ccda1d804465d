"""Held-out tasks of another family than that of the search: ``[transfer.family]``."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import printed
from support.refused_configuration import refusal
from support.small_run import small_config, small_tables, small_toml

import spikeloop as sl
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.search.evaluation import grid_of
from spikeloop.workers.seeding import TaskSet

pytestmark = pytest.mark.usefixtures("without_figures")


def kinds_of(config: Any) -> dict[TaskSet, tuple[str, int, int]]:
    """Kind, actions and steps of the tasks of each set."""
    point = config.space.default_point()
    grids = {task_set: grid_of(config, point, 1, task_set, index=0) for task_set in TaskSet}
    return {
        task_set: (grid.family.kind, *_size(grid.tasks().interface))
        for task_set, grid in grids.items()
    }


def _size(interface: Any) -> tuple[int, int]:
    return interface.n_actions, interface.n_steps


@pytest.mark.parametrize(
    ("family", "found"),
    [
        ({"n_steps": 25}, ("random_mdp", 2, 25)),
        ({"kind": "random_mdp", "n_actions": 5}, ("random_mdp", 5, 60)),
        ({"kind": "bandit", "n_arms": 5, "n_steps": 30}, ("bandit", 5, 30)),
        ({"kind": "restless_bandit"}, ("restless_bandit", 2, 100)),
    ],
)
def test_held_out_tasks_are_of_their_own_family_and_all_others_of_the_search(
    family: dict[str, Any], found: tuple[str, int, int]
) -> None:
    """Settings of the same kind are put in over those of the search, another kind has its own."""
    config = small_config(transfer={"family": family})
    for task_set, kind in kinds_of(config).items():
        held_out = task_set in (TaskSet.MONITOR, TaskSet.TRANSFER)
        assert kind == (found if held_out else ("random_mdp", 2, 60))
    assert parse(config.tables(), "a record", None).held_out_family == config.held_out_family


@pytest.mark.parametrize(
    ("family", "words"),
    [
        ({"kind": "bandits"}, "did you mean 'bandit'"),
        ({"kind": "my_module:MyFamily"}, "built-in|one of|that of"),
        ({"n_step": 3}, "n_step"),
        ({"kind": "bandit", "n_arms": 1}, "n_arms must be >= 2"),
        ({"kind": "quadratic"}, "discrete actions"),
        ({"kind": "informative_bandit"}, "tables"),
    ],
)
def test_families_that_make_no_sense_are_refused_in_one_line(
    family: dict[str, Any], words: str
) -> None:
    message = refusal(small_tables(transfer={"family": family}))
    assert "[transfer.family]" in message
    assert any(word in message for word in words.split("|"))


def test_a_family_with_which_theta_is_another_is_refused() -> None:
    """The range of the rescaling's period follows from the steps of an episode."""
    tables = small_tables(learner={"rescale": True}, transfer={"family": {"n_steps": 500}})
    assert "[transfer.family] tabular_td must have the same hyperparameters" in refusal(tables)


def test_a_run_scores_its_theta_on_the_family_of_held_out_tasks(tmp_path: Path) -> None:
    """Returns and references are those of bandits, in the run's own table and in ``evaluate``."""
    bandit = {"kind": "bandit", "n_arms": 4, "n_steps": 30}
    config = small_toml(tmp_path / "small.toml", transfer={"family": bandit})
    printed("run", config, "--out", tmp_path)
    run = sl.open(tmp_path / "small")
    assert isinstance(run, sl.Run)
    rows = run.transfer
    assert rows["optimal"].max() <= 30
    assert "Thompson" in run.scores.index
    assert run.verify() == []
    assert run.report().exists()

    longer = run.evaluate(family={"kind": "bandit", "n_steps": 90}, inline=True, progress=False)
    assert 30 < longer.episodes["optimal"].max() <= 90
    same = run.evaluate(family=bandit, inline=True, progress=False)
    np.testing.assert_array_equal(same.episodes["return"], rows["return"])
