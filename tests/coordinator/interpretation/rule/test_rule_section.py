"""``spikeloop interpret --only rule``: a planted rule on the chip, distilled, compiled, played."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import answer, printed, refused
from support.small_run import small_tables

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.export import weights
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.rule.distilled import written
from spikeloop.coordinator.interpretation.rule.gain import recovered
from spikeloop.coordinator.interpretation.rule.sparse_regression import Fit
from spikeloop.coordinator.interpretation.rule.states import COLUMNS
from spikeloop.coordinator.stats.bootstrap import draw_counts
from spikeloop.coordinator.store import manifest

PLANTED: dict[str, Any] = {
    "chosen": {"r": 0.3, "w": -0.3},
    "other": {"1": 0.15, "r": -0.15, "w": -0.15},
}
NEVER: dict[str, Any] = {"chosen": {}, "other": {}}
ONLY = ("--only", "rule", "--episodes", 40)


def rule_file(path: Path, family: str = "reversal_bandit", **program: Any) -> Path:
    """A weights file of an agent with a formula as its program, at the default Θ."""
    tables = small_tables()
    tables["family"] = {"kind": family, "n_steps": 50, "counts": "expected"}
    tables["learner"] = {
        "kind": "chip",
        "coding": "first",
        "program": {"kind": "formula", **program},
    }
    config = parse(tables, path.stem, None)
    point = config.space.default_point()
    weights.write(path, Learned(config, point, Path(), manifest.describe(config), 3, 72, None))
    return path


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return rule_file(tmp_path / "planted.npz", **PLANTED)


@pytest.mark.exhaustive
def test_a_planted_rule_is_recovered_whole_from_what_it_does_on_the_chip(planted: Path) -> None:
    frozen = rule_file(planted.with_name("frozen.npz"), **NEVER)
    found = answer("interpret", planted, *ONLY, "--beside", frozen)["sections"]["rule"]
    whole = found["formulas"][found["by_bic"]]
    for who, terms in PLANTED.items():
        assert whole[who] == pytest.approx(terms, abs=0.01)
    assert whole["r2"] > 0.999
    assert found["beside"] == "formula"
    assert abs(whole["recovered_over_beside"]["value"] - 1) < 0.2
    assert 0.95 <= found["formulas"][found["short"]]["r2"] < whole["r2"]
    assert found["formulas"][0]["recovered"]["value"] < 0.5
    assert found["shuffled_r2"] < 0.1
    assert found["random"]["rules"]["low"] < found["random"]["rules"]["high"]
    text = printed("interpret", planted, *ONLY)
    assert f"{found['formulas'][found['short']]['terms']} terms recover" in text
    assert Path("planted-interpretation/rule-surfaces.png").stat().st_size > 10_000
    assert json.loads(Path("planted-interpretation/rule.json").read_text())["section"] == "rule"


@pytest.mark.exhaustive
def test_a_rule_without_gain_has_none_to_recover(planted: Path) -> None:
    frozen = rule_file(planted.with_name("frozen.npz"), **NEVER)
    found = answer("interpret", frozen, *ONLY, "--beside", planted)["sections"]["rule"]
    assert found["gain_over_beside"]["value"] < 0
    assert found["formulas"][found["short"]]["recovered_over_beside"] is None


def test_what_has_no_rule_or_another_family_is_refused_in_one_line(planted: Path) -> None:
    other = rule_file(planted.with_name("other.npz"), family="bandit")
    assert "--beside" in refused("interpret", planted, *ONLY, "--beside", other)
    assert "at least 8" in refused("interpret", planted, "--only", "rule", "--episodes", 7)
    line = refused("interpret", planted, "--only", "policy", "--episodes", 9, "--beside", planted)
    assert "--beside is for the section rule" in line


def test_recovered_shares_are_ratios_of_sums() -> None:
    rule, reference = np.array([1.0, 3.0]), np.array([5.0, 5.0])
    counts = draw_counts(2, 100, np.random.default_rng(0))
    assert recovered(rule, rule, reference, counts).value == 1
    assert recovered(reference, rule, reference, counts).value == 0
    assert recovered(np.array([2.0, 5.0]), rule, reference, counts).value == pytest.approx(0.5)


def test_formulas_are_written_with_their_signs() -> None:
    coefficients = np.zeros(len(COLUMNS))
    coefficients[[0, 1, 8]] = -0.131, 0.223, -0.01
    fit = Fit((0, 1, 8), coefficients, 0.0)
    assert written(fit, "chosen") == "−0.131 + 0.223 r − 0.010 w w"
    assert written(fit, "other") == "0"
    coefficients[0] = 0.5
    assert written(fit, "chosen") == "0.500 + 0.223 r − 0.010 w w"
