"""Configurations that ask for terabytes or for years are refused in one line, within 3 GiB."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from pydantic import BaseModel
from support.child_processes import child
from support.small_run import small_tables

from spikeloop.coordinator.config import run_config as runs
from spikeloop.coordinator.config.settings_builder import Kinds

LIMIT = 3 * 2**30
SCRIPT = f"""
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}))
from spikeloop.coordinator.cli.main import main
for line in sys.stdin:
    try:
        main(json.loads(line))
    except SystemExit as exit_:
        print("code", exit_.code, file=sys.stderr)
"""


def run_with_little_memory(folder: Path, *commands: list[str]) -> list[tuple[int, list[str]]]:
    """Exit code and lines of errors of commands that share one process with little memory."""
    lines = "".join(json.dumps(command) + "\n" for command in commands)
    with child(["-c", SCRIPT], folder, stdin=subprocess.PIPE) as process:
        _, errors = process.communicate(lines)
    found: list[tuple[int, list[str]]] = []
    told: list[str] = []
    for line in errors.splitlines():
        if line.startswith("code "):
            found.append((int(line.removeprefix("code ")), told))
            told = []
        else:
            told.append(line)
    assert told == []
    assert len(found) == len(commands), errors
    return found


def counts() -> list[tuple[str, type[BaseModel], str]]:
    """Every whole number of every table, with its class."""
    return [
        (name, cls, key)
        for name, rule in runs.TABLES.items()
        for cls in (rule.table.values() if isinstance(rule, Kinds) else [rule])
        for key, field in cls.model_fields.items()
        if field.annotation in (int, int | None)
    ]


@pytest.mark.parametrize("powers", [(40, 80), pytest.param((30, 62), marks=pytest.mark.exhaustive)])
def test_no_count_is_too_large_to_be_refused(tmp_path: Path, powers: tuple[int, int]) -> None:
    commands, files = [], []
    (tmp_path / "taken").touch()
    for name, cls, key in counts():
        for power in powers:
            tables: dict[str, Any] = small_tables()
            kind = cls.model_fields.get("kind")
            tables[name] = {} if kind is None else {"kind": kind.default}
            tables[name][key] = 2**power
            file = f"{name}-{'' if kind is None else kind.default}-{key}-{power}.toml"
            (tmp_path / file).write_text(tomli_w.dumps(tables))
            files.append(file)
            commands.append(["run", file, "--out", "taken"])
    assert len(files) > 100
    for file, (code, told) in zip(files, run_with_little_memory(tmp_path, *commands), strict=True):
        assert (code, len(told)) == (2, 1), (file, told)
        assert file in told[0] or "choose another with --out" in told[0], told


@pytest.mark.exhaustive
def test_tasks_that_no_memory_holds_end_in_one_line(tmp_path: Path) -> None:
    family = {"kind": "random_mdp", "n_states": 1024, "n_actions": 16}
    changes = {"tasks": 200, "random_points": 1, "random_tasks": 200, "monitor_every": 0}
    tables = small_tables(transfer=changes, run={"generations": 1, "tasks": 1})
    (tmp_path / "x.toml").write_text(tomli_w.dumps({**tables, "family": family | {"n_steps": 1}}))
    [(code, told)] = run_with_little_memory(tmp_path, ["run", "x.toml"])
    assert code == 1
    assert len(told) == 1
    assert told[0].startswith("spikeloop: not enough memory: ")
