"""Blank figures for tests that are about something else: drawing takes most of a small run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20_000) + b"IEND\xaeB`\x82"
SVG = '<svg width="7pt" height="4pt" viewBox="0 0 7 4"></svg>'


@contextmanager
def blank_figures() -> Iterator[None]:
    """Let matplotlib save blank figures within the block."""
    from matplotlib.figure import Figure

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Figure, "savefig", save_blank)
        yield


def save_blank(figure: object, file: Any, *, format: str, **options: Any) -> None:
    """Write a blank file instead of ``Figure.savefig``."""
    file.write(SVG if format == "svg" else PNG)
