"""``report.html``: one file that shows a run or a comparison, with its figures within it."""

from pathlib import Path

from spikeloop.coordinator import files
from spikeloop.coordinator.analysis.page import Page, render
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import RunStore


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Writes the report of a run folder or a comparison folder and gives its file.

    Args:
        folder: of a run, which holds ``run.json``, or of a comparison, with ``comparison.json``.
        out: the file; ``report.html`` in the folder by default.
    """
    import matplotlib

    matplotlib.use("Agg")
    path = out or folder / "report.html"
    text = render(_page(folder))
    try:
        files.write_bytes(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def _page(folder: Path) -> Page:
    if (folder / "comparison.json").exists():
        from spikeloop.coordinator.analysis.comparison_report import comparison_page

        return comparison_page(folder)
    if (folder / "run.json").exists():
        from spikeloop.coordinator.analysis.run_report import run_page

        return run_page(RunStore.open(folder).as_of_now())
    raise ConfigError(
        f"{folder}: neither a run folder nor one of a comparison (no run.json, no comparison.json)"
    )
