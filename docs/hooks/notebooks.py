"""Run the notebooks of the tutorials and turn them into pages with their output.

A notebook is run once for its text and the sources of the package: what it left is kept below
``build/tutorials``. With ``SPIKELOOP_TUTORIALS=short`` cells run with smaller numbers, which takes
seconds: their metadata ``short`` says what stands in the place of what. The page shows the cell as
it is written.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from traitlets.config import Config

from spikeloop.workers.fingerprint import fingerprint

TIMEOUT_S = 600
SHORT = """
    What it prints here is of a short version, with smaller numbers than those in the cells.
"""


def short_versions() -> bool:
    """Whether notebooks run in their short version."""
    return os.environ.get("SPIKELOOP_TUTORIALS", "") == "short"


def run_notebook(path: Path, *, short: bool) -> Any:
    """Run a notebook in an empty folder and return it with its output.

    Args:
        path: the notebook.
        short: whether cells run in their short versions, where they have one.

    Raises:
        ValueError: what a short version replaces is not in its cell.
        CellExecutionError: if a cell raises.
    """
    notebook = nbformat.read(path, as_version=4)
    written = [cell.source for cell in notebook.cells]
    if short:
        for cell in notebook.cells:
            cell.source = shortened(cell.source, cell.metadata.get("short", {}))
    with (
        tempfile.TemporaryDirectory(prefix="tutorial-") as folder,
        tempfile.TemporaryDirectory(prefix="kernel-") as sockets,
    ):
        # Sockets in a folder of mode 700 instead of ports that others can reach.
        kernel = {"transport": "ipc", "ip": f"{sockets}/s"}
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT_S,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            config=Config({"KernelManager": kernel}),
        )
        client.execute()
    for cell, source in zip(notebook.cells, written, strict=True):
        cell.source = source
    return notebook


def shortened(source: str, smaller: Mapping[str, str]) -> str:
    """Return the code of a cell with smaller numbers.

    Raises:
        ValueError: what is to be replaced does not stand exactly once in it.
    """
    for written in smaller:
        if source.count(written) != 1:
            raise ValueError(f"{written!r} must stand once in the cell {source[:40]!r}...")
    if not smaller:
        return source
    return re.sub("|".join(map(re.escape, smaller)), lambda match: smaller[match[0]], source)


def tutorial_files(path: Path, root: Path, log: Callable[[str], Any]) -> dict[str, str | bytes]:
    """Return the page of a notebook and its pictures, by their names beside each other."""
    short = short_versions()
    key = hashlib.sha256(path.read_bytes() + repr((fingerprint(), short)).encode())
    kept = root / "build" / "tutorials" / f"{path.stem}-{key.hexdigest()[:16]}.ipynb"
    if not kept.exists():
        log(f"running {path.name}{' (short version)' if short else ''}")
        notebook = run_notebook(path, short=short)
        kept.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, kept)
    body, resources = MarkdownExporter().from_filename(
        str(kept), resources={"unique_key": path.stem, "output_files_dir": f"{path.stem}_files"}
    )
    note = (
        "!!! note\n    This page is a notebook: "
        f'<a href="../{path.name}" download>download it</a>, open it in JupyterLab, and run it.\n'
        f"{SHORT if short else ''}"
    )
    title, _, rest = body.lstrip().partition("\n")
    files: dict[str, str | bytes] = {f"{path.stem}.md": f"{title}\n\n{note}\n{rest}"}
    return files | {name: data for name, data in resources["outputs"].items()}
