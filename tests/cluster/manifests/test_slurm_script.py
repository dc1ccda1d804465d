"""The batch script, read by bash itself; ``make slurm-test`` submits it to a real SLURM."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.command_line import cli
from support.paths import OWN_CLASSES
from support.small_run import small_toml

from spikeloop.cluster.manifests.slurm_script import ALREADY, BREAKING, SET_BY, SlurmBatch, script
from spikeloop.coordinator.config.load import load


def changed(**values: Any) -> SlurmBatch:
    """What is asked for below, but for some values."""
    return SlurmBatch.model_validate({"nodes": 2, "time": "01:00:00", **values})


COMMAND = ["run", "mdp.toml"]
PLAIN = changed()
MARK = "PWNED"
HOSTILE = (
    f"a b;touch {MARK}",
    f"$(touch {MARK})",
    f"`touch {MARK}`",
    f'it\'s"$HOME" & touch {MARK}',
    "-rf",
    "%j \\ *?[x] {{ nodes }}",
    "two\nlines",
)


def bash(text: str, *options: str) -> str:
    """What bash says of a script; it must not complain."""
    done = subprocess.run(
        ["bash", *options], input=text, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "batch",
    [
        PLAIN,
        changed(nodes=1),
        changed(cpus_per_task=4, mem="4G", partition="a,b", account="lab"),
        changed(nodes=10_000, options=("--qos=long", "--exclude=n[1-3]")),
        changed(setup="module load python\nsource ~/env/bin/activate\n"),
    ],
)
def test_bash_reads_the_script_and_slurm_all_its_lines(batch: SlurmBatch) -> None:
    text = script(batch, "mdp", COMMAND, Path("runs"), Path())
    bash(text, "-n")
    head, _, body = text.partition("\n\n")
    assert "#SBATCH" not in body  # SLURM reads no line below the first that is no comment
    lines = [line for line in head.splitlines() if line.startswith("#SBATCH ")]
    assert f"#SBATCH --nodes={batch.nodes}" in lines
    assert {"#SBATCH --requeue", "#SBATCH --signal=B:TERM@120"} <= set(lines)
    assert ("#SBATCH --exclusive" in lines) == (batch.cpus_per_task is None)
    assert all(f"#SBATCH {option}" in lines for option in batch.options)
    assert "None" not in text and "  \n" not in text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_of_files_and_values_are_only_words(tmp_path: Path, hostile: str) -> None:
    """The line that runs the search is run by bash, with a program that prints its arguments."""
    folder = tmp_path / hostile
    folder.mkdir()
    own = ["run", str(folder / f"{hostile}.toml"), "--set", f"run.x={hostile}"]
    text = script(PLAIN, "mdp", own, folder, folder)
    bash(text, "-n")
    assert str(folder) not in text.partition("\n\n")[0]
    start = text.index("\nspikeloop run ") + 1
    command = text[start : text.index(' --address "$address" & driver=$!')]
    place = text[text.index("cd ") : text.index(" || exit 3  # where")]
    shown = bash(f'spikeloop() {{ printf \'%s\\0\' "$PWD" "$@"; }}\n{place}\n{command}\n')
    assert shown.split("\0")[:-1] == [
        str(folder),
        *own,
        *("--resume", "--out", str(folder)),
    ]
    assert not list(tmp_path.rglob(MARK))


def test_the_token_is_in_no_command_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    text = script(PLAIN, "mdp", COMMAND, tmp_path, tmp_path)
    start = text.index("export RAY_AUTH_MODE")
    lines = text[start : text.index("# shellcheck disable=SC2329")]
    bash(f"SLURM_JOB_ID=7 folder=/x out={shlex.quote(str(tmp_path))}\n{lines}")
    token = tmp_path / ".mdp-7.token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert len(token.read_text()) == 64
    assert text.count("RAY_AUTH_TOKEN_PATH=") == 1


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("90", 5400), ("90:30", 5430), ("01:00:10", 3610), ("2-1", 176_400), ("1-02:03:04", 93_784)],
)
def test_time_is_read_as_slurm_reads_it(time: str, seconds: int) -> None:
    assert changed(time=time).time_s == seconds


@pytest.mark.parametrize("missing", ["spikeloop", "ray", "python", ""])
def test_each_program_that_the_job_needs_is_looked_for(tmp_path: Path, missing: str) -> None:
    for name in {"spikeloop", "ray", "python"} - {missing}:
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    text = script(PLAIN, "mdp", COMMAND, tmp_path, tmp_path)
    start, stop = text.index("if ! hash"), text.index("\nfi\n")
    before = f"PATH={shlex.quote(str(tmp_path))}\nSLURMD_NODENAME=n1\nsay() {{ echo said; }}\n"
    done = subprocess.run(["bash", "-c", f"{before}{text[start:stop]}\nfi\n"], check=False)
    assert done.returncode == (3 if missing else 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--time", "soon"], ("[slurm] time", "soon")),
        (["--time", "2"], ("[slurm] time", "notice", "2")),
        (["--time", "9", "--mem", "much"], ("[slurm] mem", "'much'")),
        (["--time", "9", "--partition", "a b"], ("[slurm] partition", "'a b'")),
        (["--time", "9", "--account", "a\n#SBATCH --x"], ("[slurm] account",)),
        (["--time", "9", "--option", "--comment=a b --nodes=7"], ("[slurm] options.0",)),
        (["--time", "9", "--option", "--nodes=4"], ("options.0", "--nodes")),
        (["--time", "9", "--option", "--array=1-3"], ("options.0", "--array", "same run")),
        (["--time", "9", "--option", "--open-mode=truncate"], ("options.0", "--open-mode")),
        (["--time", "9", "--set", "run.tasks=0"], ("[run] tasks", "0")),
    ],
)
def test_errors_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: tuple[str, ...]
) -> None:
    config = small_toml(tmp_path / "small.toml")
    out = tmp_path / "runs"
    assert cli("slurm", config, "--nodes", "2", "--out", out, *arguments) == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1), errors
    assert all(word in errors for word in words), errors
    assert not out.exists()


@pytest.mark.parametrize(
    ("before", "since", "starved"),
    [
        ("", "start 1 of job 7\ngeneration 1", False),
        ("", "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of the step", True),
        ("", "srun: error: n1: task 0: Out Of Memory", True),
        ("", "n1: SIGKILL met Ray", True),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=7.0.\n", "start 2 of", False),
    ],
)
def test_out_of_memory_is_recognised_in_the_log_of_this_start(
    tmp_path: Path, before: str, since: str, starved: bool
) -> None:
    text = script(changed(mem="2G"), "mdp", COMMAND, Path("runs"), Path())
    start = text.index("out_of_memory() {")
    lines = text[start : text.index("interrupted() {")]
    log = text[text.index("log=$(readlink") : text.index("patience=5\n")]
    path = tmp_path / "mdp-7.log"
    path.write_text(before)
    program = f"set -u\ntake_down() {{ :; }}\nsay() {{ printf '%s\\n' \"$*\"; }}\n{log}\n{lines}\n"
    with open(path, "a") as file:
        done = subprocess.run(
            ["bash", "-c", f"{program}cat <<'EOF'\n{since}\nEOF\nexit_if_out_of_memory\nexit 1\n"],
            stdout=file,
            check=False,
            timeout=60,
        )
    assert done.returncode == (3 if starved else 1)
    assert ("out of memory" in path.read_text()) == starved
    assert ("more --mem (now: 2G)" in path.read_text()) == starved


def kept_by(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Path:
    """The configuration that the job of a script reads."""
    command = ["slurm", str(config), "--nodes", "1", "--time", "9", "--print", *arguments]
    assert cli(*command, "--out", config.parent / "my runs") == 0
    text = capsys.readouterr().out
    assert f"cd {shlex.quote(str(config.parent))} || exit 3" in text  # paths of data files
    (line,) = (line for line in text.splitlines() if line.startswith("spikeloop run "))
    return Path(shlex.split(line)[2])


def test_a_waiting_job_keeps_its_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learner = {"kind": "queued_echo:Echo"}
    config = small_toml(tmp_path / "own.toml", learner=learner, run={"name": "own"})
    module = tmp_path / "queued_echo.py"
    shutil.copy(OWN_CLASSES / "failing_learner.py", module)
    first = kept_by(config, capsys)
    assert first.read_bytes() == config.read_bytes()
    assert first.with_name("queued_echo.py").read_bytes() == module.read_bytes()
    assert {path.name for path in first.parent.iterdir()} == {"own.toml", "queued_echo.py"}
    assert first.parent.stat().st_mode & 0o777 == 0o700
    (tmp_path / "my runs" / "own-7.log").write_text("a job's log")
    assert kept_by(config, capsys) == first

    before = first.read_bytes()
    small_toml(config, learner=learner, run={"name": "own", "seed": 8})
    second = kept_by(config, capsys)
    module.write_text(f"{module.read_text()}\n")
    third = kept_by(config, capsys)
    assert first.read_bytes() == before
    assert load(second).run.seed == 8
    assert third.with_name("queued_echo.py").read_bytes() == module.read_bytes()
    names = {"own-7.log", *(one.parent.name for one in (first, second, third))}
    assert {path.name for path in (tmp_path / "my runs").iterdir()} == names


def test_a_run_of_a_kept_configuration_resumes_and_verifies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = "queued_again_echo"
    config = small_toml(tmp_path / "own.toml", learner={"kind": f"{kind}:Echo"})
    shutil.copy(OWN_CLASSES / "failing_learner.py", tmp_path / f"{kind}.py")
    first = kept_by(config, capsys, "--set", "run.name=own")
    (tmp_path / f"{kind}.py").unlink()
    run = ["run", str(first), "--inline", "--resume", "--out", str(tmp_path / "my runs")]
    for command in ([*run, "--set", "run.name=own"], ["verify", str(tmp_path / "my runs" / "own")]):
        assert cli(*command) == 0, capsys.readouterr().err


def test_options_that_are_refused_as_set_are_in_the_script() -> None:
    batch = changed(cpus_per_task=4, mem="4G", partition="a", account="lab")
    text = script(batch, "mdp", COMMAND, Path("runs"), Path())
    has = {line.split("=")[0].removeprefix("#SBATCH --") for line in text.splitlines()}
    assert {*SET_BY, *ALREADY} <= has
    assert not BREAKING.keys() & has


def test_without_slurm_the_script_is_written_and_the_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    config = small_toml(tmp_path / "small.toml")
    arguments = ["slurm", str(config), "--nodes", "1", "--time", "9", "--out", str(tmp_path / "r")]
    assert cli(*arguments, "--print") == 0
    printed = capsys.readouterr().out
    assert list((tmp_path / "r").glob("*.sbatch")) == []
    assert cli(*arguments) == 3
    assert "small.sbatch: written, but sbatch is not found here" in capsys.readouterr().err
    assert (tmp_path / "r" / "small.sbatch").read_text() == printed
