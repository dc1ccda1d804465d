import sys
from pathlib import Path

import pytest
from support.command_line import cli, one_line
from support.random_networks import BANDIT, random_network_file
from support.small_run import small_toml

pytest.importorskip("jax")


@pytest.mark.parametrize("form", ["brian2", "nir"])
def test_other_learners_are_refused_in_one_line(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = small_toml(tmp_path / "small.toml", run={"generations": 1})
    assert cli("run", toml, "--out", tmp_path) == 0
    capsys.readouterr()
    assert cli("export", tmp_path / "small", "--to", form) == 2
    assert "tabular_td" in one_line(capsys)


def test_options_that_do_not_fit_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    smooth = random_network_file(tmp_path / "smooth.npz", BANDIT, smooth=0.5)
    for form in ("brian2", "nir"):
        assert cli("export", smooth, "--to", form) == 2
        assert "learner.smooth is 0.5, not 0" in one_line(capsys)
    file = random_network_file(tmp_path / "some.npz", BANDIT)
    assert cli("export", file, "--to", "brian2", "--task", 6) == 2
    assert "--task" in one_line(capsys)
    assert cli("export", file, "--to", "nir", "--task", 1) == 2
    assert "--task is for --to brian2" in one_line(capsys)
    assert cli("export", file, "--to", "onnx") == 2
    assert "onnx" in one_line(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["smooth.npz", "some.npz"]


@pytest.mark.parametrize("package", ["jax", "nir"])
def test_a_missing_package_is_named(
    tmp_path: Path,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = random_network_file(tmp_path / "some.npz", BANDIT)
    monkeypatch.setitem(sys.modules, package, None)
    assert cli("export", file, "--to", "nir") == 3
    extra = {"jax": "lsnn", "nir": "nir"}[package]
    assert f"pip install 'spikeloop[{extra}]'" in one_line(capsys)
