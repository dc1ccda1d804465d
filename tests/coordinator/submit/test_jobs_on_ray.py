"""Runs submitted to a real Ray head, through the command line, have the results of local ones."""

import dataclasses
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import LIMIT_S
from support.command_line import cli as run_here
from support.ray_head import TOKEN, Head, free_ports, ray_head
from support.small_comparison import assert_same_comparison, comparison_toml
from support.small_run import assert_same_contents, small_toml
from support.small_sweep import assert_same_results
from support.submitted_folder import N, folder_to_submit

from spikeloop.cluster.ray_backend.job_client import Jobs
from spikeloop.coordinator.cli.main import main
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.submit import package as shipping
from spikeloop.coordinator.submit import submitted_runs
from spikeloop.coordinator.verification.verify_run import verify
from spikeloop.workers.fingerprint import fingerprint


@dataclasses.dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    output: str
    errors: str


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    with ray_head(cores=2) as started:
        yield started


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the client the token, but not the mode of authentication."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:1")  # --address beats it
    monkeypatch.setenv("HOME", str(tmp_path))


class Cli:
    """The command line in this process, against one cluster."""

    def __init__(self, cluster: Head, capsys: pytest.CaptureFixture[str]) -> None:
        self._cluster, self._capsys = cluster, capsys

    def __call__(self, *arguments: object, address: str | None = None) -> Said:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([*map(str, arguments), "--address", address or self._cluster.url])
        return Said(int(exit_.value.code or 0), *self._capsys.readouterr())

    def state(self, name: str) -> dict[str, Any]:
        said = self("status", name, "--json")
        assert said.code == 0, said
        value: dict[str, Any] = json.loads(said.output)
        return value


@pytest.fixture
def cli(cluster: Head, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(cluster, capsys)


@pytest.mark.ray
def test_submitted_run_is_stopped_resumed_and_fetched_with_identical_tables(
    cli: Cli, cluster: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = folder_to_submit(tmp_path, "own_echo")
    said = cli("submit", config)
    assert (said.code, said.errors) == (0, "")
    assert said.output.startswith(f"own submitted to {cluster.url}\n")

    deadline = time.monotonic() + LIMIT_S
    while not ((state := cli.state("own"))["done"] or 0) >= 2:
        assert state["state"] in ("pending", "running"), (state, cli("logs", "own"))
        assert time.monotonic() < deadline, state
        time.sleep(0.1)  # leaves the cores to the run
    assert (state["planned"], state["unit"]) == (N, "generations")
    assert state["folder"] == str(cluster.runs / "own")
    assert isinstance(state["best"], float)
    assert isinstance(state["held_out"], float)

    assert "own is running already; nothing was submitted" in cli("submit", config).output
    other = cli("submit", config, "--set", "run.seed=8")
    assert other.code == 2
    assert "own: was submitted with another configuration; give the run another" in other.errors

    fetched = cli("fetch", "own", "--json")  # while it goes on
    assert fetched.code == 0, fetched
    partly = json.loads(fetched.output)
    assert 2 <= partly["generation"] < N
    assert partly["n_new"] == partly["n_files"]
    assert RunStore(tmp_path / "runs" / "own").generation() == partly["generation"]

    assert "own has stopped; go on with it" in cli("stop", "own", "--wait").output
    assert f"generation {N}/{N}" not in (log := cli("logs", "own").output)
    assert re.search(
        r"interrupted after generation \d+, everything committed; submit it again$", log
    )
    assert f"on the Ray cluster at 127.0.0.1:{cluster.gcs_port}" in log
    assert "own is not running, it has stopped" in cli("stop", "own").output
    assert verify(RunStore(cluster.runs / "own")).problems == []
    jobs = Jobs(cluster.url)
    on_a_lost_node = dataclasses.replace(submitted_runs.find(jobs, "own"), node="0" * 56)
    reason = submitted_runs.state_of(jobs, on_a_lost_node)["reason"]
    assert "is the node that the job ran on gone?" in reason

    refused = cli("submit", config, "--out", "/elsewhere")
    assert "own: was submitted with no --out; leave it away, or" in refused.errors
    again = cli("submit", config, "--follow", "--out", cluster.runs)  # as the cluster would itself
    assert (again.code, again.errors) == (0, ""), again
    assert "own submitted again" in again.output
    assert "resumed after generation" in again.output
    assert cli("logs", "own").output in again.output
    assert cli("logs", "own~1").output == log
    assert cli("logs", "own~2").output == cli("logs", "own").output
    assert "no attempt 'own~3' at" in cli("status", "own~3").errors
    table = cli("status").output
    assert re.search(rf"own +succeeded +{N} of {N} generations", table)

    with monkeypatch.context() as elsewhere:  # a process that has not imported these classes
        elsewhere.delitem(sys.modules, "own_echo")
        elsewhere.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
        elsewhere.setenv("SPIKELOOP_RUNS", str(tmp_path / "runs"))
        elsewhere.chdir(tmp_path.parent)
        fetched = cli("fetch", "own")
    assert fetched.code == 0, fetched
    assert f"generation {N} of {N}, succeeded" in fetched.output
    folder = tmp_path / "runs" / "own"
    assert fetched.errors.endswith(f"spikeloop verify {folder} --trust\n")
    at_once = ("--set", "learner.work_s=0.0")
    assert run_here("run", config, "--inline", "--out", tmp_path / "here", *at_once) == 0
    assert_same_contents(folder, tmp_path / "here" / "own")

    part = cluster.runs / "own" / "episodes" / "part-000003.parquet"
    part.write_bytes(part.read_bytes().replace(b"a", b"b", 1))
    refused = cli("fetch", "own", "--out", tmp_path / "elsewhere")
    assert refused.code == 2, refused
    assert f"own at {cluster.url}/episodes/part-000003.parquet: damaged" in refused.errors
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.ray
@pytest.mark.exhaustive
@pytest.mark.usefixtures("without_figures_here")
def test_submitted_sweep_is_stopped_resumed_and_fetched_with_identical_tables(
    cli: Cli, cluster: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = folder_to_submit(tmp_path, "swept_echo")
    sets = ("--set", "run.generations=3", "--set", "sweep.name=swept")
    grid = ("--over", "strategy.population_size=6,12", *sets)
    two, three = (*grid, "--seeds", 2), (*grid, "--seeds", 3)
    assert "swept submitted to" in cli("submit", config, *two).output

    deadline = time.monotonic() + LIMIT_S
    while not ((state := cli.state("swept"))["done"] or 0) >= 1:
        assert state["state"] in ("pending", "running"), (state, cli("logs", "swept"))
        assert time.monotonic() < deadline, state
        time.sleep(0.1)
    assert (state["kind"], state["planned"], state["unit"]) == ("sweep", 4, "runs")
    partly = json.loads(cli("fetch", "swept", "--json").output)  # while it goes on
    assert 1 <= partly["n_runs"] <= 4
    assert "goes on" in partly["note"]
    assert "swept has stopped; go on with it" in cli("stop", "swept", "--wait").output
    assert "everything committed; submit it again" in cli("logs", "swept").output
    refused = cli("submit", config, *three)
    assert "another configuration; give the sweep another name" in refused.errors

    again = cli("submit", config, *two, "--follow")
    assert (again.code, again.errors) == (0, ""), again
    assert "4 of 4 runs" in cli("status").output
    assert cli("fetch", "swept").code == 0
    at_once = ("--set", "learner.work_s=0.0")
    here = ("--inline", "--out", tmp_path / "here")
    assert run_here("sweep", config, *two, *at_once, *here) == 0
    assert_same_results(tmp_path / "sweeps" / "swept", tmp_path / "here" / "swept")


@pytest.mark.exhaustive
@pytest.mark.ray
def test_submitted_comparison_is_fetched_with_identical_tables(
    cli: Cli, cluster: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = comparison_toml(tmp_path / "small.toml", seeds="seeds = 1")
    done = cli("submit", config, "--wait")
    assert (done.code, done.errors) == (0, ""), (done, cli("logs", "small"))
    assert "3 of 3 searches" in cli("status").output
    fetched = json.loads(cli("fetch", "small", "--json").output)
    assert (fetched["kind"], fetched["note"]) == ("comparison", "")
    assert run_here("compare", config, "--inline", "--out", tmp_path / "here") == 0
    assert_same_comparison(tmp_path / "comparisons" / "small", tmp_path / "here" / "small")


@pytest.mark.ray
def test_other_code_on_the_cluster_ends_the_run_before_it_begins(
    cli: Cli, cluster: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(own: Path | None = None) -> dict[str, str]:
        return {**fingerprint(own), "spikeloop": "0123456789ab"}

    monkeypatch.setattr(shipping, "fingerprint", other)
    said = cli("submit", small_toml(tmp_path / "other.toml", run={"name": "other"}), "--follow")
    assert said.code == 3, said
    assert said.errors.count("\n") == 1
    assert "other has failed on the cluster: the cluster has other code than" in said.errors
    assert "0123456789ab there); install the same" in said.errors
    assert not (cluster.runs / "other").exists()
    state = cli.state("other")
    assert (state["state"], state["done"]) == ("failed", None)
    assert "has other code" in state["reason"]
    nothing = cli("fetch", "other", "--out", tmp_path / "runs")
    assert nothing.code == 3
    assert "there is no run.json on the cluster" in nothing.errors
    assert not (tmp_path / "runs").exists()


@pytest.mark.ray
def test_status_needs_the_token_from_the_environment_or_a_file(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    wrong = cli("status")
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    none = cli("status")
    for said, expected in ((wrong, "does not accept this token"), (none, "asks for a token")):
        assert (said.code, said.output, said.errors.count("\n")) == (3, "", 1)
        assert expected in said.errors
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(TOKEN)
    assert cli("status").code == 0


@pytest.mark.ray
def test_unknown_run_and_no_dashboard_are_refused_in_one_line(cli: Cli, cluster: Head) -> None:
    unknown = cli("logs", "owm")
    assert unknown.code == 2
    assert "no run 'owm' at" in unknown.errors
    for port in (cluster.gcs_port, free_ports(1)[0]):  # Ray itself, and nothing
        no_dashboard = cli("status", address=f"127.0.0.1:{port}")
        assert (no_dashboard.code, no_dashboard.errors.count("\n")) == (3, 1)
