"""Values, errors, warnings and commands as one line of text."""

import shlex
import traceback
from pathlib import Path

import typer

LONGEST = 1000
"""Characters of a line; what a message quotes may be a whole file."""


def warn(message: str) -> None:
    """Print one line that is no error."""
    typer.echo(f"spikeloop: warning: {printable(message)}", err=True)


def printable(message: str) -> str:
    """A message as one line of at most ``LONGEST`` characters, whatever it quotes.

    Names of files and keys may hold any character: line breaks, and bytes that are no text.
    """
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def one_line(error: BaseException) -> str:
    """An error's message as one line; for an operating system's error, which file and why."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())


def raised_at(error: BaseException) -> str:
    """The file and line where an error was raised, in the user's own code if that was under way.

    Of the calls that led to it, this is the last one outside this package and its libraries, or
    else the last one.
    """
    calls = traceback.extract_tb(error.__traceback__)
    package = Path(__file__).parents[1]
    own = [
        call
        for call in calls
        if not Path(call.filename).resolve().is_relative_to(package)
        and not {"site-packages", "dist-packages"} & {*Path(call.filename).parts}
        and not call.filename.startswith("<")
    ]
    call = (own or calls)[-1]
    return f"{call.filename}:{call.lineno}"


def command_line(*words: object) -> str:
    """A command of this program as a shell takes it; ``words`` begin with the command's name."""
    return shlex.join(["spikeloop", *map(str, words)])


def duration(seconds: float) -> str:
    """Seconds as, for example, "0:42", "12:05" or "3:10:00"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
