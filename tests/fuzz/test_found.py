"""What random inputs, and reading with them in mind, have found: each with its very input."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.child_processes import child
from support.small_run import small_toml

from fuzz.promise import broken, ended, kept, own_folder
from spikeloop.coordinator.cli import open as opening
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files


def words_of(sets: str) -> list[str]:
    return [word for text in sets.split("; ") for word in ("--set", text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"\\u001f" = 0', r"unknown table [\x1f]"),
        (f"x = {'9' * 5000}", "not valid TOML"),
        (f"run = {'[' * 3000}", "nested too deeply"),
        (f"[run]\n{'a.' * 3000}a = 1", "unknown key"),
        (f"{'run.' * 3000}a = 1", "unknown key 'run'"),
        (f"[run]\nseed = 0x{'f' * 5000}", "[run] seed must be"),
        (f"[run]\nname = '{'x' * 5000} '", "[run] name"),
        (f"[{'x' * 5000}]", "unknown table"),
    ],
    ids=["control", "digits", "deep", "dotted", "dotted-table", "hex", "long", "long-table"],
)
def test_what_cannot_be_shown_is_refused_in_one_line(text: str, words: str) -> None:
    with own_folder():
        Path("x.toml").write_text(text)
        result = kept("run", "x.toml", "--inline")
    assert result.code == 2
    assert words in result.message


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ("run.generations=1000000000000", "generations must be >= 1, <= 1000000"),
        ("run.tasks=1000000000000", "tasks must be >= 1, <= 1000000"),
        ("run.tasks=1000000", None),
        ("transfer.tasks=1000000000000", "tasks must be >= 2, <= 1000000"),
        ("deploy.finalists=1000000000000", "finalists must be >= 1, <= 1000"),
        ("strategy.population_size=1000000000000", "population_size must be <= 1000000"),
        (
            "strategy.kind=grid; strategy.points_per_axis=1000",
            "[strategy] a grid must have at most",
        ),
        ("strategy.kind=grid; strategy.population_size=1208925819614629174706176", "64 bits"),
        ("family.n_states=1024; family.n_actions=1024", "entries of a task's table"),
        ("learner.kind=chip; learner.circuit.step_s=1e-300", "circuit.step_s must be"),
        ("learner.largest_value=1e-200", "largest_value must be 0 or between 1e-30 and 1e+30"),
        ("strategy.kind=annealing; strategy.temperature_first=5e-324", "must be 0 or between"),
        ("family.kind='script:Family'", "cannot import 'script'"),
    ],
)
def test_what_would_take_for_ever_or_end_the_program_is_refused(
    sets: str, words: str | None
) -> None:
    with own_folder():
        Path("script.py").write_text("raise SystemExit(0)\n")
        small_toml(Path("small.toml"))
        Path("taken").touch()
        result = kept("run", "small.toml", *words_of(sets), "--out", "taken")
    assert result.code == 2
    assert (words or "choose another with --out") in result.message


def test_a_type_is_no_key() -> None:
    with own_folder():
        small_toml(Path("small.toml"))
        sets = "learner.kind=chip; learner.opened=3"
        message = kept("run", "small.toml", *words_of(sets)).message
    assert "[learner] opened must be " in message


def test_a_name_that_is_no_text_is_shown_in_one_line() -> None:
    with own_folder():
        name = os.fsdecode(b"n\xff\n")
        result = kept("run", name)
        assert r"n\udcff\n: cannot be read" in result.message
        small_toml(Path("small.toml"), run={"generations": 1})
        assert kept("run", "small.toml", "--out", name).code == 0


def test_nul_and_endless_files_are_refused() -> None:
    assert kept("run", "a\0b").code == 2
    assert "at most 1000000 bytes" in kept("run", "/dev/zero").message


def test_a_manifest_whose_folder_is_a_number_is_damaged() -> None:
    with own_folder():
        small_toml(Path("small.toml"), run={"generations": 1})
        assert kept("run", "small.toml", "--out", ".").code == 0
        path = Path("small/run.json")
        atomic_files.write_json(path, {**atomic_files.read_json(path), "working_dir": 1})
        result = kept("resume", "small")
    assert result.code == 2
    assert "working_dir must be a path, got 1" in result.message


def test_output_that_the_terminal_cannot_show_is_written_in_other_signs(tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = ["-m", "spikeloop.coordinator.cli", "plan", "small.toml"]
    with child(command, tmp_path, env=environment, stdin=subprocess.DEVNULL) as process:
        output, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert r"3 generations \xd7 6 candidates" in output


def test_a_failure_that_nobody_has_foreseen_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*rest: object) -> None:
        raise KeyError("kind")

    with own_folder():
        monkeypatch.setattr(opening, "load", load)
        assert broken(ended("run", "x.toml")) == ["a failure that nobody has foreseen"]


def test_a_second_line_a_wrong_code_and_something_left_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(*rest: object) -> None:
        Path("left").touch()
        print("Traceback (most recent call last):", file=sys.stderr)
        raise SystemExit(5)

    def wrong(*rest: object) -> None:
        Path("left behind").touch()
        raise ConfigError("no")

    with own_folder():
        monkeypatch.setattr(opening, "load", load)
        found = broken(ended("run", "x.toml"))
        assert found[:2] == ["the exit code is 5", "a failure that nobody has foreseen"]
        assert "the last line does not begin with the program's name" in found
        monkeypatch.setattr(opening, "load", wrong)
        assert broken(ended("run", "x.toml")) == ["something is left behind: ['left behind']"]
