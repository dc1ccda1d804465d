"""Figures that are written like any other, but blank: drawing takes most of a small run.

For tests that are about something else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20_000) + b"IEND\xaeB`\x82"
SVG = '<svg width="7pt" height="4pt" viewBox="0 0 7 4"></svg>'


@contextmanager
def blank_figures() -> Iterator[None]:
    """Inside, matplotlib saves blank figures."""
    from matplotlib.figure import Figure

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Figure, "savefig", save_blank)
        yield


def save_blank(figure: object, file: Any, *, format: str, **options: Any) -> None:
    """What ``Figure.savefig`` is asked for, without a drawing."""
    file.write(SVG if format == "svg" else PNG)
