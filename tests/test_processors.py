"""The same numbers on every kind of processor, or a warning."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from emulated import old_processor, x86_only
from small import Silent, assert_same_contents, small_config, small_toml

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.search.processor_mix import mixed
from spikeloop.coordinator.store import manifest
from spikeloop.coordinator.store.manifest import warn_of_processor
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers import evaluate
from spikeloop.workers.processor import kernels, label, portable

ELSEWHERE = "nehalem/SSE42/Nehalem/glibc2.17"

CHILD = """
import sys
from pathlib import Path
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.search import run_session
from small import Silent
loaded = load(Path(sys.argv[1]), {})
run_session.start(loaded, Path(sys.argv[2]), Silent(), StopSignal())
"""


def run_in_child(config: Path, folder: Path, environment: dict[str, str]) -> Path:
    """A whole run in a process of its own."""
    path = str(Path(__file__).parent)
    subprocess.run(
        [sys.executable, "-c", CHILD, str(config), str(folder)],
        env={**environment, "PYTHONPATH": path},
        check=True,
        timeout=300,
    )
    return folder


def without_choices() -> dict[str, str]:
    """This process's environment with the processor's own kernels."""
    chosen = {"OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "GLIBC_TUNABLES", "NUMBA_CPU_NAME"}
    return {name: value for name, value in os.environ.items() if name not in chosen}


@x86_only
@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": {"kind": "evolution", "optimizer.kind": "adam", "learning_rate_decay": 0.9}},
        {"strategy": {"kind": "natural_evolution"}, "family": {"n_states": 5}},
        {
            "learner": {"kind": "chip"},
            "strategy": {"kind": "genetic", "n_elites": 2, "sigma_decay": 0.9},
        },
    ],
    ids=["tabular-evolution", "tabular-natural_evolution", "chip-genetic"],
)
def test_a_run_on_an_old_processor_has_the_same_bits(
    changes: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    config = small_toml(tmp_path / "small.toml", **changes)
    here = run_in_child(config, tmp_path / "here", without_choices())
    old = run_in_child(config, tmp_path / "old", old_processor())
    assert_same_contents(here, old)
    began = [RunStore(folder).manifest()["machine"]["kernels"]["numpy"] for folder in (here, old)]
    if began[0] == began[1]:
        pytest.skip("this processor is as old as the emulated one")


class Notes(Silent):
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def notes_of_a_run(folder: Path, **changes: dict[str, Any]) -> list[str]:
    reporter = Notes()
    run_session.start(small_config(**changes), folder, reporter, StopSignal())
    return reporter.notes


@pytest.fixture
def workers_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Episodes come with the name of other kernels, as from a worker on an old machine."""
    monkeypatch.setattr(evaluate, "label", lambda: ELSEWHERE)


@pytest.mark.usefixtures("undrawn_here", "workers_elsewhere")
def test_a_mix_of_processors_is_said_once_a_run_and_stands_in_its_tables(tmp_path: Path) -> None:
    (note,) = notes_of_a_run(tmp_path / "run", learner={"kind": "faulty:Echo"})
    assert f"({ELSEWHERE} there, {label()} here)" in note
    assert "last bits" in note
    episodes = RunStore(tmp_path / "run").table("episodes")
    assert episodes is not None
    assert {worker.split(":")[2] for worker in episodes["worker"].to_pylist()} == {ELSEWHERE}


@pytest.mark.usefixtures("undrawn_here", "workers_elsewhere")
def test_a_mix_that_changes_no_number_is_not_said(tmp_path: Path) -> None:
    assert notes_of_a_run(tmp_path / "run") == []


@pytest.mark.usefixtures("undrawn_here")
def test_workers_on_the_same_kind_of_processor_are_not_said(tmp_path: Path) -> None:
    assert notes_of_a_run(tmp_path / "run", learner={"kind": "faulty:Echo"}) == []


def test_one_worker_of_several_is_named() -> None:
    workers = f"here:1:{label()}, far:2:{ELSEWHERE}"
    assert "worker far:2 computes" in mixed(workers, "echo")
    assert mixed(f"here:1:{label()}", "echo") == ""
    assert mixed("", "echo") == ""  # no worker came back


@pytest.mark.usefixtures("undrawn_here")
def test_a_run_that_goes_on_on_another_processor_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = kernels()
    for learner, expected in (
        ("faulty:Echo", f"blas (Nehalem here, {here['blas']} there)"),
        ("tabular_td", ""),
    ):
        config = small_config(learner={"kind": learner})
        folder = tmp_path / config.learner.kind
        run_session.start(config, folder, Silent(), StopSignal())
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(manifest, "kernels", lambda: {**here, "blas": "Nehalem"})
            warn_of_processor(RunStore(folder), config)
        errors = capsys.readouterr().err
        assert expected in errors
        assert bool(errors) == bool(expected)


def test_only_what_says_so_is_portable() -> None:
    config = small_config(learner={"kind": "chip"})
    assert portable(config.learner, config.family, config.strategy)
    routine = small_config(learner={"kind": "chip", "mismatch": "routine"})
    assert not portable(routine.learner)
    assert not portable(small_config(strategy={"kind": "cma_es"}).strategy)
    assert not portable(config.learner, object())
