"""The folder of a submitted run on a cluster, file by file over HTTP, also while it goes on."""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from spikeloop.cluster.ray_backend.job_client import JobInfo, Jobs
from spikeloop.cluster.ray_backend.job_env import location_file
from spikeloop.coordinator.store.result_files import FINAL, RESULTS
from spikeloop.coordinator.sync.download import StoredRun


class JobFolder:
    """The folder of a job's run, as a source of downloads.

    Args:
        jobs: of the cluster.
        job: the last one of the run.
        name: of the run.
    """

    def __init__(self, jobs: Jobs, job: JobInfo, name: str) -> None:
        self._jobs, self._job, self._name = jobs, job, name

    def __str__(self) -> str:
        """The run and its cluster."""
        return f"{self._name} at {self._jobs.address}"

    def path(self) -> str:
        """Where it is on the cluster; "" before the job knows."""
        return (self._bytes(location_file(self._name)) or b"").decode(errors="replace").strip()

    def names(self) -> set[str]:
        """Names of all files in its folders."""
        if not self._job.node:
            return set()
        return set(self.matching("**/*"))

    def matching(self, pattern: str) -> list[str]:
        """Names of the files in it that match a pattern, such as ``final/*/*.json``."""
        found = self._jobs.shared_files(self._job, f"{self._name}/{pattern}")
        return [name.removeprefix(f"{self._name}/") for name in found]

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None if there is none."""
        return self._bytes(f"{self._name}/{name}")

    def _bytes(self, name: str) -> bytes | None:
        return self._jobs.read(self._job, name) if self._job.node else None


def n_scored(folder: JobFolder) -> int:
    """How many searches of a comparison's final phase have ended."""
    return len(folder.matching(f"{FINAL}/*/*.json"))


def n_ended(folder: JobFolder) -> int:
    """How many runs of a sweep have ended, those that failed included."""
    data = folder.read(RESULTS)
    return 0 if data is None else pq.read_metadata(io.BytesIO(data)).num_rows


def last_rows(stored: StoredRun) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The rows of the last generation and of the last one whose held-out score is known."""
    latest = _row_of(stored.generation)
    scored = [name for name in stored.committed() if name.startswith("curves/")]
    known = scored[-1].replace("curves", "generations") if scored else latest
    wanted = [name for name in {latest, known} if name != _row_of(0) and stored.generation > 0]
    if not wanted:
        return {}, {}
    with tempfile.TemporaryDirectory() as temporary:
        store = stored.read_files(wanted, Path(temporary) / "run")
        # A part has the number of its last row.
        rows = {name: store.read_part(store.folder / name).to_pylist()[-1] for name in wanted}
    return rows.get(latest, {}), rows.get(known, {})


def _row_of(generation: int) -> str:
    return f"generations/part-{generation:06d}.parquet"
