"""``report.html``: one file that shows a run, a comparison or a sweep, figures included."""

from pathlib import Path

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.page import Page, render
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.folder_kind import kind_of
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore


def write_report(folder: Path, out: Path | None = None, trust: bool = False) -> Path:
    """Write the report of a run, a comparison or a sweep, by default ``report.html`` in its folder.

    With ``trust`` the own classes are loaded that its configuration names.
    """
    return write_page(_page(folder, trust), out or folder / "report.html")


def write_page(page: Page, path: Path) -> Path:
    """Write a page as an HTML file."""
    text = render(page)
    try:
        atomic_files.write_bytes(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def _page(folder: Path, trust: bool) -> Page:
    kind = kind_of(folder)
    if kind == "comparison":
        from spikeloop.coordinator.comparison.session import read_config
        from spikeloop.coordinator.report.comparison_report import comparison_page

        return comparison_page(read_config(folder, trust), folder)
    if kind == "sweep":
        from spikeloop.coordinator.report.sweep_report import sweep_page
        from spikeloop.coordinator.sweep import session

        return sweep_page(session.read_config(folder, trust), folder)
    from spikeloop.coordinator.report.run_report import run_page

    return run_page(read_run(RunStore.open(folder).as_of_now(), trust))
