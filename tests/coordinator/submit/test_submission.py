"""Runs, comparisons and sweeps are sent the same way, and are read there as they were here."""

import json
import shlex
from pathlib import Path

import pytest
import tomli_w
from support.command_line import cli, printed
from support.small_comparison import comparison_toml
from support.small_run import small_tables, small_toml
from support.small_sweep import OVER

from spikeloop.cluster.ray_backend import job_env
from spikeloop.coordinator.api.configure_any import submission
from spikeloop.coordinator.cli import job
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.submit import submitted_runs
from spikeloop.coordinator.submit.package import entrypoint, pack
from spikeloop.coordinator.submit.submission import Submission
from spikeloop.workers.chip.calibration.published import CELLS

pytestmark = pytest.mark.usefixtures("without_figures")

GRID = ["strategy.population_size=6,12"]


@pytest.fixture(params=["run", "comparison", "sweep", "run with --over"])
def sent(request: pytest.FixtureRequest, tmp_path: Path) -> Submission:
    path = tmp_path / "small.toml"
    if request.param == "comparison":
        return submission(comparison_toml(path), sets=["comparison.seeds=3", "run.tasks=3"])
    if request.param == "sweep":
        path.write_text(tomli_w.dumps({**small_tables(), "sweep": {"over": OVER, "seeds": 4}}))
        return submission(path, sets=["run.tasks=3", "sweep.seeds=3"])
    if request.param == "run with --over":
        return submission(small_toml(path), GRID, 3, ["run.tasks=3"])
    return submission(small_toml(path), sets=["run.tasks=3", 'run.name="1e3"'])


def read_there(sent: Submission) -> Submission:
    """Read what a job's command names, as that command does."""
    _, python, flag, program, command, path, *rest = shlex.split(entrypoint(sent))
    assert (python, flag, program) == ("python", "-m", job.__name__)
    given: dict[str, list[str]] = {"--set": [], "--over": [], "--seeds": []}
    for option, value in zip(rest[::2], rest[1::2], strict=True):
        given[option].append(value)
    seeds = int(given["--seeds"][0]) if given["--seeds"] else None
    found = submission(sent.path.parent / path, given["--over"], seeds, given["--set"])
    assert found.command == command
    return found


def test_what_is_sent_is_read_there_as_it_was_here(sent: Submission) -> None:
    found = read_there(sent)
    assert (found.kind, found.name, found.size) == (sent.kind, sent.name, sent.size)
    assert found.digest() == sent.digest()
    assert all(config.run.tasks == 3 for config in found.configs)


def test_size_counts_generations_searches_or_runs(sent: Submission) -> None:
    expected = {"run": 3, "comparison": 3 * 3, "sweep": 2 * 3}[sent.kind]
    assert sent.size == expected


def test_digest_depends_on_the_plan_and_not_on_the_target(tmp_path: Path) -> None:
    path = small_toml(tmp_path / "small.toml")
    sweep = submission(path, GRID, 3)
    assert submission(path, GRID, 3, ['target.kind="local"']).digest() == sweep.digest()
    others = submission(path, GRID, 4), submission(path, [*GRID, "run.tasks=2,3"], 3)
    assert sweep.digest() not in [submission(path).digest(), *(one.digest() for one in others)]
    path = comparison_toml(tmp_path / "comparison.toml")
    comparison = submission(path)
    assert submission(path, sets=['target.kind="local"']).digest() == comparison.digest()
    assert submission(path, sets=["tuning.episodes=576"]).digest() != comparison.digest()


def test_files_of_every_setting_must_go_along(tmp_path: Path) -> None:
    outside = tmp_path / "mdps.npz"
    outside.touch()
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own_files.py").write_text(
        "from pathlib import Path\nfrom pydantic import Field\n"
        "from spikeloop.workers.learners.tabular.learner import TabularTd\n"
        "class Reader(TabularTd):\n    file: Path = Field(Path('none'), strict=False)\n"
    )
    path = small_toml(folder / "own.toml", learner={"kind": "own_files:Reader"})
    pack(submission(path, ["learner.file='a','b'"]), tmp_path / "none.zip")
    with pytest.raises(ConfigError, match=r"\[learner\] file: .* is on this machine only"):
        pack(submission(path, [f"learner.file='a','{outside}'"]), tmp_path / "no.zip")


def test_a_sweep_of_calibration_files_is_refused(tmp_path: Path) -> None:
    cells = dict.fromkeys(CELLS, 500)
    for name, bias in (("a", 61), ("b", 62)):
        neurons = [
            {**cells, "v_leak": 450, "i_refr": 200 + 3 * i, "i_bias_leak": bias + i}
            for i in range(32)
        ]
        text = json.dumps({"global_params": {"v_reset": 330}, "neuron_params": neurons})
        (tmp_path / f"{name}.json").write_text(text)
    path = small_toml(tmp_path / "chip.toml", learner={"kind": "chip"})
    sent = submission(path, ["learner.calibration_file='a.json','b.json'"])
    with pytest.raises(ConfigError, match="different calibration files"):
        entrypoint(sent)


def test_the_job_resumes_what_its_command_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr("spikeloop.coordinator.cli.main.main", called.append)
    monkeypatch.setattr(job_env, "metadata", lambda: {submitted_runs.RUN: "small"})
    monkeypatch.setenv("SPIKELOOP_RUNS", str(tmp_path))
    job.main(["sweep", "./small.toml", "--over", GRID[0]])
    there = ["--resume", "--address", "auto", "--out", str(tmp_path)]
    assert called == [["sweep", "./small.toml", *there, "--over", GRID[0]]]


def test_a_comparison_goes_on_with_resume(tmp_path: Path) -> None:
    path = comparison_toml(tmp_path / "small.toml", episodes="episodes = 0", seeds="seeds = 1")
    command = ("compare", path, "--inline", "--out", tmp_path)
    assert cli(*command) == 0
    findings = (tmp_path / "small" / "findings.json").read_bytes()
    assert cli(*command) == 2
    assert cli(*command, "--resume") == 0
    assert (tmp_path / "small" / "findings.json").read_bytes() == findings


@pytest.mark.parametrize(("arguments", "command"), [((), "compare"), (("--over", *GRID), "sweep")])
def test_a_batch_script_starts_each_kind(
    tmp_path: Path, arguments: tuple[str, ...], command: str
) -> None:
    path = tmp_path / "small.toml"
    small_toml(path) if arguments else comparison_toml(path)
    options = ("--nodes", 1, "--time", 9, "--print", "--out", tmp_path / "r", *arguments)
    text = printed("slurm", path, *options)
    (line,) = (one for one in text.splitlines() if one.startswith(f"spikeloop {command} "))
    kept = Path(shlex.split(line)[2])
    assert kept.read_bytes() == path.read_bytes()
    assert kept.parent.name.startswith("small.job-")
    assert "run=$out/small\n" in text
