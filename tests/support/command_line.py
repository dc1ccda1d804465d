"""Run the command line in this process."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import pytest

from spikeloop.coordinator.cli.main import main


class Said(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    output: str
    errors: str


def cli(*arguments: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    code = exit_.value.code or 0
    assert isinstance(code, int)
    return code


def run_command(*arguments: object) -> Said:
    """Run a command and return all that it says."""
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        code = cli(*arguments)
    return Said(code, output.getvalue(), errors.getvalue())


def printed(*arguments: object) -> str:
    """Run a command that must succeed without a warning, and return what it prints."""
    said = run_command(*arguments)
    assert (said.code, said.errors) == (0, ""), said
    return said.output


def answer(*arguments: object) -> Any:
    """Run a command that must succeed, and return what it prints as JSON."""
    said = run_command(*arguments, "--json")
    assert said.code == 0, said
    return json.loads(said.output)


def refused(*arguments: object, code: int = 2) -> str:
    """Run a command that must end with this exit code, and return its one line of error."""
    said = run_command(*arguments)
    assert (said.code, said.errors.count("\n")) == (code, 1), said
    return said.errors
