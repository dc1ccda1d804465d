"""Brings a run's folder back from a cluster, also while the run goes on, and checks it."""

from dataclasses import dataclass
from pathlib import Path

from spikeloop.coordinator import files
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.lent import LentRun, check, publish
from spikeloop.coordinator.store import ONCE, PARTS, RunStore


@dataclass(frozen=True)
class Fetched:
    """What came back.

    Attributes:
        generation: the last that is committed.
        n_files: of the run.
        n_new: of these, downloaded now.
        note: why the numbers were not compared; "" if they were, and agree.
    """

    generation: int
    n_files: int
    n_new: int
    note: str


def fetch(run: LentRun, folder: Path) -> Fetched:
    """Makes a folder the run as it stands on the cluster; what is here already stays.

    A new folder appears whole or not at all; one that is here grows generation by generation, so it
    can be resumed whenever this is broken off.

    Args:
        run: on the cluster.
        folder: where to.

    Raises:
        ConfigError: the folder holds something else, or is ahead; or a file came damaged.
        RunFailed: the files are sound, and their numbers contradict each other.
    """
    here = RunStore.open(folder) if folder.exists() else None
    with run.staged(folder) as staged:
        if here is not None and here.identity != staged.identity:
            raise ConfigError(f"{folder}: holds another run of that name; choose another --out")
        listing = run.listing()
        if here is not None and here.generation() > listing.generation:
            raise ConfigError(
                f"{folder}: has generation {here.generation()}, the cluster only "
                f"{max(listing.generation, 0)}; choose another --out"
            )
        new = [name for name in listing.names if here is None or not _sound(here, name)]
        run.bring(new, staged)
        if here is None:
            for name in (*PARTS, *ONCE, "state", "figures"):
                (staged.folder / name).mkdir(exist_ok=True)
            staged.folder.rename(folder)
            files.sync_folder(folder.parent)
        else:
            with here.locked():
                publish(staged, here, new)
    return Fetched(listing.generation, 1 + len(listing.names), len(new), _verify(RunStore(folder)))


def _sound(store: RunStore, name: str) -> bool:
    """Whether a file is here already; figures are drawn again and again, and fetched so."""
    path = store.folder / name
    if path.suffix == ".png" or not path.exists():
        return False
    try:
        check(store, path)
    except ConfigError:
        return False
    return True


def _verify(store: RunStore) -> str:
    """Why a run's numbers cannot be compared here; "" if they are sound."""
    from spikeloop.coordinator import manifest, verification

    try:
        manifest.read_config(store)
    except ConfigError as error:  # the user's own classes, which lay in another folder
        return str(error)
    if problems := verification.verify(store).problems:
        raise RunFailed(f"{store.folder}: {len(problems)} problem(s); the first: {problems[0]}")
    return ""
