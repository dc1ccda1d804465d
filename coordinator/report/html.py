"""``report.html``: one file that shows a run or a comparison, figures included."""

from pathlib import Path

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.page import Page, render
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore


def write_report(folder: Path, out: Path | None = None, trust: bool = False) -> Path:
    """Write the report of a run or of a comparison, and return its file.

    Args:
        folder: of the run or comparison.
        out: the file; ``report.html`` in the folder by default.
        trust: load the own classes that its configuration names, as for ``read_config``.
    """
    path = out or folder / "report.html"
    text = render(_page(folder, trust))
    try:
        atomic_files.write_bytes(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def _page(folder: Path, trust: bool) -> Page:
    if (folder / "comparison.json").exists():
        from spikeloop.coordinator.report.comparison_report import comparison_page

        return comparison_page(folder, trust)
    if (folder / "run.json").exists():
        from spikeloop.coordinator.report.run_report import run_page

        return run_page(RunStore.open(folder).as_of_now(), trust)
    raise ConfigError(
        f"{folder}: neither a run folder nor one of a comparison (no run.json, no comparison.json)"
    )
