"""Programs that check our files and that pip may not have installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run_tool(*command: str, cwd: Path) -> str:
    """Run a program and return its output; fail if it complains, skip the test if it is missing."""
    program = find_tool(*command)
    done = subprocess.run([program, *command[1:]], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def find_tool(*command: str) -> str:
    """Return the path of a command's program.

    Skip the test if the program is missing; with ``SPIKELOOP_ALL_TOOLS=1`` it fails.
    """
    beside = Path(sys.executable).with_name(command[0])
    program = str(beside) if beside.exists() else shutil.which(command[0])
    missing = "" if program else f"{command[0]} is not installed"
    if program and command[:2] == ("docker", "compose"):
        probe = subprocess.run([program, "compose", "version"], capture_output=True, check=False)
        missing = "docker compose is not installed" if probe.returncode else ""
    if missing or program is None:
        if os.environ.get("SPIKELOOP_ALL_TOOLS") == "1":
            pytest.fail(f"{missing}, but SPIKELOOP_ALL_TOOLS=1")
        pytest.skip(missing)
    return program
