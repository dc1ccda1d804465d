"""What another account of this machine can do with files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = 65534
ATTEMPTS = """
import json, os, socket, stat, sys
os.setgroups([])
os.setgid({nobody})
os.setuid({nobody})
for path in json.load(sys.stdin):
    for what in ("read", "replace", "add", "connect"):
        try:
            if what == "read":
                os.listdir(path) if os.path.isdir(path) else open(path, "rb").close()
            elif what == "replace":
                os.rename(path, path + ".moved")
                os.rename(path + ".moved", path)
            elif what == "add":
                os.close(os.open(path + "/numba", os.O_CREAT | os.O_EXCL))
                os.unlink(path + "/numba")
            elif stat.S_ISSOCK(os.stat(path).st_mode):
                socket.socket(socket.AF_UNIX).connect(path)
            else:
                continue
        except OSError:
            continue
        print(what, path)
"""


def successes(paths: list[Path]) -> list[str]:
    """Return what an account without rights manages to do with files, as "read PATH"."""
    if os.geteuid() != 0:
        pytest.skip("only root can try what another account can do")
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS.format(nobody=NOBODY)],
        input=json.dumps([str(path) for path in paths]),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.splitlines()


def within(folder: Path) -> list[Path]:
    """Return a folder and all paths below it."""
    return [folder, *folder.rglob("*")]
