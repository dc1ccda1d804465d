"""Brings a run's folder back, from a cluster or from its copy, and compares its numbers."""

from dataclasses import dataclass
from pathlib import Path

from spikeloop.coordinator.copies import Copy
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.store import RunStore


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


def fetch(copy: Copy, folder: Path) -> Fetched:
    """Makes a folder the run as it stands there; what is here already stays.

    A new folder appears whole or not at all; one that is here grows generation by generation, so it
    can be resumed whenever this is broken off.

    Raises:
        ConfigError: the folder holds something else, or a file came damaged.
        PoolError: the place cannot be reached.
        RunFailed: the files are sound, and their numbers contradict each other.
    """
    n_new = copy.pull(folder)
    note = _verify(RunStore(folder))
    return Fetched(copy.generation, 1 + len(copy.committed()), n_new, note)


def _verify(store: RunStore) -> str:
    """Why a run's numbers cannot be compared here; "" if they are sound."""
    from spikeloop.coordinator import manifest, trust, verification

    try:
        manifest.read_config(store)
    except ConfigError as error:
        if trust.own_classes(store.manifest()["config"]):
            return f"compare them with: {trust.again('verify', store.folder)}"
        return str(error)
    if problems := verification.verify(store).problems:
        raise RunFailed(f"{store.folder}: {len(problems)} problem(s); the first: {problems[0]}")
    return ""
