"""``spikeloop interpret --only policy``: networks and agents on the chip, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from support.command_line import answer, printed, refused
from support.random_networks import QUADRATIC, random_network_file
from support.small_run import small_tables, start_config

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.interpretation.policy import comparison, recovery, tiny_gru

ONLY = ("--only", "policy")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few repetitions."""
    monkeypatch.setattr(recovery, "REPEATS", 1)
    monkeypatch.setattr(recovery, "REPEATS_OF_BEST", 1)
    monkeypatch.setattr(recovery, "EPISODES", 6)
    monkeypatch.setattr(comparison, "N_REFITS", 3)
    monkeypatch.setattr(tiny_gru, "UNITS", (1,))


@pytest.mark.exhaustive
def test_choices_of_a_chip_agent_are_studied(tmp_path: Path) -> None:
    tables = small_tables() | {
        "family": {"kind": "reversal_bandit", "n_steps": 8},
        "learner": {"kind": "chip", "coding": "first", "program": {"kind": "incremental"}},
    }
    run = start_config(parse(tables, "small.toml", None), tmp_path / "small")
    found = answer("interpret", run, *ONLY, "--episodes", 12)
    said = found["sections"]["policy"]
    assert said["episodes"] == 12
    assert said["best"] in said["models"]
    assert set(said["recovery"]["models"]) == set(said["models"])
    assert said["models"][said["best"]]["best_minus_this"] is None
    best = said["models"][said["best"]]["held_out_nats"]["value"]
    assert best == max(model["held_out_nats"]["value"] for model in said["models"].values())
    assert next(iter(said["curves"])) == "learner"
    assert len(said["curves"]["learner"]["after_none"]["mean"]) == 7
    figures = [Path(name).name for name in found["figures"]]
    assert figures == ["policy-likelihood.png", "policy-recovery.png", "policy-choices.png"]


@pytest.mark.parametrize(
    ("family", "words"),
    [
        (QUADRATIC, "[family] kind must be bandit"),
        ({"kind": "bandit", "n_arms": 3}, "two arms with rewards 0 and 1"),
        ({"kind": "bandit", "rewards": "gaussian"}, "two arms with rewards 0 and 1"),
        ({"kind": "bandit", "n_steps": 501}, "n_steps must be from 2 to 500, got 501"),
    ],
)
def test_other_families_are_refused_in_one_line(
    tmp_path: Path, family: dict[str, Any], words: str
) -> None:
    file = random_network_file(tmp_path / "own.npz", family)
    line = refused("interpret", file, *ONLY)
    assert "section policy does not apply" in line
    assert words in line


@pytest.mark.exhaustive
def test_choices_of_a_network_are_studied(tmp_path: Path) -> None:
    file = random_network_file(tmp_path / "own.npz", {"kind": "bandit", "n_steps": 8})
    arguments = ("interpret", file, *ONLY, "--episodes", 12, "--out", tmp_path)
    assert "ceiling" in printed(*arguments)
    assert answer(*arguments) == answer(*arguments)
