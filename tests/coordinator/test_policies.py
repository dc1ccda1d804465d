"""``spikeloop policies``: from a finished run to a picture, or to one clear line."""

import re
from pathlib import Path

import numpy as np
import pytest
from support.command_line import cli
from support.small_run import small_tables, small_toml

from spikeloop.coordinator.cli.policies import run_episodes
from spikeloop.coordinator.config.load import parse


def small_maze_toml(path: Path) -> Path:
    """The small run, with mazes for MDPs."""
    text = small_toml(path).read_text()
    family = '[family]\nkind = "maze"\nn_steps = 300\n'
    path.write_text(re.sub(r"\[family\].*?(?=\[)", family, text, flags=re.S))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policies")
    config = small_maze_toml(folder / "small.toml")
    assert cli("run", str(config), "--out", str(folder)) == 0
    return folder / "small"


def test_a_finished_run_gives_a_picture_and_a_table(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("policies", str(finished), "--steps", "200", "--tasks", "2") == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    picture = finished / "figures" / "policies.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000
    assert "Goal hits in 200 steps of new mazes" in output
    assert output.endswith(f"figure:  {picture}\n")
    assert cli("verify", str(finished)) == 0


def test_seed_chooses_the_mazes_and_out_the_file(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = []
    for seed in ("1", "1", "2"):
        file = tmp_path / f"{seed}.png"
        assert cli("policies", str(finished), "--seed", seed, "--out", str(file)) == 0
        output = capsys.readouterr().out
        assert str(file) in output
        tables.append(output.replace(str(file), ""))
    assert tables[0] == tables[1] != tables[2]
    assert {path.name for path in tmp_path.iterdir()} == {"1.png", "2.png"}


VALUELESS = """
from dataclasses import replace

from spikeloop.tasks.settings import Settings
from spikeloop.workers.learners.tabular.learner import TabularTd


class Valueless(Settings):
    kind = property(lambda self: "valueless")

    def space(self, interface):
        return TabularTd().space(interface)

    def run_episodes(self, parameters, tasks, seeds):
        return replace(TabularTd().run_episodes(parameters, tasks, seeds), action_values=None)
"""


@pytest.mark.parametrize(
    ("family", "learner", "words"),
    [
        ("random_mdp", "tabular_td", "[family] kind must be maze to draw policies, got random_mdp"),
        ("maze", "valueless:Valueless", "[learner] kind must be one with values of actions"),
    ],
)
def test_runs_without_policies_to_draw_give_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], family: str, learner: str, words: str
) -> None:
    (tmp_path / "valueless.py").write_text(VALUELESS)
    toml = small_maze_toml if family == "maze" else small_toml
    config = toml(tmp_path / "small.toml")
    config.write_text(config.read_text().replace("tabular_td", learner))
    assert cli("run", str(config), "--out", str(tmp_path)) == 0
    capsys.readouterr()
    assert cli("policies", str(tmp_path / "small"), "--trust") == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert words in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "small" / "figures" / "policies.png").exists()


@pytest.mark.parametrize(
    ("option", "words"), [("--steps", "--steps"), ("--tasks", "--tasks"), ("--seed", "--seed")]
)
def test_options_out_of_range_are_refused(
    finished: Path, capsys: pytest.CaptureFixture[str], option: str, words: str
) -> None:
    assert cli("policies", str(finished), option, "-1") == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1


def test_more_steps_than_a_episode_may_have_are_refused(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("policies", str(finished), "--steps", "1000001") == 2
    assert "n_steps must be" in capsys.readouterr().err


def test_default_and_learned_theta_meet_the_same_mazes_with_the_same_luck() -> None:
    """With the default for the learned Θ both rows are one; with another Θ they are not."""
    tables = small_tables() | {"family": {"kind": "maze", "n_steps": 300}}
    config = parse(tables, "small.toml", Path())
    point = config.space.default_point()
    same = run_episodes(config, point, 200, 4, 0, "here")
    np.testing.assert_array_equal(same.hits[0], same.hits[1])
    np.testing.assert_array_equal(same.values[0], same.values[1])
    other = run_episodes(config, 1 - point / 2, 200, 4, 0, "here")
    np.testing.assert_array_equal(other.hits[0], same.hits[0])
    assert (other.values[1] != same.values[1]).any()
    assert (other.hits <= 200).all()
    assert other.references.optimal.shape == (4,)
