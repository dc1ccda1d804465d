"""Runs on Ray's workers hold what runs in this process hold."""

import os
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import worker_processes
from support.command_line import refused
from support.learner_cases import SETTINGS
from support.small_run import (
    SilentReporter,
    assert_same_contents,
    run_tables,
    small_config,
    small_toml,
    start_config,
)

from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("without_figures")]


def local(workers: int) -> dict[str, Any]:
    return {"kind": "local", "workers": workers, "dashboard": False}


@pytest.mark.exhaustive
@pytest.mark.parametrize("workers", [1, 2])
def test_number_of_workers_changes_nothing(
    finished_run: Path, tmp_path: Path, workers: int
) -> None:
    config = small_config(target=local(workers))
    assert_same_contents(start_config(config, tmp_path / "small"), finished_run)


def test_killed_worker_changes_nothing(finished_run: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    class Killing(SilentReporter):
        """Kill one worker when the first episodes of the second generation are in."""

        searching = False

        def started(self, what: str, n_episodes: int) -> None:
            self.searching = what.startswith("generation 2")

        def episodes_done(self, n_episodes: int) -> None:
            if self.searching and not killed:
                worker = worker_processes(os.getpid())[0]
                worker.kill()
                killed.append(worker.pid)

    folder = start_config(small_config(target=local(2)), tmp_path / "small", Killing())
    assert killed
    assert_same_contents(folder, finished_run)


@pytest.mark.exhaustive
@pytest.mark.brian
def test_brian_networks_on_ray_give_the_episodes_of_this_process(tmp_path: Path) -> None:
    changes = {
        "family": {"n_steps": 20},
        "learner": {"kind": "brian_td", **SETTINGS["brian_td"]},
        "run": {"generations": 2, "tile_candidates": 3},
        "transfer": {"tasks": 2, "random_points": 1, "monitor_tasks": 2},
    }
    here = start_config(small_config(**changes), tmp_path / "here" / "small")
    there = start_config(small_config(**changes, target=local(2)), tmp_path / "there" / "small")
    assert_same_contents(there, here)
    assert verify(RunStore(there)).problems == []
    assert run_tables(there)["episodes"]["return"].nunique() > 10


def test_cluster_that_cannot_start_is_exit_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    def no_socket(**settings: Any) -> None:
        raise ConnectionError("no free port\nand many more lines")

    monkeypatch.setattr(ray, "init", no_socket)
    config = small_toml(tmp_path / "small.toml", target=local(2))
    errors = refused("run", config, "--out", tmp_path, code=3)
    assert "no free port; run `spikeloop doctor`" in errors
    assert "many more lines" not in errors
    assert not (tmp_path / "small").exists()
