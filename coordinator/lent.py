"""A run's folder on a cluster, read file by file over HTTP, also while the run goes on."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeloop.cluster.jobs import JobInfo, Jobs
from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator import files
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import ONCE, PARTS, RunStore

AT_ONCE = 8
"""Downloads side by side; a file costs some 10 ms, whatever its size."""
STATE = re.compile(r"state/(\d{6,})\.npz")
PART = re.compile(rf"({'|'.join((*PARTS, *ONCE))})/part-(\d{{6,}})\.parquet")
FIGURE = re.compile(r"figures/[A-Za-z0-9_-]+\.png")


@dataclass(frozen=True)
class Listing:
    """The files of a run as it stood at one moment.

    Attributes:
        generation: the last that was committed; -1 if none was.
        names: of all files but ``run.json``, in the order in which they were committed; a figure
            may have been drawn since.
    """

    generation: int
    names: tuple[str, ...]


class LentRun:
    """The folder that a job lends.

    Args:
        jobs: of the cluster.
        job: the last one of the run.
        name: of the run.
    """

    def __init__(self, jobs: Jobs, job: JobInfo, name: str) -> None:
        self._jobs = jobs
        self._job = job
        self._name = name

    def folder(self) -> str:
        """Where it is on the cluster; "" before the job knows."""
        if not self._job.node:
            return ""
        return (self._jobs.read(self._job, f"{self._name}.txt") or b"").decode().strip()

    def listing(self) -> Listing:
        """What is committed."""
        # States first: the parts of a generation are there once its state is.
        numbers = [int(m[1]) for name in self._names("state/*.npz") if (m := STATE.fullmatch(name))]
        last = max(numbers, default=-1)
        found = [(number, 1, f"state/{number:06d}.npz") for number in numbers]
        for name in self._names("*/*"):
            if match := PART.fullmatch(name):
                number = last + 1 if match[1] in ONCE else int(match[2])
                if match[1] in ONCE or number <= last:
                    found.append((number, 0, name))
            elif FIGURE.fullmatch(name):
                found.append((last + 1, 1, name))
        return Listing(last, tuple(name for _, _, name in sorted(found)))

    def bring(self, names: Iterable[str], staged: RunStore) -> None:
        """Downloads files into a folder that holds the run's ``run.json``, and checks each.

        Raises:
            ConfigError: a file is damaged, or of another run.
            PoolError: a file is gone, or the cluster is.
        """
        with ThreadPoolExecutor(AT_ONCE) as downloads:
            for name, data in downloads.map(lambda name: (name, self._read(name)), names):
                path = staged.folder / name
                path.parent.mkdir(exist_ok=True)
                files.write_bytes(path, data)
                check(staged, path)

    @contextmanager
    def staged(self, beside: Path) -> Iterator[RunStore]:
        """A folder with nothing but the run's ``run.json``, removed at the end unless renamed.

        Args:
            beside: a name in the folder to make it in.
        """
        folder = beside.with_name(f".{beside.name}.{os.urandom(4).hex()}.tmp")
        manifest = self._read("run.json")
        files.make_folder(folder.parent)
        folder.mkdir()
        try:
            files.write_bytes(folder / "run.json", manifest)
            yield RunStore.open(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def last_rows(self, temporary: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The rows of the last generation and of the last one whose held-out score is known.

        Args:
            temporary: an empty folder.
        """
        listing = self.listing()
        latest = _part("generations", listing.generation)
        scored = [name for name in listing.names if name.startswith("curves/")]
        known = scored[-1].replace("curves", "generations") if scored else latest
        wanted = [name for name in dict.fromkeys((latest, known)) if name in listing.names]
        if not wanted:
            return {}, {}
        with self.staged(temporary / "run") as staged:
            self.bring(wanted, staged)
            rows = {name: staged.read_part(staged.folder / name).to_pylist()[0] for name in wanted}
        return rows.get(latest, {}), rows.get(known, {})

    def _names(self, pattern: str) -> list[str]:
        if not self._job.node:
            return []
        found = self._jobs.lent(self._job, f"{self._name}/{pattern}")
        return [name.removeprefix(f"{self._name}/") for name in found]

    def _read(self, name: str) -> bytes:
        data = self._jobs.read(self._job, f"{self._name}/{name}") if self._job.node else None
        if data is None:
            raise PoolError(
                f"{self._name}: there is no {name} on the cluster (any more); the run is "
                f"{self._job.state}, try again once it has begun"
            )
        return data


def check(store: RunStore, path: Path) -> None:
    """ConfigError if a downloaded file is not whole, not of this run, or not in its place."""
    if path.suffix == ".png":
        data = path.read_bytes()
        if not (data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")):
            raise ConfigError(f"{path}: damaged: it is no PNG image")
        return
    store.check(path)


def publish(staged: RunStore, store: RunStore, names: Iterable[str]) -> None:
    """Moves files of a staged run into its folder, each atomically and in the order given."""
    for name in names:
        path = store.folder / name
        files.make_folder(path.parent)
        os.replace(staged.folder / name, path)
        files.sync_folder(path.parent)


def _part(name: str, number: int) -> str:
    return f"{name}/part-{number:06d}.parquet"
