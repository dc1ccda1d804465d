"""A whole run of a Brian2 learner: the same contents in this process and on Ray's workers."""

from pathlib import Path

import pytest
from learner_cases import SETTINGS
from small import Silent, assert_same_contents, contents, small_config

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify


@pytest.mark.ray
@pytest.mark.brian
@pytest.mark.slow
def test_workers_on_ray_live_the_episodes_of_this_process(tmp_path: Path) -> None:
    changes = {
        "family": {"n_steps": 20},
        "learner": {"kind": "brian_td", **SETTINGS["brian_td"]},
        "run": {"generations": 2, "tile_candidates": 3},
        "transfer": {"tasks": 2, "random_points": 1, "monitor_tasks": 2},
    }
    here = small_config(**changes)
    there = small_config(**changes, target={"kind": "local", "workers": 2, "dashboard": False})
    for config, name in ((here, "here"), (there, "there")):
        run_session.start(config, tmp_path / name / "small", Silent(), StopSignal())
    assert_same_contents(tmp_path / "there" / "small", tmp_path / "here" / "small")
    assert verify(RunStore(tmp_path / "there" / "small")).problems == []
    assert contents(tmp_path / "there" / "small")["episodes"]["return"].nunique() > 10
