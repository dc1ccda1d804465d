"""Values, errors, warnings and commands as one line of text."""

import shlex

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


def command_line(*words: object) -> str:
    """A command of this program as a shell takes it; ``words`` begin with the command's name."""
    return shlex.join(["spikeloop", *map(str, words)])


def duration(seconds: float) -> str:
    """Seconds as, for example, "0:42", "12:05" or "3:10:00"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
