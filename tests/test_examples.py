"""Every example is a valid configuration, and a tiny version of it runs to the end."""

import re
from pathlib import Path

import pytest

from spikeloop.cluster.targets import TARGETS
from spikeloop.coordinator.cli.main import main
from spikeloop.coordinator.comparison import comparison_config
from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.strategies import STRATEGIES
from spikeloop.tasks import FAMILIES
from spikeloop.workers.learners import LEARNERS

ALL = sorted((Path(__file__).parents[1] / "examples").glob("*.toml"))
COMPARISONS = [path for path in ALL if "[comparison]" in path.read_text()]
EXAMPLES = [path for path in ALL if path not in COMPARISONS]

TINY = {
    "run.generations": 1,
    "run.tasks": 2,
    "family.n_steps": 20,
    "strategy.population_size": 4,
    "transfer.tasks": 4,
    "transfer.random_points": 2,
    "transfer.random_tasks": 4,
    "transfer.monitor_tasks": 4,
}

TINY_COMPARISON = {
    "comparison.budget": 100,
    "comparison.seeds": 1,
    "tuning.episodes": 0,
    "run.tasks": 2,
    "family.n_steps": 20,
    "transfer.tasks": 4,
    "transfer.monitor_tasks": 2,
}

each = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    return int(exit_.value.code or 0)


def test_there_are_examples() -> None:
    assert "mdp_evolution" in [path.stem for path in EXAMPLES]
    assert "compare_mdp" in [path.stem for path in COMPARISONS]


@each
def test_an_example_names_kinds_that_exist(path: Path) -> None:
    config = load(path)
    own = config.tables()["family"]["kind"].startswith("own_family:")
    assert own or config.family.kind in FAMILIES
    assert config.learner.kind in LEARNERS
    assert config.strategy.kind in STRATEGIES
    assert config.target.kind in TARGETS
    assert config.run.name == path.stem


@each
def test_a_tiny_version_of_an_example_runs_and_verifies(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    population = "population_size" in load(path).tables()["strategy"]
    tiny = {k: v for k, v in TINY.items() if population or k != "strategy.population_size"}
    sets = [word for key, value in tiny.items() for word in ("--set", f"{key}={value}")]
    assert cli("run", str(path), "--inline", "--out", str(tmp_path), *sets) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert "generation 1/1" in output
    assert "Score on 4 held-out tasks" in output
    assert cli("verify", str(tmp_path / path.stem)) == 0


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_a_tiny_version_of_a_comparison_runs_to_its_findings(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its tuning and its pairs, which name tuned contestants."""
    text = re.sub(r"pairs = \[.*?\n\]", "", path.read_text(), flags=re.DOTALL)
    tiny = tmp_path / path.name
    tiny.write_text(text)
    sets = [word for key, value in TINY_COMPARISON.items() for word in ("--set", f"{key}={value}")]
    assert comparison_config.load(path).comparison.name == path.stem
    assert cli("compare", str(tiny), "--inline", "--out", str(tmp_path), *sets) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert "Held-out score after 100 episodes" in output
    assert "n = 1" in output
    assert (tmp_path / path.stem / "report.html").stat().st_size > 10_000
