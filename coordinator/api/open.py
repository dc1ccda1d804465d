"""Open what a folder or a weights file holds."""

from os import PathLike
from pathlib import Path

from spikeloop.coordinator.api.brief_errors import brief_errors
from spikeloop.coordinator.api.comparison_view import Comparison
from spikeloop.coordinator.api.run_view import Run
from spikeloop.coordinator.api.sweep_view import Sweep
from spikeloop.coordinator.api.weights_view import WeightsFile
from spikeloop.coordinator.comparison.session import read_config
from spikeloop.coordinator.export.weights import open_learned
from spikeloop.coordinator.store.folder_kind import kind_of
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sweep import session


@brief_errors
def open(
    folder: str | PathLike[str], trust: bool = False
) -> Run | Comparison | Sweep | WeightsFile:
    """Open the folder of a run, a comparison or a sweep, finished or still going on.

        run = sl.open("runs/first")

    A weights file, such as those of ``examples/trained``, is opened too.

    Args:
        folder: of the run, comparison or sweep, or a weights file.
        trust: load the classes of its author's own that it names, which runs their code. Without
            it, only those of modules that are imported already can be used.

    Raises:
        ConfigError: the folder holds none of these, is damaged, or needs ``trust``.
    """
    path = Path(folder)
    if path.is_file():
        return WeightsFile(open_learned(path, trust), trust)
    kind = kind_of(path)
    if kind == "sweep":
        return Sweep(session.read_config(path, trust), path, trust)
    if kind == "comparison":
        return Comparison(read_config(path, trust), path, trust)
    return Run(read_run(RunStore.open(path), trust), trust)
