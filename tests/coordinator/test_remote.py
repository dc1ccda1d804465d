"""Runs as jobs of a real Ray head, through the command line: the same results as without it."""

import dataclasses
import json
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import LIMIT_S
from support.paths import OWN_CLASSES
from support.printed_lines import run_printed_line
from support.ray_head import TOKEN, Head, free_ports, ray_head
from support.small_run import assert_same_contents, small_toml

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.job_client import JobInfo, Jobs
from spikeloop.cluster.ray_backend.job_env import location_file
from spikeloop.cluster.signals import Interrupted
from spikeloop.coordinator.cli import job
from spikeloop.coordinator.cli.main import main
from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.submit import package as shipping
from spikeloop.coordinator.submit import submitted_runs
from spikeloop.coordinator.verification.verify_run import verify
from spikeloop.workers.fingerprint import fingerprint

N, WORK_S = 16, 0.03
"""Generations, and time of an episode: some seconds, so that the run can be stopped midway."""


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
    """A client that has the token and was not told of the mode."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:1")  # --address beats it
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # the run was not begun by it


def own_classes(folder: Path, module: str) -> Path:
    """A configuration beside a learner of its own, and things that must not go along.

    This process imports a module of a name only once, so each test has its own.
    """
    shutil.copy(OWN_CLASSES / "failing_learner.py", folder / f"{module}.py")
    for name in ("secret.py", "runs/old/run.json", "runs/old/episodes.parquet", "data.bin"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("not to be sent")
    (folder / ".gitignore").write_text("secret.py\n")
    (folder / ".rayignore").write_text("*.bin\n")
    learner = {"kind": f"{module}:Echo", "work_s": WORK_S}
    return small_toml(
        folder / "own run.toml", learner=learner, run={"name": "own", "generations": N}
    )


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
def test_a_run_is_watched_stopped_and_resumed_and_comes_back_the_same(
    cli: Cli, cluster: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = own_classes(tmp_path, "own_echo")
    said = cli("submit", config)
    assert (said.code, said.errors) == (0, "")
    assert said.output.startswith(f"own submitted to {cluster.url}\n")

    deadline = time.monotonic() + LIMIT_S
    while not ((state := cli.state("own"))["generation"] or 0) >= 2:
        assert state["state"] in ("pending", "running"), (state, cli("logs", "own"))
        assert time.monotonic() < deadline, state
        time.sleep(0.1)  # leaves the cores to the run
    assert state["generations"] == N
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
    assert f"own  succeeded  {N} of {N}" in table

    # Another machine has no folder of the job's; what was submitted from is noted with the job.
    shutil.rmtree(RunStore(cluster.runs / "own").manifest()["working_dir"])
    with monkeypatch.context() as elsewhere:  # a process that has not imported these classes
        elsewhere.delitem(sys.modules, "own_echo")
        elsewhere.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
        elsewhere.setenv("SPIKELOOP_RUNS", str(tmp_path / "runs"))
        elsewhere.chdir(tmp_path.parent)
        fetched = cli("fetch", "own")
    assert fetched.code == 0, fetched
    assert f"generation {N} of {N}, succeeded" in fetched.output
    folder = tmp_path / "runs" / "own"
    line = f"PYTHONPATH={tmp_path} spikeloop verify {folder} --trust"
    assert f"compare them with: {line}\n" in fetched.errors
    assert "follow from the episodes" in run_printed_line(line)
    at_once = ("--set", "learner.work_s=0.0")
    assert main_of("run", config, "--inline", "--out", tmp_path / "here", *at_once) == 0
    assert_same_contents(folder, tmp_path / "here" / "own")

    part = cluster.runs / "own" / "episodes" / "part-000003.parquet"
    part.write_bytes(part.read_bytes().replace(b"a", b"b", 1))
    refused = cli("fetch", "own", "--out", tmp_path / "elsewhere")
    assert refused.code == 2, refused
    assert f"own at {cluster.url}: episodes/part-000003.parquet: damaged" in refused.errors
    assert list((tmp_path / "elsewhere").iterdir()) == []


def main_of(*arguments: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([*map(str, arguments)])
    return int(exit_.value.code or 0)


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
    assert (state["state"], state["generation"]) == ("failed", None)
    assert "has other code" in state["reason"]
    nothing = cli("fetch", "other", "--out", tmp_path / "runs")
    assert nothing.code == 3
    assert "there is no run.json on the cluster" in nothing.errors
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("state", "exit_code", "error"),
    [
        ("failed", None, RunFailed),
        ("failed", 1, RunFailed),
        ("failed", 137, RunFailed),
        ("failed", 2, ConfigError),
        ("failed", 3, PoolError),
        ("failed", 4, Interrupted),
        ("stopped", None, Interrupted),
    ],
)
def test_it_ends_as_the_driver_did(
    state: str, exit_code: int | None, error: type[BaseException]
) -> None:
    told = {submitted_runs.RUN: "own"}
    with pytest.raises(error, match="own has"):
        submitted_runs.conclude(JobInfo("own~2", state, None, told, "why", exit_code, ""))


@pytest.mark.parametrize(
    ("exit_code", "log", "expected"),
    [
        (-9, "generation 3/50 best 0.1", "its driver ended without a word (killed?); submit it"),
        (137, "spikeloop: warning: other numpy\ngeneration 3/50", "its driver ended without a"),
        (3, "spikeloop: no workers\ngeneration 3/50 best 0.1", "no workers"),
        (1, "python: No module named spikeloop", "python: No module named spikeloop"),
        (None, "", "no word why"),
    ],
)
def test_why_a_job_has_failed(exit_code: int | None, log: str, expected: str) -> None:
    job = JobInfo("own", "failed", None, {}, log, exit_code, "")
    assert submitted_runs.reason(job).startswith(expected)


def test_no_run_has_the_name_of_what_is_lent_beside_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[run\] name must"):
        load(small_toml(tmp_path / "small.toml"), {"run.name": location_file("own")})


@pytest.mark.ray
@pytest.mark.parametrize(
    "token, expected", [("wrong", "does not accept this token"), (None, "asks for a token")]
)
def test_without_the_token_nothing_is_told(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, token: str | None, expected: str
) -> None:
    if token is None:
        monkeypatch.delenv("RAY_AUTH_TOKEN")
    else:
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    said = cli("status")
    assert (said.code, said.output) == (3, "")
    assert expected in said.errors
    assert "ray get-auth-token" in said.errors
    assert said.errors.count("\n") == 1


@pytest.mark.ray
def test_a_token_is_found_in_a_file(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(TOKEN)
    assert cli("status").code == 0


@pytest.mark.ray
def test_what_is_not_there_is_one_line(cli: Cli, cluster: Head) -> None:
    relative = cli("fetch", "copies/own")
    assert relative.code == 2
    assert "a copy's folder must be an absolute path, got copies/own" in relative.errors
    unknown = cli("logs", "owm")
    assert unknown.code == 2
    assert "no run 'owm' at" in unknown.errors
    ray_itself = cli("status", address=f"http://127.0.0.1:{cluster.gcs_port}")
    assert ray_itself.code == 3
    assert "is no Ray dashboard" in ray_itself.errors
    nobody = cli("status", address=f"127.0.0.1:{free_ports(1)[0]}")
    assert nobody.code == 3
    assert "nobody answers at http://127.0.0.1:" in nobody.errors


def test_only_what_may_go_along_is_packed(tmp_path: Path) -> None:
    config = own_classes(tmp_path, "packed_echo")
    package = tmp_path.parent / "own.zip"
    code = shipping.pack(config, load(config), package)
    assert contents(package) == {".gitignore", ".rayignore", "packed_echo.py", "own run.toml"}
    assert code.keys() == {*fingerprint(), "own classes"}
    (tmp_path / "secret.py").write_text("never seen there")
    assert shipping.pack(config, load(config), tmp_path.parent / "again.zip") == code
    (tmp_path / "packed_echo.py").write_text("changed = 1")
    assert shipping.pack(config, load(config), tmp_path.parent / "other.zip") != code


def test_without_own_classes_the_configuration_goes_alone(tmp_path: Path) -> None:
    (tmp_path / "data.bin").touch()
    config = small_toml(tmp_path / "it's $HOME.toml")
    package = tmp_path.parent / "alone.zip"
    assert shipping.pack(config, load(config), package) == fingerprint()
    assert contents(package) == {"it's $HOME.toml"}
    command = shipping.entrypoint(config, load(config), ["strategy.sigma=0.1; rm -rf /"])
    assert "'./it'\"'\"'s $HOME.toml' --set 'strategy.sigma=0.1; rm -rf /'" in command
    assert "--workers" not in command
    assert shipping.entrypoint(config, load(config), [], 3).endswith(" --workers 3")


def test_a_folder_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "LARGEST_PACKAGE", 1000)
    config = own_classes(tmp_path, "large_echo")
    with pytest.raises(ConfigError, match=r"this folder goes along .* \.rayignore there"):
        shipping.pack(config, load(config), tmp_path.parent / "large.zip")


def test_what_changes_no_result_changes_no_digest(tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    same = load(config, {"target.kind": "local"})
    assert shipping.digest(load(config)) == shipping.digest(same)
    assert shipping.digest(load(config)) != shipping.digest(load(config, {"run.seed": 8}))


def test_libraries_may_differ_and_are_told_of(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.compare({**fingerprint(), "numpy": "1.0"})
    assert "other versions than the machine that submitted: numpy (" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PoolError, match=r"other code .* own classes"):
        job.compare({**fingerprint(), "own classes": "0123456789ab"})


def contents(package: Path) -> set[str]:
    import zipfile

    with zipfile.ZipFile(package) as archive:
        return set(archive.namelist())
