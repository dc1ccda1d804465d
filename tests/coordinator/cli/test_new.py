"""``spikeloop new`` copies an example whole, into an empty folder only."""

from pathlib import Path

import pytest
from support.command_line import answer, printed, refused
from support.paths import EXAMPLES

from spikeloop.coordinator.config.load import load

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.toml"))


def test_first_configuration_is_valid_and_named_in_the_next_command(tmp_path: Path) -> None:
    folder = tmp_path / "my search"
    output = printed("new", folder)
    assert [path.name for path in folder.iterdir()] == ["first_search.toml"]
    assert f"next:    spikeloop run '{folder}/first_search.toml'" in output
    assert load(folder / "first_search.toml").run.name == "first_search"


def test_list_shows_every_example_with_one_line() -> None:
    lines = printed("new", "--list").splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert all(len(line.split()) > 3 for line in lines)
    assert list(answer("new", "--list")) == NAMES


@pytest.mark.parametrize(
    ("example", "files", "command"),
    [
        ("own_mdp", ["own_mdp.toml", "own_mdp.py"], "run"),
        ("own_model_python", ["own_model_python.toml", "own_model.py"], "run"),
        ("lsnn_quadratic", ["lsnn_quadratic.toml", "lsnn_quadratic.npz"], "run"),
        ("compare_maze", ["compare_maze.toml"], "compare"),
    ],
)
def test_example_brings_its_modules_and_trained_weights(
    example: str, files: list[str], command: str, tmp_path: Path
) -> None:
    said = answer("new", tmp_path, "--example", example)
    assert said["files"] == [str(tmp_path / name) for name in files]
    assert said["next"][0] == f"spikeloop {command} {tmp_path / files[0]}"
    for name in files:
        (original,) = EXAMPLES.rglob(name)
        assert (tmp_path / name).read_bytes() == original.read_bytes()


def test_folder_in_use_and_unknown_example_are_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    assert "is not empty" in refused("new", tmp_path)
    assert "is a file" in refused("new", file)
    assert "did you mean 'maze_trace'" in refused("new", tmp_path / "a", "--example", "maze_trac")
    assert "FOLDER" in refused("new")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
