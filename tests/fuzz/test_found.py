"""Inputs that random search, and reading with it in mind, have found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.child_processes import child
from support.small_run import small_toml
from support.tiny_examples import set_options

from fuzz.promise import broken_promises, own_folder, run_and_check, run_command
from spikeloop.coordinator.api import given
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files

pytestmark = pytest.mark.usefixtures("without_figures")

OTHER_TABLES = """
[family]
kind = "random_mdp"
[learner]
kind = "tabular_td"
[strategy]
kind = "random_search"
[target]
kind = "inline"
"""
TEXTS = {
    "control": ('"\\u001f" = 0', r"unknown table [\x1f]"),
    "digits": (f"x = {'9' * 5000}", "not valid TOML"),
    "deep": (f"run = {'[' * 3000}", "nested too deeply"),
    "dotted": (f"[run]\n{'a.' * 3000}a = 1", "unknown key"),
    "dotted table": (f"{'run.' * 3000}a = 1", "unknown key 'run'"),
    "hex": (f"[run]\nseed = 0x{'f' * 5000}", "[run] seed"),
    "long": (f"[run]\nname = '{'x' * 5000} '", "[run] name"),
    "long table": (f"[{'x' * 5000}]", "unknown table"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_values_that_cannot_be_shown_are_refused_in_one_line(name: str) -> None:
    text, words = TEXTS[name]
    with own_folder():
        Path("x.toml").write_text(text + OTHER_TABLES)
        result = run_and_check("run", "x.toml", "--inline")
    assert result.code == 2
    assert words in result.message


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"run.tasks": "1000000"}, "taken"),  # large, but allowed
        ({"strategy.kind": "grid", "strategy.points_per_axis": "1000"}, "[strategy] a grid"),
        ({"strategy.kind": "grid", "strategy.population_size": str(2**80)}, "64 bits"),
        ({"family.n_states": "1024", "family.n_actions": "1024"}, "[family]"),
        ({"learner.kind": "chip", "learner.circuit.step_s": "1e-300"}, "circuit.step_s"),
        ({"learner.kind": "chip", "learner.opened": "3"}, "[learner] opened"),
        ({"learner.largest_value": "1e-200"}, "largest_value"),
        ({"strategy.kind": "annealing", "strategy.temperature_first": "5e-324"}, "temperature"),
        ({"family.kind": "'script:Family'"}, "cannot import 'script'"),
    ],
)
def test_values_that_would_take_years_or_end_the_program_are_refused(
    settings: dict[str, str], words: str
) -> None:
    with own_folder():
        Path("script.py").write_text("raise SystemExit(0)\n")
        small_toml(Path("small.toml"))
        Path("taken").touch()
        result = run_and_check("run", "small.toml", *set_options(settings), "--out", "taken")
    assert result.code == 2
    assert words in result.message


def test_names_that_are_no_text_are_shown_in_one_line() -> None:
    with own_folder():
        name = os.fsdecode(b"n\xff\n")
        assert r"n\udcff\n" in run_and_check("run", name).message
        small_toml(Path("small.toml"), run={"generations": 1})
        assert run_and_check("run", "small.toml", "--out", name).code == 0


def test_names_with_nul_and_endless_files_are_refused() -> None:
    with own_folder():
        assert run_and_check("run", "a\0b").code == 2
        assert "at most 1000000 bytes" in run_and_check("run", "/dev/zero").message


def test_manifest_whose_folder_is_a_number_is_refused() -> None:
    with own_folder():
        small_toml(Path("small.toml"), run={"generations": 1})
        assert run_and_check("run", "small.toml", "--out", ".").code == 0
        path = Path("small/run.json")
        atomic_files.write_json(path, {**atomic_files.read_json(path), "working_dir": 1})
        result = run_and_check("resume", "small")
    assert result.code == 2
    assert "working_dir" in result.message


def test_output_that_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = ["-m", "spikeloop.coordinator.cli", "plan", "small.toml"]
    with child(command, tmp_path, env=environment, stdin=subprocess.DEVNULL) as process:
        output, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert r"3 generations \xd7 6 candidates" in output


def unforeseen() -> None:
    raise KeyError("kind")


def second_line_and_wrong_code() -> None:
    print("Traceback (most recent call last):", file=sys.stderr)
    raise SystemExit(5)


def file_left_behind() -> None:
    Path("left").touch()
    raise ConfigError("no")


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (unforeseen, ["unexpected"]),
        (second_line_and_wrong_code, ["exit code", "unexpected", "not one line"]),
        (file_left_behind, ["left behind"]),
    ],
)
def test_broken_promises_are_noticed(
    fault: object, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "read_tables", lambda *rest: fault())  # type: ignore[operator]
    with own_folder():
        assert broken_promises(run_command("run", "x.toml")) == found
