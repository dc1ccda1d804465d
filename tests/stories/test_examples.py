"""Every example is a valid configuration, and a tiny version of it runs to the end."""

import re
from pathlib import Path

import pytest
from support.command_line import cli, printed
from support.paths import EXAMPLES
from support.tiny_examples import TINY_COMPARISON, TINY_RUN, set_options

from spikeloop.coordinator.comparison import comparison_config
from spikeloop.coordinator.config.load import load

ALL = sorted(EXAMPLES.glob("*.toml"))
COMPARISONS = [path for path in ALL if "[comparison]" in path.read_text()]
RUNS = [path for path in ALL if path not in COMPARISONS]
assert "mdp_evolution" in [path.stem for path in RUNS]
assert "compare_mdp" in [path.stem for path in COMPARISONS]


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_tiny_version_of_an_example_runs_and_verifies(path: Path, tmp_path: Path) -> None:
    config = load(path)
    assert config.run.name == path.stem
    tiny = dict(TINY_RUN)
    if "population_size" not in config.tables()["strategy"]:
        del tiny["strategy.population_size"]
    output = printed("run", path, "--inline", "--out", tmp_path, *set_options(tiny))
    assert "Score on 4 held-out tasks" in output
    assert cli("verify", tmp_path / path.stem) == 0


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_tiny_version_of_a_comparison_runs_to_its_findings(path: Path, tmp_path: Path) -> None:
    """Without its tuning and its pairs, which name tuned variants."""
    tiny = tmp_path / path.name
    tiny.write_text(re.sub(r"pairs = \[.*?\n\]", "", path.read_text(), flags=re.DOTALL))
    assert comparison_config.load(path).comparison.name == path.stem
    options = set_options(TINY_COMPARISON)
    output = printed("compare", tiny, "--inline", "--out", tmp_path, *options)
    assert "Held-out score after 100 episodes" in output
    assert (tmp_path / path.stem / "report.html").stat().st_size > 10_000
