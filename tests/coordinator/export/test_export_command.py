import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.command_line import refused
from support.random_networks import BANDIT, random_network, random_network_file
from support.small_run import small_config

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export import learned_network

pytest.importorskip("jax")


@pytest.mark.parametrize("form", ["brian2", "nir"])
def test_other_learners_are_refused(form: str) -> None:
    known = replace(random_network(BANDIT), config=small_config())
    with pytest.raises(ConfigError, match=f"--to {form} .* tabular_td"):
        learned_network.freeze(known, form)


@pytest.mark.parametrize(
    ("learner", "options", "words"),
    [
        ({"smooth": 0.5}, ("--to", "brian2"), "learner.smooth is 0.5, not 0"),
        ({"copies": 3}, ("--to", "brian2"), "learner.copies is 3, not 1"),
        ({}, ("--to", "brian2", "--task", 6), "--task must be 0 to 5"),
        ({}, ("--to", "nir", "--task", 1), "--task is for --to brian2"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(
    tmp_path: Path, learner: dict[str, float], options: tuple[object, ...], words: str
) -> None:
    file = random_network_file(tmp_path / "some.npz", BANDIT, **learner)
    assert words in refused("export", file, *options)
    assert [path.name for path in tmp_path.iterdir()] == ["some.npz"]


@pytest.mark.parametrize("package", ["jax", "nir"])
def test_a_missing_package_is_named(
    tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = random_network_file(tmp_path / "some.npz", BANDIT)
    monkeypatch.setitem(sys.modules, package, None)
    form, extra = {"jax": ("brian2", "lsnn"), "nir": ("nir", "nir")}[package]
    assert f"pip install 'spikeloop[{extra}]'" in refused("export", file, "--to", form, code=3)
