"""Every example is a valid configuration, and a tiny version of it runs to the end."""

from pathlib import Path

import pytest

from spikeloop.cluster import TARGETS
from spikeloop.coordinator.cli import main
from spikeloop.coordinator.config import load
from spikeloop.coordinator.strategies import STRATEGIES
from spikeloop.tasks import FAMILIES
from spikeloop.workers.learners import LEARNERS

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.toml"))

TINY = {
    "run.generations": 1,
    "run.tasks": 2,
    "family.n_steps": 50,
    "strategy.population_size": 4,
    "transfer.tasks": 4,
    "transfer.random_points": 2,
    "transfer.random_tasks": 4,
    "transfer.monitor_tasks": 2,
}

each = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    return int(exit_.value.code or 0)


def test_there_are_examples() -> None:
    assert "mdp_evolution" in [path.stem for path in EXAMPLES]


@each
def test_an_example_names_kinds_that_exist(path: Path) -> None:
    config = load(path)
    assert config.family.kind in FAMILIES
    assert config.learner.kind in LEARNERS
    assert config.strategy.kind in STRATEGIES
    assert config.target.kind in TARGETS
    assert config.run.name == path.stem


@each
def test_a_tiny_version_of_an_example_runs_and_verifies(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    assert cli("run", str(path), "--inline", "--out", str(tmp_path), *sets) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert "generation 1/1" in output
    assert "Score on 4 held-out tasks" in output
    assert cli("verify", str(tmp_path / path.stem)) == 0
