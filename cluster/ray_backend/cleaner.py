"""Ends the processes of a cluster when the process that started it cannot do so any more.

Ray's head processes end with the process that started them, and the workers follow within seconds.
But a node's two agents try for a minute to report its end to the head, which has ended too, and
what a learner has started notices nothing of all this.

So every process of the cluster inherits a variable with a random word in it. This module is also
a program that waits until the process which started the cluster ends, then kills all processes that
have this word in their environment, and no other, and removes the cluster's folder. It is run by
its path and imports nothing of Spikeloop, so that it is small and starts at once.
"""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = "SPIKELOOP_CLUSTER"
"""The variable that holds the word."""
PATIENCE_S = 10.0
"""A process that the kernel has not ended within this time is given up."""
DONE = b"."
"""Sent at an orderly end, after which the folder is left to the process that made it."""


@contextmanager
def cleaned_up(folder: Path) -> Iterator[dict[str, str]]:
    """Run the program for the time of a block, and let it end what the block has left.

    Yields:
        Variables that all processes of the cluster must inherit.
    """
    word = secrets.token_hex(16)
    process = subprocess.Popen(
        [sys.executable, "-P", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A cluster within a cluster ends by itself when its coordinator is killed.
        env={name: value for name, value in os.environ.items() if name != MARK},
        start_new_session=True,  # no signal to a terminal's or a shell's job reaches it
    )
    pipe = process.stdin
    assert pipe is not None
    with suppress(BrokenPipeError):
        pipe.write(word.encode() + b"\n" + os.fsencode(folder) + b"\0")
        pipe.flush()
    try:
        # Ray's titles of processes must not overwrite their environment, as they do by default.
        yield {MARK: word, "SPT_NOENV": "1"}
    finally:
        with suppress(BrokenPipeError):
            pipe.write(DONE)
            pipe.flush()
        with suppress(BrokenPipeError):
            pipe.close()
        try:
            process.wait(2 * PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_all(word: str) -> None:
    """Kill every process that has the word in its environment, and those that they start."""
    import psutil

    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        marked = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == word:
                    marked.append(process)
                    process.kill()  # which makes sure that the number is still that process's
        if not marked:
            return
        psutil.wait_procs(marked, timeout=0.2)


def main() -> None:
    """Wait for the end of standard input, then clean up."""
    word, _, rest = sys.stdin.buffer.read().partition(b"\n")
    folder, _, ending = rest.partition(b"\0")
    if word:
        end_all(word.decode())
    if folder and ending != DONE:
        deadline = time.monotonic() + PATIENCE_S
        while os.path.isdir(folder) and time.monotonic() < deadline:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
