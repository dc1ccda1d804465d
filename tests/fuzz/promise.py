"""What the command line promises whatever it is given, and the check of it."""

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
    """Settings of a fuzz test: the same n examples each time, or many new ones."""
    return hypothesis.settings(
        max_examples=n * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        phases=set(hypothesis.Phase) - {hypothesis.Phase.explain},
        suppress_health_check=list(hypothesis.HealthCheck),
    )


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        left: what it left in the folder that was not there before, or took away from it.
    """

    arguments: tuple[str, ...]
    code: object
    output: str
    errors: str
    left: frozenset[str]

    @property
    def message(self) -> str:
        """The line of the error; "" if all went well."""
        return self.errors.splitlines()[-1] if self.code and self.errors else ""


def ended(*arguments: str) -> Ended:
    """Runs a command in this process, with the streams that a terminal gives it."""
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
    return Ended(arguments, code, written[0], written[1], _names() ^ before)


def broken(result: Ended) -> list[str]:
    """The promises that a command has not kept."""
    lines = result.errors.split("\n")
    if lines[-1] == "":
        del lines[-1]
    told = [line for line in lines if not line.startswith("spikeloop: warning: ")]
    found = []
    if result.code not in (0, 1, 2, 3, 4):
        found.append(f"the exit code is {result.code!r}")
    if "Traceback" in result.errors or "spikeloop: unexpected " in result.errors:
        found.append("a failure that nobody has foreseen")
    if result.code == 0 and told:
        found.append("all went well, and yet there are errors")
    if result.code != 0 and (len(told) != 1 or told[0] != lines[-1]):
        found.append(f"{len(told)} lines of errors instead of one, the last")
    if result.code != 0 and not lines[-1:][0].startswith("spikeloop: "):
        found.append("the last line does not begin with the program's name")
    if not all(line.isprintable() for line in lines):
        found.append("characters that cannot be printed")
    if any(len(line) > 2000 for line in lines):
        found.append("a line too long to be read")
    if result.code == 2 and result.left:
        found.append(f"something is left behind: {sorted(result.left)}")
    return found


def kept(*arguments: str) -> Ended:
    """Runs a command and fails unless it keeps all promises."""
    result = ended(*arguments)
    if hypothesis.currently_in_test_context():
        hypothesis.event(f"exit code {result.code}")
    assert broken(result) == [], f"{arguments!r}: {result.code}\n{result.errors}"
    return result


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder to stand in; gone afterwards."""
    with TemporaryDirectory() as name, chdir(name):
        yield Path(name)


def _names() -> frozenset[str]:
    return frozenset(os.fsencode(path).decode(errors="replace") for path in Path().rglob("*"))
