"""Reduces errors of Ray or the operating system to one line."""


def first_line(error: object) -> str:
    """Return the informative line of an error: of a message the first, of a traceback the last."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = _lines(error)
    return last_line(error) if "Traceback (most recent call last)" in lines[0] else lines[0]


def first_cause(error: BaseException) -> BaseException:
    """Return the error that the others were raised after, as clients of HTTP wrap them."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def last_line(error: object) -> str:
    """Return the last informative line: the error itself, where the text is a traceback."""
    lines = _lines(error)
    return next((line.strip() for line in reversed(lines) if line.strip(" .")), lines[-1])


def _lines(error: object) -> list[str]:
    return str(error).strip().splitlines() or [type(error).__name__]
