"""What the command line promises for any input, and the check of it."""

import io
import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis

from spikeloop.coordinator.cli.main import main

TIMES = int(os.environ.get("SPIKELOOP_FUZZ", "1"))
"""How many times as many examples as usual."""


def examples(n: int) -> hypothesis.settings:
    """Return settings of a fuzz test: the same n examples each time, or many new ones."""
    return hypothesis.settings(
        max_examples=n * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        phases=set(hypothesis.Phase) - {hypothesis.Phase.explain},
        suppress_health_check=list(hypothesis.HealthCheck),
    )


@dataclass(frozen=True)
class Result:
    """How a command ended; ``left`` are files that it added to the folder or took away."""

    code: object
    output: str
    errors: str
    left: frozenset[str]

    @property
    def message(self) -> str:
        """The line of the error; "" if there is none."""
        return self.errors.splitlines()[-1] if self.code and self.errors else ""


def run_command(*arguments: str) -> Result:
    """Run a command in this process, with the streams that a terminal gives it."""
    before = _names()
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    errors = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            main(list(arguments))
        except SystemExit as exit_:
            code = exit_.code
    written = []
    for stream in (output, errors):
        stream.flush()
        stream.seek(0)
        written.append(stream.buffer.read().decode())
    return Result(code, written[0], written[1], _names() ^ before)


def broken_promises(result: Result) -> list[str]:
    """Return what a command has done that none may do."""
    lines = result.errors.removesuffix("\n").split("\n") if result.errors else []
    errors = [line for line in lines if not line.startswith("spikeloop: warning: ")]
    one_line = len(errors) == 1 and errors == lines[-1:] and errors[0].startswith("spikeloop: ")
    checks = {
        "exit code": result.code not in (0, 1, 2, 3, 4),
        "unexpected": "Traceback" in result.errors or "spikeloop: unexpected " in result.errors,
        "errors without failure": result.code == 0 and bool(errors),
        "not one line": result.code != 0 and not one_line,
        "not printable": not all(line.isprintable() for line in lines),
        "long line": any(len(line) > 2000 for line in lines),
        "left behind": result.code == 2 and bool(result.left),
    }
    return [name for name, broken in checks.items() if broken]


def run_and_check(*arguments: str) -> Result:
    """Run a command and fail unless it keeps all promises."""
    result = run_command(*arguments)
    if hypothesis.currently_in_test_context():
        hypothesis.event(f"exit code {result.code}")
    assert broken_promises(result) == [], f"{arguments!r}: {result}"
    return result


@contextmanager
def own_folder() -> Iterator[Path]:
    """Work in a new folder, which is gone afterwards."""
    with TemporaryDirectory() as name, chdir(name):
        yield Path(name)


def _names() -> frozenset[str]:
    """All files but the compiled modules that Python keeps beside own classes."""
    found = (path for path in Path().rglob("*") if "__pycache__" not in path.parts)
    return frozenset(os.fsencode(path).decode(errors="replace") for path in found)
