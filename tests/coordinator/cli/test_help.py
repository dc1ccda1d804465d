"""What a newcomer asks first: help, version, and what the shell completes."""

import os
import sys
from pathlib import Path

import pytest
from support.child_processes import ended
from support.command_line import printed

import spikeloop

COMMAND = Path(sys.executable).with_name("spikeloop")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_gets_the_commands_that_begin_with_a_word(shell: str) -> None:
    typed = {"COMP_WORDS": "spikeloop comp", "COMP_CWORD": "1"}
    others = {
        "_TYPER_COMPLETE_ARGS": "spikeloop comp",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_SPIKELOOP_COMPLETE": f"complete_{shell}",
    }
    code, output, errors = ended([str(COMMAND)], env={**os.environ, **typed, **others})
    assert (code, errors) == (0, "")
    assert "compare" in output
    assert "resume" not in output


def test_version_is_that_of_the_package() -> None:
    assert printed("--version") == f"spikeloop {spikeloop.__version__}\n"


def test_every_command_says_what_it_does_in_one_line_of_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed("--help").partition("Commands:\n")[2].splitlines()
    assert lines
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []
