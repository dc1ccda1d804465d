"""Open what a folder holds."""

from os import PathLike
from pathlib import Path

from spikeloop.coordinator.api.run_view import Run
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store.folder_kind import RUN_MANIFEST, is_run
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore


def open(folder: str | PathLike[str], trust: bool = False) -> Run:
    """Open a run folder, whether the run is finished or still going on.

    Args:
        folder: of the run.
        trust: load the classes of its author's own that it names, which runs their code. Without
            it, only those of modules that are imported already can be used.

    Raises:
        ConfigError: there is no run in the folder, it is damaged, or it needs ``trust``.
    """
    path = Path(folder)
    if is_run(path):
        return Run(read_run(RunStore.open(path), trust))
    raise ConfigError(f"{path}: not a run folder (there is no {RUN_MANIFEST} in it)")
