"""Brings a run's folder back, from a cluster or from its copy, and compares its numbers."""

from dataclasses import dataclass
from pathlib import Path

from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync.download import Copy


@dataclass(frozen=True)
class Fetched:
    """What came back.

    Attributes:
        generation: the last that is committed.
        n_files: of the run.
        n_new: of these, brought now.
        note: why the numbers were not compared; "" if they were, and agree.
    """

    generation: int
    n_files: int
    n_new: int
    note: str


def fetch(copy: Copy, folder: Path, classes: Path | None = None) -> Fetched:
    """Makes a folder the run as it stands there; what is here already stays.

    A new folder appears whole or not at all; one that is here grows generation by generation, so it
    can be resumed whenever this is broken off.

    Args:
        copy: of the run.
        folder: a run folder, or where to make one.
        classes: the folder of the user's own classes from which the run was submitted, if known.

    Raises:
        ConfigError: the folder holds something else, or a file came damaged.
        PoolError: the place cannot be reached.
        RunFailed: the files are sound, and their numbers contradict each other.
    """
    n_new = copy.pull(folder)
    note = _verify(RunStore(folder), classes)
    return Fetched(copy.generation, 1 + len(copy.committed()), n_new, note)


def _verify(store: RunStore, classes: Path | None) -> str:
    """Why a run's numbers cannot be compared here; "" if they are sound."""
    from spikeloop.coordinator.store import begun_runs, run_folder, trust
    from spikeloop.coordinator.verification import verify_run

    found = store.manifest()
    try:
        run_folder.read_run(store)
    except ConfigError as error:
        modules = trust.own_classes(found["config"])
        if not modules or begun_runs.here(found):
            return str(error)
        if trust.can_import(found):
            return f"compare them with: {trust.again('verify', store.folder)}"
        if classes is not None and trust.can_import(found, classes):
            return f"compare them with: {trust.again_with(classes, 'verify', store.folder)}"
        return (
            f"this machine does not have {', '.join(modules)}; add the folder that it is in to "
            f"PYTHONPATH, then compare them with: {trust.again('verify', store.folder)}"
        )
    if problems := verify_run.verify(store).problems:
        raise RunFailed(f"{store.folder}: {len(problems)} problem(s); the first: {problems[0]}")
    return ""
