"""Frames of a watched run or comparison, and run folders that grow file by file."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from spikeloop.coordinator.store.commit_order import FOLDERS, is_drawn, ranked
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.watch.curves import TerminalSize
from spikeloop.coordinator.watch.run_view import RunView

NARROW, WIDE = TerminalSize(80, 24, False), TerminalSize(120, 40, True)


def frame_text(view: Any, size: TerminalSize = NARROW) -> str:
    """Return the frame of a view as text, which must fit into the columns of the terminal."""
    console = Console(width=size.columns, file=io.StringIO(), markup=False, highlight=False)
    with console.capture() as capture:
        console.print(view.show(size))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= size.columns
    return text


def look_at(folder: Path) -> RunView:
    """Return a view of a run that has looked at it once."""
    view = RunView(folder)
    view.look()
    return view


def grow(source: Path, folder: Path, last: str = "") -> Iterator[str]:
    """Copy a run without figures in the order in which it was written, file by file to ``last``."""
    for name in ("", *FOLDERS):
        (folder / name).mkdir()
    for _, name in ranked(RunStore(source).names()):
        if not is_drawn(name):
            shutil.copy2(source / name, folder / name)
            yield name
        if name == last:
            return


def grown(source: Path, folder: Path, last: str) -> Path:
    """Copy a run up to a file, and return the copy's folder."""
    list(grow(source, folder, last))
    return folder
