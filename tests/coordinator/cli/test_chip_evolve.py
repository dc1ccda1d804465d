"""``spikeloop chip evolve``: a search on the chip becomes an ordinary run, to the bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tomli_w
from support.command_line import cli, printed, refused, run_command
from support.refused_configuration import refusal

from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.chip.ppu.task_maker import task_words, tasks_from_words
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.on_chip_search import search

pytestmark = pytest.mark.usefixtures("without_figures")

SEED = 7


def tables(**changes: dict[str, Any]) -> dict[str, Any]:
    """A search of three generations, with other keys in some of its tables."""
    small: dict[str, dict[str, Any]] = {
        "run": {"seed": SEED, "generations": 3, "tasks": 2, "common_noise": False},
        "family": {"kind": "random_mdp", "n_states": 4, "n_actions": 3, "n_steps": 40},
        "learner": {"kind": "chip"},
        "strategy": {"kind": "on_chip", "population_size": 4, "halve_every": 2},
        "transfer": {"tasks": 4, "random_points": 2, "monitor_every": 2, "monitor_tasks": 2},
        "target": {"kind": "inline"},
    }
    return {name: {**small.get(name, {}), **changes.get(name, {})} for name in {**small, **changes}}


def written(folder: Path, **changes: dict[str, Any]) -> Path:
    """The configuration as a file."""
    path = folder / "small.toml"
    path.write_text(tomli_w.dumps(tables(**changes)))
    return path


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the command."""
    folder = tmp_path_factory.mktemp("evolve")
    said = run_command("chip", "evolve", written(folder), "--out", folder)
    assert said.code == 0, said
    assert "written before the search: 7 coordinates, seed 0x" in said.errors
    return folder / "small"


def state_after(folder: Path, generation: int) -> Any:
    return read_run(RunStore.open(folder), True).state_after(generation)


def test_the_run_is_the_search_in_one_piece(run_folder: Path) -> None:
    run = read_run(RunStore.open(run_folder), True)
    config, state = run.config, run.state_after(3)
    assert isinstance(config.learner, ChipAgent)
    settings: Any = config.strategy
    whole = search(config.learner, config.family, settings, 2, 3, state.run, SEED)
    assert state.x.tolist() == whole.tolist()


def test_references_are_those_of_the_tasks_that_the_chip_made(run_folder: Path) -> None:
    run = read_run(RunStore.open(run_folder), True)
    rows = pd.read_parquet(run_folder / "episodes")
    tasks = tasks_from_words(run.config.family, *task_words(run.state_after(0).run, 1, 2))
    references = tasks.references()
    of_second = rows[(rows["generation"] == 2) & (rows["candidate"] == 0)].sort_values("task")
    np.testing.assert_array_equal(of_second["random"], references.random)
    np.testing.assert_array_equal(of_second["optimal"], references.optimal)


def test_what_the_chip_recorded_is_the_sum_of_returns(run_folder: Path) -> None:
    run = read_run(RunStore.open(run_folder), True)
    totals = pd.read_parquet(run_folder / "episodes").groupby("generation")["return"].sum()
    for generation in (1, 2, 3):
        assert run.state_after(generation).trace[0] == round(127 * totals[generation])


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_search_that_goes_on_after_any_generation_ends_the_same(
    run_folder: Path, after: int
) -> None:
    before = state_after(run_folder, 3)
    assert cli("resume", run_folder, "--after", after) == 0
    again = state_after(run_folder, 3)
    assert (again.x.tolist(), again.momentum.tolist()) == (
        before.x.tolist(),
        before.momentum.tolist(),
    )


def test_verify_and_report_take_it(run_folder: Path) -> None:
    assert "fitness, held-out scores and counts follow" in printed("verify", run_folder)
    assert cli("report", run_folder) == 0


def test_plan_counts_its_episodes(tmp_path: Path) -> None:
    assert "3 generations × 4 candidates × 2 tasks" in printed("plan", written(tmp_path))


def test_another_strategy_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace("on_chip", "cma_es").replace("halve_every = 2\n", ""))
    assert '[strategy] kind must be "on_chip"' in refused("chip", "evolve", path, "--out", tmp_path)


@pytest.mark.parametrize(
    ("changes", "offender"),
    [
        ({"learner": {"kind": "tabular_td"}}, "learner.kind"),
        ({"learner": {"chip": [1, 2]}}, "learner.chip"),
        ({"learner": {"opened": ["v_leak"]}}, "learner.opened"),
        ({"learner": {"program": {"kind": "td_advantage"}}}, "td_advantage has gain"),
        ({"family": {"kind": "maze", "n_states": None, "n_actions": None}}, "maze"),
        ({"run": {"common_noise": True}}, "run.common_noise"),
        ({"run": {"racing": 0.5}}, "run.racing"),
        ({"run": {"tasks": 1000}}, "run.tasks = 1000"),
        ({"run": {"generations": 600}}, "run.generations"),
        ({"deploy": {"finalists": 2}}, "deploy.finalists"),
        ({"stop": {"target": 0.9}}, "[stop]"),
        ({"strategy": {"learning_rate": 1000.0}}, "learning_rate"),
    ],
)
def test_what_no_chip_could_do_alone_is_refused(changes: dict[str, Any], offender: str) -> None:
    """A host that chooses anything while the search goes on, or what does not fit its words."""
    found = tables(**changes)
    found = {
        name: {key: value for key, value in table.items() if value is not None}
        for name, table in found.items()
    }
    assert offender in refusal(found)
