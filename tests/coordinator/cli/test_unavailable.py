"""A learner whose package is not installed: one line and exit code 3, never failed episodes."""

import shutil
import sys
from pathlib import Path

import pytest
import tomli_w
from failing_learner import Echo, Fault
from support import small_comparison
from support.command_line import answer, cli, printed, run_command
from support.paths import OWN_CLASSES
from support.small_run import SilentReporter, small_tables, small_toml
from unavailable_learner import LINE, Lacking

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.inline import Inline
from spikeloop.cluster.targets.local import Local
from spikeloop.cluster.targets.ray_cluster import RayCluster
from spikeloop.coordinator.api import catalogue as listing
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.search.worker_pool import open_workers
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.base import Learner
from spikeloop.workers.evaluate import rehearse
from spikeloop.workers.job import Grid, Job, Tile
from spikeloop.workers.seeding import TaskSet


def job(learner: Learner) -> Job:
    family = RandomMdp(n_states=2, n_actions=2, n_steps=5)
    point = Explicit(Echo().space(family.interface).default_point()[None, :])
    return Job(Grid(family, learner, point, 1, 1, TaskSet.PLAN, 0), Tile(0, 1, 0, 1))


found_in_each = pytest.mark.parametrize(
    "found_in", [pytest.param("space", marks=pytest.mark.exhaustive), "run_episodes"]
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds the learner, its configuration, and later its package."""
    for name in ("unavailable_learner.py", "failing_learner.py"):
        shutil.copy(OWN_CLASSES / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(folder: Path, found_in: str) -> None:
    package = str(folder / "spikes")
    learner = {"kind": "unavailable_learner:Lacking", "package": package, "found_in": found_in}
    small_toml(folder / "small.toml", learner=learner, run={"generations": 1})


@found_in_each
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_run_that_cannot_begin_leaves_nothing(folder: Path, command: str, found_in: str) -> None:
    configure(folder, found_in)
    assert run_command(command, "small.toml") == (3, "", f"spikeloop: {LINE}\n")
    assert not list(folder.glob("runs/*"))


@found_in_each
def test_a_run_resumes_once_the_package_is_installed(folder: Path, found_in: str) -> None:
    configure(folder, found_in)
    (folder / "spikes").touch()
    assert cli("run", "small.toml") == 0
    next((folder / "runs" / "small" / "transfer").iterdir()).unlink()  # still to be run
    (folder / "spikes").unlink()
    for command in (["resume", "runs/small"], ["transfer", "runs/small", "--seed", "4"]):
        code, output, errors = run_command(*command)
        assert (code, errors.count("\n")) == (3, 1)
        assert "generation 1/1" not in output
        assert "transfer" not in output
        assert errors.startswith(f"spikeloop: {LINE}")
    (folder / "spikes").touch()
    assert cli("resume", "runs/small") == 0
    assert cli("verify", "runs/small") == 0


@found_in_each
def test_a_comparison_fails_with_the_same_line(folder: Path, found_in: str) -> None:
    small_comparison.comparison_toml(folder / "compared.toml")
    text = (folder / "compared.toml").read_text()
    own = f'kind = "unavailable_learner:Lacking"\nfound_in = "{found_in}"'
    (folder / "compared.toml").write_text(text.replace('kind = "tabular_td"', own))
    code, output, errors = run_command("compare", "compared.toml")
    assert (code, errors.count("\n")) == (3, 1)
    assert errors.startswith(f"spikeloop: {LINE}")
    assert "episodes" not in output


def test_the_list_shows_the_other_learners_and_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(listing.TABLES["learners"], "lacking", Lacking)
    entries = {entry["kind"]: entry for entry in answer("list", "learners")}
    assert entries["lacking"]["unavailable"] == LINE
    assert entries["lacking"]["hyperparameters"] == []
    assert entries["tabular_td"]["unavailable"] == ""
    assert entries["tabular_td"]["hyperparameters"]
    shown = printed("list", "learners")
    assert "learners: lacking\n  Episodes if there is the file" in shown
    assert f"  not here: {LINE}\n" in shown


def test_only_a_missing_package_breaks_the_warm_up(tmp_path: Path) -> None:
    lacking = job(Lacking(found_in="run_episodes"))
    with pytest.raises(PoolError, match=f"^{LINE}$"), Inline().open([lacking], StopSignal(), None):
        pass
    (tmp_path / "spikes").touch()
    rehearse(job(Lacking(package=str(tmp_path / "spikes"))))
    faults: tuple[Fault, ...] = ("raise", "sys_exit", "memory_error", "nan")
    for fault in faults:
        rehearse(job(Echo(fault=fault, broken_from=0.0)))


@pytest.mark.parametrize(
    ("learner", "family", "module", "line"),
    [
        ("lsnn", "bandit", "jax", "lsnn needs JAX: pip install 'spikeloop[lsnn]'"),
        ("brian_td", "bandit", "brian2", "brian_td needs Brian2: pip install 'spikeloop[brian]'"),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_missing_extra_is_found_before_a_cluster_is_started(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    learner: str,
    family: str,
    module: str,
    line: str,
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Local, "open", lambda *arguments: started.append("a cluster"))
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    tables = {**small_tables(), "family": {"kind": family}, "learner": {"kind": learner}}
    config = tmp_path / "small.toml"
    config.write_text(tomli_w.dumps({**tables, "target": {"kind": "local"}}))
    monkeypatch.chdir(tmp_path)
    assert run_command(command, config) == (3, "", f"spikeloop: {line}\n")
    assert not started
    assert not list(tmp_path.glob("runs/*"))


def test_packages_of_a_cluster_elsewhere_are_not_asked_for_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "brian2", None)

    def joined(*arguments: object) -> None:
        raise PoolError("no cluster")

    monkeypatch.setattr(RayCluster, "open", joined)
    tables = {**small_tables(), "learner": {"kind": "brian_td"}, "target": {"kind": "ray"}}
    config = parse(tables, "small.toml", None)
    with (
        pytest.raises(PoolError, match="no cluster"),
        open_workers(config, StopSignal(), SilentReporter()),
    ):
        pass
