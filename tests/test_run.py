"""Whole runs: the same contents whatever happens on the way."""

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from processes import SOON_S, assert_gone, child, folder_of, wait_for
from small import (
    Silent,
    assert_same_contents,
    contents,
    small_config,
    small_tables,
    small_toml,
)

from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.coordinator.cli.main import main
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search import racing, run_session
from spikeloop.coordinator.search.commits import Commits
from spikeloop.coordinator.store.manifest import read_config
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify
from spikeloop.workers.job import Grid

pytestmark = pytest.mark.usefixtures("undrawn")


def start(config: RunConfig, folder: Path, reporter: Any = None) -> Path:
    run_session.start(config, folder, reporter or Silent(), StopSignal())
    return folder


def resume(folder: Path) -> None:
    store = RunStore.open(folder)
    run_session.resume(read_config(store), store, Silent(), StopSignal())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(small_config(), tmp_path_factory.mktemp("undisturbed") / "small")


def test_run_leaves_every_table_and_verifies(undisturbed: Path) -> None:
    tables = contents(undisturbed)
    assert {name: len(table) for name, table in tables.items()} == {
        "generations": 3,
        "candidates": 18,
        "episodes": 72,
        "curves": 12,  # before the search, after generations 2 and 3
        "transfer": 30,
    }
    assert verify(RunStore(undisturbed)).problems == []


def test_same_seed_same_contents(undisturbed: Path, tmp_path: Path) -> None:
    assert_same_contents(start(small_config(), tmp_path / "small"), undisturbed)


def test_other_seed_other_contents(undisturbed: Path, tmp_path: Path) -> None:
    other = start(small_config(run={"seed": 8}), tmp_path / "small")
    with pytest.raises(AssertionError):
        assert_same_contents(other, undisturbed)


def test_tile_shape_changes_no_episode(undisturbed: Path, tmp_path: Path) -> None:
    changes = {"tile_candidates": 5, "tile_tasks": 3}
    assert_same_contents(start(small_config(run=changes), tmp_path / "small"), undisturbed)


def test_held_out_tasks_are_never_those_of_the_search(undisturbed: Path) -> None:
    tables = contents(undisturbed)
    searched = set(tables["episodes"]["optimal"])
    assert searched.isdisjoint(tables["transfer"]["optimal"])
    assert searched.isdisjoint(tables["curves"]["optimal"])
    assert set(tables["curves"]["optimal"]).isdisjoint(tables["transfer"]["optimal"])


class Crash(BaseException):
    """A process that is gone at this point."""


def test_crash_at_every_rename_then_resume(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run dies at its first rename, is resumed and dies at the second, and so on to the end."""
    replace, folder = os.replace, tmp_path / "small"
    deaths = 0

    def crash_before(source: Any, target: Any) -> None:
        if Path(target).name not in survived:
            survived.add(Path(target).name)
            raise Crash
        replace(source, target)

    survived = {"run.json"}  # without it there is no run to resume
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", crash_before)
        while True:
            try:
                if folder.exists():
                    resume(folder)
                else:
                    start(small_config(), folder)
                break
            except Crash:
                deaths += 1
    assert deaths >= 8
    assert_same_contents(folder, undisturbed)
    assert verify(RunStore(folder)).problems == []


def test_interrupt_between_jobs_then_resume(undisturbed: Path, tmp_path: Path) -> None:
    stop = StopSignal()

    class Interrupting(Silent):
        def generation(self, report: object) -> None:
            stop.requested = True

    with pytest.raises(Interrupted):
        run_session.start(small_config(), tmp_path / "small", Interrupting(), stop)
    assert RunStore(tmp_path / "small").generation() == 1
    resume(tmp_path / "small")
    assert_same_contents(tmp_path / "small", undisturbed)


# --- several generations to a commit ----------------------------------------------------------

TOGETHER: dict[str, Any] = {"run": {"generations": 8}, "transfer": {"monitor_every": 6}}


def together(every: int, **changes: dict[str, Any]) -> RunConfig:
    """Eight generations, held-out scores after 6 and 8, so many generations to a commit."""
    whole = {**TOGETHER, **changes}
    return small_config(**{**whole, "run": {**whole["run"], "commit_every": every}})


def committed(folder: Path) -> list[int]:
    """Generations with a state, which are those with parts."""
    store = RunStore(folder)
    states = [number for _, number in store.states()]
    for name in ("episodes", "candidates", "generations"):
        assert [number for _, number in store.parts(name)] == states[1:]
    return states


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(together(1), tmp_path_factory.mktemp("one_by_one") / "small")


@pytest.mark.parametrize(
    ("every", "states"), [(3, [0, 3, 6, 8]), (4, [0, 4, 6, 8]), (100, [0, 6, 8])]
)
def test_generations_that_are_written_together_are_the_same(
    one_by_one: Path, tmp_path: Path, every: int, states: list[int]
) -> None:
    told: list[int] = []

    class Telling(Silent):
        def generation(self, report: Any) -> None:
            told.append(report.generation)

    folder = start(together(every), tmp_path / "small", Telling())
    assert committed(folder) == [0, *told] == states
    assert_same_contents(folder, one_by_one)
    assert verify(RunStore(folder)).problems == []
    resume(folder)
    assert_same_contents(folder, one_by_one)


@pytest.mark.parametrize("every", [3, 100])
def test_crash_at_every_file_of_every_commit_then_resume(
    one_by_one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """Each file is published twice: the process dies before the first time."""
    replace, folder = os.replace, tmp_path / "small"
    survived: set[tuple[str, str]] = set()
    deaths = 0

    def crash_before(source: Any, target: Any) -> None:
        place = Path(target).parent.name, Path(target).name
        if place not in survived and place[1] != "run.json":
            survived.add(place)
            raise Crash
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", crash_before)
        while True:
            try:
                resume(folder) if folder.exists() else start(together(every), folder)
                break
            except Crash:
                deaths += 1
    assert deaths >= 12
    assert_same_contents(folder, one_by_one)
    assert verify(RunStore(folder)).problems == []


@pytest.mark.parametrize("episodes_done", range(1, 8))
def test_crash_between_commits_then_resume(
    one_by_one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, episodes_done: int
) -> None:
    """The process is gone while the episodes of a generation are run, with nothing written then."""

    class Dying(Silent):
        def started(self, what: str, n_episodes: int) -> None:
            if what.startswith(f"generation {episodes_done + 1}/"):
                raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(Commits, "write", dead_after_a_crash(Commits.write))
        with pytest.raises(Crash):
            start(together(3), tmp_path / "small", Dying())
    # The generation before was told, but its commit waits until the workers are busy.
    assert committed(tmp_path / "small") == [g for g in (0, 3, 6) if g < episodes_done]
    assert verify(RunStore(tmp_path / "small")).problems == []
    resume(tmp_path / "small")
    assert committed(tmp_path / "small") == [0, 3, 6, 8]
    assert_same_contents(tmp_path / "small", one_by_one)


def dead_after_a_crash(write: Any) -> Any:
    """A method that does nothing once the process should be gone."""

    def method(self: Commits) -> None:
        if not isinstance(sys.exception(), Crash):
            write(self)

    return method


@pytest.mark.parametrize("after", range(1, 8))
def test_interrupt_writes_what_waits_then_resume(
    one_by_one: Path, tmp_path: Path, after: int
) -> None:
    stop = StopSignal()

    class Interrupting(Silent):
        def started(self, what: str, n_episodes: int) -> None:
            stop.requested = what.startswith(f"generation {after + 1}/")

    with pytest.raises(Interrupted):
        run_session.start(together(3), tmp_path / "small", Interrupting(), stop)
    assert committed(tmp_path / "small")[-1] == after
    assert verify(RunStore(tmp_path / "small")).problems == []
    resume(tmp_path / "small")
    assert committed(tmp_path / "small") == sorted({0, 3, 6, 8, after})
    assert_same_contents(tmp_path / "small", one_by_one)
    assert verify(RunStore(tmp_path / "small")).problems == []


def test_a_rule_that_ends_a_search_writes_what_waits(tmp_path: Path) -> None:
    changes = {"stop": {"episodes": 5 * 24}, "transfer": {"monitor_every": 0}}
    folder = start(together(3, **changes), tmp_path / "small")
    assert committed(folder) == [0, 3, 5]
    assert verify(RunStore(folder)).problems == []
    assert_same_contents(start(together(1, **changes), tmp_path / "other" / "small"), folder)


@pytest.mark.parametrize("after", [-1, 0, 4, 6, 7])
def test_going_back_between_two_commits_leaves_the_earlier_one(
    one_by_one: Path, tmp_path: Path, after: int
) -> None:
    folder, notes = start(together(3), tmp_path / "small"), []

    class Noting(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    store = RunStore.open(folder)
    run_session.resume(read_config(store), store, Noting(), StopSignal(), after=after)
    left = max(g for g in (-1, 0, 3, 6) if g <= after)
    assert notes[0].startswith(f"went back from generation 8 to {left};")
    assert_same_contents(folder, one_by_one)


# --- gradients and stages ---------------------------------------------------------------------


def ascending(every: int) -> RunConfig:
    """Follows gradients on easier tasks first."""
    curriculum = [{"until": 0.5, "family": {"n_steps": 10}}]
    run = {"generations": 8, "commit_every": every, "curriculum": curriculum, "tile_tasks": 3}
    tables = small_tables(run=run, transfer={"monitor_every": 6})
    tables |= {"strategy": {"kind": "slope:Ascent"}, "learner": {"kind": "slope:Slope"}}
    return parse(tables, "small.toml", Path(__file__).parent)


def test_a_search_by_gradients_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    undisturbed = start(ascending(1), tmp_path / "undisturbed" / "small")
    store, stop = RunStore(undisturbed), StopSignal()

    class Interrupting(Silent):
        def started(self, what: str, n_episodes: int) -> None:
            stop.requested = what.startswith("generation 5/")

    with pytest.raises(Interrupted):
        run_session.start(ascending(3), tmp_path / "small", Interrupting(), stop)
    resume(tmp_path / "small")
    assert_same_contents(tmp_path / "small", undisturbed)
    assert verify(store).problems == verify(RunStore(tmp_path / "small")).problems == []
    scores = [row["held_out_score"] for row in store.rows()]
    assert scores[7] > scores[5]


def test_progress_and_family_of_each_generation_reach_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, tuple[int, float, bool]] = {}
    race = racing.race

    def seeing(pool: Any, grid: Grid, *arguments: Any) -> Any:
        seen[grid.index] = (grid.family.interface.n_steps, grid.progress, grid.gradient)
        return race(pool, grid, *arguments)

    monkeypatch.setattr(racing, "race", seeing)
    folder = start(ascending(1), tmp_path / "small")
    assert seen == {g: (10 if g < 5 else 60, (g - 1) / 8, True) for g in range(1, 9)}
    tables = contents(folder)
    optimal = tables["episodes"].groupby("generation")["optimal"].max()
    assert optimal[optimal.index < 5].max() <= 10 < tables["curves"]["optimal"].min()


def test_finished_run_can_be_resumed_without_change(undisturbed: Path, tmp_path: Path) -> None:
    folder = start(small_config(), tmp_path / "small")
    resume(folder)
    assert_same_contents(folder, undisturbed)


def test_too_many_failures_end_the_run_with_one_traceback(tmp_path: Path) -> None:
    config = small_config(learner={"kind": "faulty:Echo", "fault": "raise", "broken_from": 0.0})
    with pytest.raises(RunFailed, match=r"24 of 24 episodes failed \(24 raised\)") as error:
        start(config, tmp_path / "small")
    assert "Traceback" in error.value.traceback


# --- with Ray ---------------------------------------------------------------------------------


def local(workers: int) -> dict[str, Any]:
    return {"kind": "local", "workers": workers, "dashboard": False}


@pytest.mark.ray
@pytest.mark.parametrize("workers", [1, 2])
def test_number_of_workers_changes_nothing(undisturbed: Path, tmp_path: Path, workers: int) -> None:
    config = small_config(target=local(workers))
    assert_same_contents(start(config, tmp_path / "small"), undisturbed)


@pytest.mark.ray
def test_killed_worker_changes_nothing(undisturbed: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    class Killing(Silent):
        """Kills one worker when the first episodes of the second generation are in."""

        searching = False

        def started(self, what: str, n_episodes: int) -> None:
            self.searching = what.startswith("generation 2")

        def episodes_done(self, n_episodes: int) -> None:
            if self.searching and not killed:
                worker = workers_of(os.getpid())[0]
                worker.kill()
                killed.append(worker.pid)

    folder = start(small_config(target=local(2)), tmp_path / "small", Killing())
    assert killed
    assert_same_contents(folder, undisturbed)


def workers_of(pid: int) -> list[psutil.Process]:
    """The worker processes below a process: Ray names each after its actor, or what it runs now."""
    others = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # Ray starts short-ran helpers too
            title = "".join(process.cmdline()[:1])
            if title.startswith("ray::") and not title.startswith(others):
                found.append(process)
    return found


def spikeloop(
    arguments: list[str], cwd: Path, **options: Any
) -> AbstractContextManager[subprocess.Popen[str]]:
    return child(["-m", "spikeloop.coordinator.cli", *arguments], cwd, **options)


# Some seconds, so that a signal hits the run at work even if this process is slow to send it.
LONG = {"run": {"generations": 40}, "family": {"n_steps": 20_000}}
ENDLESS = {**LONG, "run": {"generations": 100_000}}


@pytest.mark.ray
def test_coordinator_killed_then_resumed_equals_undisturbed(tmp_path: Path) -> None:
    changes = {**LONG, "target": local(2)}
    small_toml(tmp_path / "small.toml", **changes)
    folder = tmp_path / "killed" / "small"
    with spikeloop(["run", "small.toml", "--out", "killed"], tmp_path) as process:
        # The episodes of generation 3 are written, its state perhaps not: the middle of a commit.
        wait_for(process, (folder / "episodes" / "part-000003.parquet").exists)
        workers = workers_of(process.pid)
        family = psutil.Process(process.pid).children(recursive=True)
        names = {p.name() for p in family}
        folder_of_ray = folder_of(family)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert workers  # one or both: the search begins with the first that is ready
    assert names > {"raylet", "gcs_server", "ray::DashboardAgent", "ray::RuntimeEnvAgent"}
    assert_gone(family, "outlived their coordinator", SOON_S)
    assert not folder_of_ray.exists()
    assert 2 <= RunStore(folder).generation() < 40
    with spikeloop(["resume", "killed/small", "--inline"], tmp_path) as resumed:
        output = resumed.communicate()
    assert resumed.returncode == 0, output
    undisturbed = start(small_config(**LONG), tmp_path / "undisturbed")
    assert_same_contents(folder, undisturbed)


@pytest.mark.ray
@pytest.mark.parametrize("sent", ["SIGTERM", "SIGINT", "SIGHUP", "Ctrl-C"])
@pytest.mark.parametrize("target", ["local", "inline"])
def test_signal_ends_a_run_resumably(tmp_path: Path, sent: str, target: str) -> None:
    """A process manager tells the coordinator alone; Ctrl-C reaches every process of the run."""
    changes = {**ENDLESS, "target": local(2) if target == "local" else {"kind": "inline"}}
    small_toml(tmp_path / "small.toml", **changes)
    folder = tmp_path / "small"
    arguments = ["run", "small.toml", "--out", "."]
    with spikeloop(arguments, tmp_path, start_new_session=True) as process:
        wait_for(process, (folder / "state" / "000001.npz").exists)
        family = psutil.Process(process.pid).children(recursive=True)
        folder_of_ray = folder_of(family) if target == "local" else tmp_path / "none"
        if sent == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.Signals[sent])
        output, errors = process.communicate()
    assert process.returncode == 4, (output, errors)
    assert errors.count("\n") == 1, errors
    assert "resume with: spikeloop resume small" in errors
    assert "Traceback" not in output + errors
    assert_gone(family, "outlived their run")
    assert not folder_of_ray.exists()
    assert verify(RunStore(folder)).problems == []


def test_a_cluster_that_cannot_start_is_exit_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ray

    def no_socket(**settings: Any) -> None:
        raise ConnectionError("no free port\nand many more lines")

    monkeypatch.setattr(ray, "init", no_socket)
    config = small_toml(tmp_path / "small.toml", target=local(2))
    with pytest.raises(SystemExit) as exit_:
        main(["run", str(config), "--out", str(tmp_path)])
    assert exit_.value.code == 3
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors == (
        "spikeloop: Ray cannot be started on this machine: no free port; run `spikeloop doctor`\n"
    )
    assert not (tmp_path / "small").exists()
