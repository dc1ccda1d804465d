"""``spikeloop interpret`` for agents in mazes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.command_line import answer, cli, printed, refused
from support.small_run import small_tables, start_config

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.behaviour.maze_policies import run_in_mazes


def maze_config(learner: str, folder: Path | None = None) -> RunConfig:
    """The small run, with mazes for MDPs."""
    family = {"kind": "maze", "n_steps": 300}
    tables = small_tables() | {"family": family, "learner": {"kind": learner}}
    return parse(tables, "small.toml", folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start_config(maze_config("tabular_td"), tmp_path_factory.mktemp("policies") / "small")


def test_hits_are_tabulated_and_policies_drawn(finished: Path) -> None:
    output = printed("interpret", finished, "--steps", 200, "--episodes", 2)
    figure = finished / "interpretation" / "behaviour-policies.png"
    assert figure.stat().st_size > 10_000
    assert "Goal hits in 200 steps of new mazes" in output
    assert output.endswith(f"figure:  {figure}\n")
    assert cli("verify", finished) == 0


def test_the_seed_chooses_the_mazes_and_out_the_folder(finished: Path, tmp_path: Path) -> None:
    said = []
    for seed in (1, 1, 2):
        out = tmp_path / str(seed)
        said.append(answer("interpret", finished, "--seed", seed, "--out", out))
        assert said[-1]["figures"] == [str(out / "behaviour-policies.png")]
    assert said[0] == said[1]
    first, _, last = (one["sections"]["behaviour"] for one in said)
    assert first["hits"] != last["hits"]
    assert (first["episodes"], first["steps"], len(first["hits"]["learned"])) == (3, 1000, 3)


VALUELESS = """
from dataclasses import replace
from spikeloop.workers.learners.tabular.learner import TabularTd

class Valueless(TabularTd):
    def run_episodes(self, parameters, tasks, seeds):
        return replace(super().run_episodes(parameters, tasks, seeds), action_values=None)
"""


def test_a_learner_without_action_values_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "valueless.py").write_text(VALUELESS)
    start_config(maze_config("valueless:Valueless", tmp_path), tmp_path / "small")
    assert "[learner] kind" in refused("interpret", tmp_path / "small", "--trust")
    assert not (tmp_path / "small" / "interpretation" / "behaviour-policies.png").exists()


@pytest.mark.parametrize(("option", "value"), [("--episodes", 21), ("--steps", 1_000_001)])
def test_options_out_of_range_are_refused_in_one_line(
    finished: Path, option: str, value: int
) -> None:
    assert option.strip("-") in refused("interpret", finished, option, value)


def test_default_and_learned_theta_meet_the_same_mazes_and_random_numbers() -> None:
    """With the default for the learned Θ both rows are one; with another Θ they are not."""
    config = maze_config("tabular_td")
    point = config.space.default_point()
    learned = Learned(config, point, Path(), {}, 3, 72, None)
    same = run_in_mazes(learned, 200, 4, 0)
    np.testing.assert_array_equal(same.hits[0], same.hits[1])
    np.testing.assert_array_equal(same.values[0], same.values[1])
    other = run_in_mazes(replace(learned, point=1 - point / 2), 200, 4, 0)
    np.testing.assert_array_equal(other.hits[0], same.hits[0])
    assert (other.values[1] != same.values[1]).any()
    assert (other.hits <= 200).all()
    assert other.references.optimal.shape == (4,)
