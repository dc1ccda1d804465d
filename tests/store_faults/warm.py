"""A process that has imported and compiled everything forks others that need not.

A child that starts cold needs seconds, one that is forked some hundredths of one. Forking is safe
while there is a single thread, so neither pytest's process does it nor one that has read a table:
the warm process only imports, and its children do the work.
"""

import functools
import gc
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

N_PROCESSES = 2
LIMIT_S = 300
"""A forked child that hangs is killed after this time, of which it needs a small part."""

SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}

Item = TypeVar("Item")


class Ended(NamedTuple):
    """How a forked child ended.

    Attributes:
        status: its exit code, or minus the signal that killed it.
        output: what it wrote to standard output.
        errors: what it wrote to standard error.
        value: what the function gave back; None if it did not come so far.
    """

    status: int
    output: str
    errors: str
    value: Any


def forked(function: Callable[[], Any]) -> Ended:
    """Calls a function in a forked child; ``SystemExit`` in it is the child's exit code."""
    return started(function)()


def started(function: Callable[[], Any]) -> Callable[[], Ended]:
    """Begins to call a function in a forked child; what comes back waits for its end."""
    files = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  closed when read
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT_S)
        for descriptor, file in enumerate(files, start=1):
            os.dup2(file.fileno(), descriptor)
        _answer(function, writing)
    os.close(writing)

    def ended() -> Ended:
        with open(reading, "rb") as pipe:
            answer = pipe.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in files:
            with file:
                file.seek(0)
                texts.append(file.read().decode())
        return Ended(status, texts[0], texts[1], pickle.loads(answer) if answer else None)

    return ended


def _answer(function: Callable[[], Any], pipe: int) -> None:
    """The episode of a forked child, which ends here."""
    status = 1
    try:
        value = function()
        with open(pipe, "wb") as file:
            pickle.dump(value, file)
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class Warm:
    """The warm process.

    Args:
        folder: where it works.
        module: of ``store_faults``, imported in it, with a function ``warm_up()``.
        inside: a command that starts another one in surroundings of its own.
    """

    def __init__(self, folder: Path, module: str, inside: Sequence[str] = ()) -> None:
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        program = f"from store_faults import warm, {module}; warm.serve({module}.warm_up)"
        self._process = subprocess.Popen(
            [*inside, sys.executable, "-c", program],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **SINGLE_THREADED, "PYTHONPATH": path.rstrip(os.pathsep)},
        )

    def map(self, function: Callable[[Item], Any], items: Iterable[Item]) -> list[Any]:
        """Calls a function of an importable module for each item, each in a fork of its own."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((function, list(items)), self._process.stdin)
        self._process.stdin.flush()
        answer: list[Any] = pickle.load(self._process.stdout)
        return answer

    def __enter__(self) -> "Warm":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()  # closes its standard input, which ends it


def serve(warm_up: Callable[[], None]) -> None:
    """The episode of the warm process: warms up, then answers until standard input ends."""
    inbox = sys.stdin.buffer
    with os.fdopen(os.dup(1), "wb") as outbox:
        os.dup2(2, 1)  # whatever else is printed is none of the answers
        warm_up()
        gc.collect()
        gc.freeze()  # so that no collection in a child touches, and copies, what they share
        while True:
            try:
                function, items = pickle.load(inbox)
            except EOFError:
                return
            pickle.dump(_shared(function, items), outbox)
            outbox.flush()


def _shared(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """The answers in order, worked out by a few processes side by side."""
    assert len(os.listdir("/proc/self/task")) == 1, "only a process with one thread may fork"
    shares = []
    for number in range(N_PROCESSES):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _answer(functools.partial(_each, function, items[number::N_PROCESSES]), writing)
        os.close(writing)
        shares.append((child, reading))
    answers: list[Any] = [None] * len(items)
    for number, (child, reading) in enumerate(shares):
        with open(reading, "rb") as pipe:
            answers[number::N_PROCESSES] = pickle.loads(pipe.read())
        os.waitpid(child, 0)
    return answers


def _each(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    answers = []
    for item in items:
        ended = forked(functools.partial(function, item))
        if ended.status != 0:
            raise RuntimeError(f"{function} of {item} ended with {ended.status}: {ended.errors}")
        answers.append(ended.value)
    return answers
