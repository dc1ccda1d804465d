"""Trackers see each committed generation once, whatever happens, and change no bit of a run."""

import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.command_line import cli, refused
from support.small_run import (
    RecordingReporter,
    SilentReporter,
    assert_same_contents,
    interrupt_run,
    resume_run,
    small_config,
    small_toml,
    start_run,
)

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api import catalogue
from spikeloop.coordinator.comparison import comparison_config
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import run_session, tracking
from spikeloop.coordinator.store.run_folder import read_run, require_same_config
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.submit.submission import config_digest
from spikeloop.coordinator.trackers import TRACKERS
from spikeloop.coordinator.trackers.base import TrackedRun
from spikeloop.workers.base import Unavailable

pytestmark = pytest.mark.usefixtures("without_figures")

ON: dict[str, Any] = {"tracking": {"kinds": ["memory"]}}


class Memory:
    """A tracker that keeps what it is told, by the identity of the run."""

    runs: ClassVar[dict[str, list[tuple[str, int, Mapping[str, float]]]]] = {}
    told: ClassVar[list[TrackedRun]] = []
    fails_at: ClassVar[int] = -1

    def __init__(self, run: TrackedRun, last: int) -> None:
        self.told.append(run)
        self.last = last
        self._kept = self.runs.setdefault(run.identity, [])

    @staticmethod
    def require() -> None: ...

    def log(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        if generation == self.fails_at:
            raise OSError(28, "No space left on device")
        assert when.tzinfo is not None
        self._kept.append(("log", generation, numbers))

    def finish(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        self._kept.append(("finish", generation, numbers))

    def close(self) -> None:
        self._kept.append(("close", 0, {}))


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> type[Memory]:
    monkeypatch.setitem(TRACKERS, "memory", Memory)
    monkeypatch.setattr(Memory, "runs", {})
    monkeypatch.setattr(Memory, "told", [])
    monkeypatch.setattr(Memory, "fails_at", -1)
    return Memory


def logged(past: int = 0) -> list[tuple[str, int]]:
    """What the tracker was told of a past of the run, without numbers."""
    (kept,) = [kept for identity, kept in Memory.runs.items() if identity.endswith(f"-{past}")]
    return [(what, generation) for what, generation, _ in kept if what != "close"]


ALL = [("log", 1), ("log", 2), ("log", 3), ("finish", 3)]


def test_every_generation_is_logged_once_and_the_results_at_the_end(tmp_path: Path) -> None:
    folder = start_run(tmp_path / "small", **ON)
    assert logged() == ALL
    (kept,) = Memory.runs.values()
    store = RunStore(folder)
    for (_, _, numbers), row in zip(kept, store.rows(), strict=False):
        assert numbers["fitness/best"] == row["best"]
        assert numbers["episodes/per_second"] == row["n_episodes"] / row["wall_s"]
        assert numbers.get("held_out/low") == row["held_out_low"]
        assert numbers["strategy/step_norm"] == row["strategy_step_norm"]
    assert [("held_out/score" in numbers) for _, _, numbers in kept[:3]] == [False, True, True]
    run = read_run(store)
    point = run.config.strategy.recommend(run.state_after(2))
    theta = dict(
        zip(run.config.space.columns, run.config.space.decode(point[None]).values[0], strict=True)
    )
    found = {name: value for name, value in kept[1][2].items() if name.startswith("theta/")}
    assert found == {f"theta/{name}": value for name, value in theta.items()}
    ends = kept[3][2]
    assert ends["transfer/learned_low"] <= ends["transfer/learned"] <= ends["transfer/learned_high"]
    assert {
        "transfer/default",
        "transfer/random",
        "transfer/baseline/bandit per state",
    } <= ends.keys()


def test_a_tracker_is_told_the_configuration_without_what_changes_no_result(tmp_path: Path) -> None:
    start_run(tmp_path / "small", **ON)
    (told,) = Memory.told
    assert told.name == "small" and told.project == "spikeloop"
    assert told.parameters["run.generations"] == 3
    assert told.parameters["family.kind"] == "random_mdp"
    assert not any(name.startswith(("target", "tracking")) for name in told.parameters)
    assert "run.upload_to" not in told.parameters


def test_an_interrupted_run_goes_on_without_repeating_or_losing_a_generation(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "small"
    interrupt_run(folder, "generation 3", small_config(**ON))
    assert logged() == ALL[:2]
    resume_run(folder)
    assert logged() == ALL
    resume_run(folder)
    assert logged() == ALL


def test_a_run_that_was_not_tracked_is_logged_whole_when_it_is_resumed_with_a_tracker(
    tmp_path: Path,
) -> None:
    folder = start_run(tmp_path / "small")
    assert Memory.runs == {}
    assert cli("resume", folder, "--track", "memory") == 0
    assert logged() == ALL


def test_a_run_that_went_back_has_a_new_past_in_the_tracker(tmp_path: Path) -> None:
    folder = start_run(tmp_path / "small", **ON)
    resume_run(folder, after=1)
    assert logged(0) == logged(1) == ALL


def test_generations_that_are_committed_together_are_all_logged(tmp_path: Path) -> None:
    changes = {"run": {"commit_every": 3}, "transfer": {"monitor_every": 0}, **ON}
    start_run(tmp_path / "small", **changes)
    assert logged() == ALL
    (kept,) = Memory.runs.values()
    with_theta = [any(name.startswith("theta/") for name in numbers) for _, _, numbers in kept[:3]]
    assert with_theta == [False, False, True]


def test_trackers_change_no_bit_of_a_run(tmp_path: Path) -> None:
    start_run(tmp_path / "tracked" / "small", **ON)
    start_run(tmp_path / "plain" / "small")
    assert_same_contents(tmp_path / "tracked" / "small", tmp_path / "plain" / "small")
    assert cli("verify", tmp_path / "tracked" / "small") == 0


def test_a_tracker_that_fails_is_named_once_and_catches_up_on_resuming(
    tmp_path: Path, memory: type[Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter = RecordingReporter()
    monkeypatch.setattr(memory, "fails_at", 2)
    folder = start_run(tmp_path / "small", reporter, **ON)
    (note,) = reporter.notes
    assert note.startswith("the tracker memory failed and is left alone (OSError:")
    assert "No space left on device" in note
    assert logged() == ALL[:1]
    monkeypatch.setattr(memory, "fails_at", -1)
    resume_run(folder)
    assert logged() == ALL


class Stuck(Memory):
    """A tracker whose server never answers."""

    def log(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        release.wait()


release = threading.Event()


def test_a_tracker_that_hangs_holds_no_run_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRACKERS, "memory", Stuck)
    monkeypatch.setattr(tracking, "PATIENCE_S", 0.01)
    reporter = RecordingReporter()
    try:
        start_run(tmp_path / "small", reporter, **ON)
        assert reporter.notes == [
            "the tracker memory is slow and behind; what it misses is logged when the run is "
            "resumed"
        ]
    finally:
        release.set()


def test_a_tracker_that_is_not_installed_is_found_before_anything_is_written(
    tmp_path: Path, memory: type[Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise Unavailable("the tracker memory needs nothing")

    monkeypatch.setattr(memory, "require", missing)
    with pytest.raises(Unavailable, match="needs nothing"):
        start_run(tmp_path / "small", **ON)
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize("kind", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_package_is_one_line_with_what_to_install(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikeloop.coordinator.trackers.base.find_spec", lambda name: None)
    config = small_toml(tmp_path / "small.toml")
    line = refused("run", config, "--out", tmp_path, "--track", kind, code=3)
    assert f"pip install 'spikeloop[{kind}]'" in line
    assert not (tmp_path / "small").exists()


# The table of the configuration


def test_an_unknown_tracker_is_refused_with_those_there_are(tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml", tracking={"kinds": ["aim"]})
    line = refused("run", config, "--out", tmp_path)
    assert "[tracking]" in line and "tensorboard, wandb, mlflow" in line
    config = small_toml(tmp_path / "small.toml")
    assert "[tracking]" in refused("run", config, "--out", tmp_path, "--track", "aim")


def test_trackers_belong_to_no_digest_and_may_change_when_a_run_is_resumed(tmp_path: Path) -> None:
    assert config_digest(small_config()) == config_digest(small_config(**ON))
    folder = start_run(tmp_path / "small")
    require_same_config(RunStore.open(folder), small_config(**ON))


def test_a_folders_word_alone_sends_nothing_elsewhere(tmp_path: Path) -> None:
    folder = start_run(tmp_path / "small", **ON)
    line = refused("resume", folder)
    assert "would send its numbers to your memory" in line and "--trust" in line
    assert cli("resume", folder, "--track", "memory") == 0
    assert cli("resume", folder, "--trust") == 0


def test_a_comparison_is_not_tracked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[tracking\]; trackers show single runs"):
        comparison_config.parse({"comparison": {}, "tracking": {}}, "some.toml", None)


def test_the_list_has_the_table() -> None:
    (about,) = [entry for entry in catalogue.entries() if entry["kind"] == "[tracking]"]
    assert [setting["key"] for setting in about["settings"]] == ["kinds", "project"]


def test_no_tracker_opens_a_run_that_never_begins(tmp_path: Path) -> None:
    config = small_config(**ON, stop={"episodes": 1})
    with pytest.raises(ConfigError):
        run_session.start(config, tmp_path / "small", SilentReporter(), StopSignal())
    assert Memory.told == []
