"""Command lines that a command prints for its user, run by a shell."""

import os
import subprocess
import sys
from pathlib import Path

from support.child_processes import LIMIT_S


def run_printed_line(line: str, **variables: str) -> str:
    """Run a printed line and return its output; fail unless its exit code is 0.

    Args:
        line: as printed.
        variables: of the environment, besides this process's own.
    """
    bin_ = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", line],
        cwd="/",
        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout
