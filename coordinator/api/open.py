"""Open what a folder holds."""

from os import PathLike
from pathlib import Path

from spikeloop.coordinator.api.brief_errors import brief_errors
from spikeloop.coordinator.api.comparison_view import Comparison
from spikeloop.coordinator.api.run_view import Run
from spikeloop.coordinator.comparison.session import read_config
from spikeloop.coordinator.store.folder_kind import holds_comparison
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore


@brief_errors
def open(folder: str | PathLike[str], trust: bool = False) -> Run | Comparison:
    """Open the folder of a run or of a comparison, finished or still going on.

        run = sl.open("runs/first")

    Args:
        folder: of the run or comparison.
        trust: load the classes of its author's own that it names, which runs their code. Without
            it, only those of modules that are imported already can be used.

    Raises:
        ConfigError: the folder holds neither, is damaged, or needs ``trust``.
    """
    path = Path(folder)
    if holds_comparison(path):
        return Comparison(read_config(path, trust), path, trust)
    return Run(read_run(RunStore.open(path), trust), trust)
