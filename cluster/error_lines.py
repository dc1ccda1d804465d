"""Why something failed, in one line, from what Ray or the operating system says about it."""


def first_line(error: object) -> str:
    """The first line of a message that says something.

    That is the last one of a traceback, as the dashboard sends it; of an operating system's error
    its words.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = _lines(error)
    return last_line(error) if "Traceback (most recent call last)" in lines[0] else lines[0]


def origin(error: BaseException) -> str:
    """The first line of the error that others were raised after, as clients of HTTP wrap them."""
    return first_line(first_cause(error))


def first_cause(error: BaseException) -> BaseException:
    """The error that others were raised after."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def last_line(error: object) -> str:
    """The last line that says something: the error itself, where the text is a traceback."""
    lines = _lines(error)
    return next((line.strip() for line in reversed(lines) if line.strip(" .")), lines[-1])


def _lines(error: object) -> list[str]:
    return str(error).strip().splitlines() or [type(error).__name__]
