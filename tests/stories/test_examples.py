"""Every example is a valid configuration, and a tiny version of it runs to the end."""

import re
from pathlib import Path
from typing import Any

import pytest
from support.command_line import cli, printed
from support.paths import EXAMPLES
from support.tiny_examples import TINY_COMPARISON, TINY_RUN, set_options

from spikeloop.coordinator.comparison import comparison_config
from spikeloop.coordinator.config.load import load

pytestmark = pytest.mark.usefixtures("without_figures")

ALL = sorted(EXAMPLES.glob("*.toml"))
COMPARISONS = [path for path in ALL if "[comparison]" in path.read_text()]
RUNS = [path for path in ALL if path not in COMPARISONS]
assert "mdp_evolution" in [path.stem for path in RUNS]
assert "compare_mdp" in [path.stem for path in COMPARISONS]
ON_DEMAND = {
    *("compare_mdp_full", "lsnn_bandit_independent", "mdp_published"),
    *("brian_liquid_curriculum", "lsnn_bandit_dependent", "own_model_python"),
    *("lsnn_quadratic", "own_family", "brian_rstdp_bandit", "compare_mdp", "bandit_rule"),
    *("reversal_network", "brian_td_mdp", "brian_recurrent_bandit"),
    *("mdp_reward_stdp", "own_model", "own_mdp", "lsnn_two_step", "lsnn_evolution"),
    *("lsnn_informative_bandit", "lsnn_restless_bandit", "lsnn_mdp", "lsnn_maze"),
}
"""Examples whose parts all run in other examples or tests."""


def sampled(paths: list[Path]) -> list[Any]:
    """The examples as parameters of a test, some only on demand."""
    return [
        pytest.param(p, id=p.stem, marks=[pytest.mark.exhaustive] if p.stem in ON_DEMAND else [])
        for p in paths
    ]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_example_is_a_valid_configuration(path: Path) -> None:
    if path in COMPARISONS:
        assert comparison_config.load(path).comparison.name == path.stem
    else:
        assert load(path).run.name == path.stem


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_header_of_an_example_begins_with_one_short_sentence(path: Path) -> None:
    first, blank = path.read_text(encoding="utf-8").splitlines()[:2]
    assert re.fullmatch(r"# [A-Z].{1,71}[.?]", first)
    assert not re.search(r"[.?] ", first)
    assert blank == "#"


@pytest.mark.parametrize("path", sampled(RUNS))
def test_tiny_version_of_an_example_runs_and_verifies(path: Path, tmp_path: Path) -> None:
    tiny = dict(TINY_RUN)
    if "population_size" not in load(path).tables()["strategy"]:
        del tiny["strategy.population_size"]
    output = printed("run", path, "--inline", "--out", tmp_path, *set_options(tiny))
    assert "Score on 4 held-out tasks" in output
    assert cli("verify", tmp_path / path.stem) == 0


@pytest.mark.parametrize("path", sampled(COMPARISONS))
def test_tiny_version_of_a_comparison_runs_to_its_findings(path: Path, tmp_path: Path) -> None:
    """Without its tuning and its pairs, which name tuned variants."""
    tiny = tmp_path / path.name
    tiny.write_text(re.sub(r"pairs = \[.*?\n\]", "", path.read_text(), flags=re.DOTALL))
    options = set_options(TINY_COMPARISON)
    output = printed("compare", tiny, "--inline", "--out", tmp_path, *options)
    assert "Held-out score after 100 episodes" in output
    assert (tmp_path / path.stem / "report.html").stat().st_size > 10_000
