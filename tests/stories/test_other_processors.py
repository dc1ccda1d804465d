"""The same numbers on every kind of processor, or a warning."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.old_processor import old_processor_environment, x86_only
from support.paths import OWN_CLASSES, TESTS
from support.small_run import (
    RecordingReporter,
    assert_same_contents,
    small_config,
    small_toml,
    start_config,
)

from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.search.processor_mix import mixed
from spikeloop.coordinator.store import run_folder
from spikeloop.coordinator.store.run_folder import RunFolder, warn_of_changes
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers import evaluate
from spikeloop.workers.processor import kernels, label, portable

pytestmark = pytest.mark.usefixtures("without_figures")
ELSEWHERE = "nehalem/SSE42/Nehalem/glibc2.17"
ECHO = {"kind": "failing_learner:Echo"}
"""A learner that does not say that its numbers are portable."""
CHILD = """
import sys
from pathlib import Path
from support.small_run import start_config
from spikeloop.coordinator.config.load import load
start_config(load(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def run_on_an_old_processor(config: Path, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-c", CHILD, str(config), str(folder)],
        env={**old_processor_environment(), "PYTHONPATH": f"{TESTS}{os.pathsep}{OWN_CLASSES}"},
        check=True,
        timeout=300,
    )
    return folder


CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "tabular-evolution": {
        "strategy": {"kind": "evolution", "optimizer": {"kind": "adam"}, "learning_rate_decay": 0.9}
    },
    "chip-genetic": {
        "learner": {"kind": "chip"},
        "strategy": {"kind": "genetic", "n_elites": 2, "sigma_decay": 0.9},
    },
    "chip-natural_evolution": {
        "learner": {"kind": "chip"},
        "strategy": {"kind": "natural_evolution"},
        "family": {"n_states": 5},
    },
}
SAMPLED = "tabular-evolution"


@x86_only
@pytest.mark.parametrize(
    "name",
    [c if c == SAMPLED else pytest.param(c, marks=pytest.mark.exhaustive) for c in CHANGES],
)
def test_run_on_an_old_processor_has_the_same_bits(name: str, tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml", **CHANGES[name])
    here = start_config(load(config), tmp_path / "here")
    old = run_on_an_old_processor(config, tmp_path / "old")
    assert_same_contents(here, old)
    began = [RunStore(folder).manifest()["machine"]["kernels"]["numpy"] for folder in (here, old)]
    if began[0] == began[1]:
        pytest.skip("this processor is as old as the emulated one")


def notes_of_a_run(folder: Path, **changes: dict[str, Any]) -> list[str]:
    reporter = RecordingReporter()
    start_config(small_config(**changes), folder, reporter)
    return reporter.notes


def test_mix_of_processors_is_noted_once_and_kept_in_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert notes_of_a_run(tmp_path / "here", learner=ECHO) == []
    monkeypatch.setattr(evaluate, "label", lambda: ELSEWHERE)  # as from a worker elsewhere
    (note,) = notes_of_a_run(tmp_path / "run", learner=ECHO)
    assert f"({ELSEWHERE} there, {label()} here)" in note
    episodes = RunStore(tmp_path / "run").table("episodes")
    assert episodes is not None
    assert {worker.split(":")[2] for worker in episodes["worker"].to_pylist()} == {ELSEWHERE}
    assert notes_of_a_run(tmp_path / "portable") == []


def test_the_worker_on_another_processor_is_named() -> None:
    assert "worker far:2 computes" in mixed(f"here:1:{label()}, far:2:{ELSEWHERE}", "echo")
    assert mixed(f"here:1:{label()}", "echo") == ""
    assert mixed("", "echo") == ""  # no worker came back


@pytest.mark.parametrize("learner", [ECHO, {"kind": "tabular_td"}], ids=["echo", "portable"])
def test_resume_on_another_processor_warns_unless_portable(
    learner: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = small_config(learner=learner)
    store = RunStore(start_config(config, tmp_path / "run"))
    here = kernels()
    monkeypatch.setattr(run_folder, "kernels", lambda: {**here, "blas": "Nehalem"})
    warn_of_changes(RunFolder(config, store))
    expected = f"blas (Nehalem here, {here['blas']} there)" if learner is ECHO else ""
    errors = capsys.readouterr().err
    assert expected in errors
    assert bool(errors) == bool(expected)


def test_portable_is_what_all_parts_declare() -> None:
    config = small_config(learner={"kind": "chip"})
    assert portable(config.learner, config.family, config.strategy)
    assert not portable(small_config(learner={"kind": "chip", "mismatch": "routine"}).learner)
    assert not portable(small_config(strategy={"kind": "cma_es"}).strategy)
    assert not portable(config.learner, object())
