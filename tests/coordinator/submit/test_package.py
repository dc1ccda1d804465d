"""What is sent to a cluster with a run, and what the code there is compared with."""

import json
import shlex
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from support.command_line import printed
from support.small_run import small_toml
from support.submitted_folder import folder_to_submit

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator.api.configure_any import submission
from spikeloop.coordinator.cli import job
from spikeloop.coordinator.config.load import load, overrides
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.submit import package as packages
from spikeloop.coordinator.submit.package import (
    entrypoint,
    options_of_job,
    pack,
)
from spikeloop.coordinator.submit.submission import config_digest
from spikeloop.workers.chip.calibration.published import CELLS
from spikeloop.workers.fingerprint import fingerprint


def contents(package: Path) -> set[str]:
    with zipfile.ZipFile(package) as archive:
        return set(archive.namelist())


def test_package_holds_own_classes_without_ignored_files_and_runs(tmp_path: Path) -> None:
    config = folder_to_submit(tmp_path, "packed_echo")
    package = tmp_path.parent / "own.zip"
    code = pack(submission(config), package)
    assert contents(package) == {".gitignore", ".rayignore", "packed_echo.py", "own run.toml"}
    assert code.keys() == {*fingerprint(), "own classes"}
    (tmp_path / "secret.py").write_text("never seen there")
    assert pack(submission(config), tmp_path.parent / "again.zip") == code
    (tmp_path / "packed_echo.py").write_text("changed = 1")
    assert pack(submission(config), tmp_path.parent / "other.zip") != code


def test_package_without_own_classes_holds_the_configuration_alone(tmp_path: Path) -> None:
    (tmp_path / "data.bin").touch()
    config = small_toml(tmp_path / "it's $HOME.toml")
    package = tmp_path.parent / "alone.zip"
    assert pack(submission(config), package) == fingerprint()
    assert contents(package) == {"it's $HOME.toml"}
    command = entrypoint(replace(submission(config), sets=("strategy.sigma=0.1; rm -rf /",)))
    assert "'./it'\"'\"'s $HOME.toml' --set 'strategy.sigma=0.1; rm -rf /'" in command
    assert "--workers" not in command
    assert entrypoint(submission(config), 3).endswith(" --workers 3")


def test_a_job_needs_no_calibration_file_and_sees_no_change_of_it(tmp_path: Path) -> None:
    cells: dict[str, int] = dict.fromkeys(CELLS, 500) | {"v_leak": 450}
    neurons = [cells | {"i_refr": 200 + 3 * i, "i_bias_leak": 61 + i} for i in range(32)]
    file, moved = tmp_path / "lab.json", tmp_path / "moved.json"
    file.write_text(json.dumps({"global_params": {"v_reset": 330}, "neuron_params": neurons}))
    path = small_toml(
        tmp_path / "chip.toml", learner={"kind": "chip", "calibration_file": "lab.json"}
    )
    config, sent = load(path), submission(path)
    file.rename(moved)
    for sets in ((), ('learner.calibration_file="lab.json"', "run.seed=7")):
        words = shlex.split(entrypoint(replace(sent, sets=sets)))
        assert load(path, overrides(words[words.index("--set") + 1 :: 2])) == config
    renamed = 'learner.calibration_file="moved.json"'
    options = "--nodes=1", "--time=60", "--print", "--out", tmp_path
    script = printed("slurm", path, *options, "--set", renamed)
    assert shlex.join(options_of_job(sent)) in script
    assert config_digest(load(path, overrides([renamed]))) == config_digest(config)


def test_folder_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "LARGEST_PACKAGE", 1000)
    config = folder_to_submit(tmp_path, "large_echo")
    with pytest.raises(ConfigError, match=r"at most 0 are sent.*\.rayignore there"):
        pack(submission(config), tmp_path.parent / "large.zip")


def test_digest_ignores_what_changes_no_result(tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    same = load(config, {"target.kind": "local"})
    assert config_digest(load(config)) == config_digest(same)
    assert config_digest(load(config)) != config_digest(load(config, {"run.seed": 8}))


def test_other_libraries_are_a_warning_and_other_code_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.require_same_code({**fingerprint(), "numpy": "1.0"})
    assert "other versions than the machine that submitted: numpy (" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PoolError, match=r"other code .* own classes"):
        job.require_same_code({**fingerprint(), "own classes": "0123456789ab"})
