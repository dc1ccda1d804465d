"""Ray Jobs: the driver of a run, started and watched on a cluster's head over HTTP alone.

A thin client over Ray's own, in which every trouble is one line. ``inside_job`` is the other end.
"""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spikeloop.cluster.env import environment
from spikeloop.cluster.error_lines import first_line, origin
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.dashboard import PATIENCE_S, VARIABLE, reach, refused
from spikeloop.cluster.ray_backend.job_env import LENT

LIST_S, DOWNLOAD_S = 60, 3600
"""Time for a list of files, and for one file."""
STOP_WAIT_S = 60
"""Between SIGTERM and SIGKILL; Ray's own 3 s are short for a job at work and its last commit."""


@dataclass(frozen=True)
class JobInfo:
    """What a cluster tells of a job.

    Attributes:
        name: its submission id.
        state: "pending", "running", "succeeded", "failed" or "stopped".
        submitted: when.
        metadata: as submitted.
        message: Ray's words on the state.
        exit_code: of the driver, once it has ended by itself.
        node: where the driver runs or ran, as Ray names nodes; "" before that is known.
    """

    name: str
    state: str
    submitted: datetime | None
    metadata: Mapping[str, str]
    message: str
    exit_code: int | None
    node: str

    @property
    def active(self) -> bool:
        """Whether the job has not ended."""
        return self.state in ("pending", "running")


class Jobs:
    """The jobs of one cluster.

    Args:
        address: of the head's dashboard, ``http://HOST:8265``; by default ``VARIABLE`` or this
            machine's.

    Raises:
        PoolError: nobody listens there, it is no Ray dashboard, or it does not take the token.
    """

    def __init__(self, address: str | None = None) -> None:
        self.address, self._headers = reach(address)
        from ray.job_submission import JobSubmissionClient

        for module in ("dashboard_sdk", "job.sdk"):  # which tell of uploads and closed connections
            logging.getLogger(f"ray.dashboard.modules.{module}").setLevel(logging.WARNING)
        # Ray lets this variable beat the address that it is given.
        with environment({VARIABLE: self.address}), self._clear():
            self._client = JobSubmissionClient(self.address, headers=dict(self._headers))

    def submit(
        self,
        name: str,
        entrypoint: str,
        package: Path,
        env: Mapping[str, str],
        metadata: Mapping[str, str],
    ) -> None:
        """Starts a job, which is stopped gently.

        Args:
            name: its submission id, good for one job: Ray does not support using it again, even
                after the job was deleted.
            entrypoint: shell command, run on the head.
            package: zip file, unpacked as the folder in which the job and its workers run.
            env: variables of the job and its workers.
            metadata: kept with the job, and told to it.
        """
        variables = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S), **env}
        with self._clear():
            self._client.submit_job(
                entrypoint=entrypoint,
                submission_id=name,
                runtime_env={"working_dir": str(package), "env_vars": variables},
                metadata=dict(metadata),
            )

    def info(self, name: str) -> JobInfo:
        """A job by its name; PoolError if the cluster knows none."""
        with self._clear():
            return _info(self._client.get_job_info(name))

    def all(self) -> list[JobInfo]:
        """All jobs that were submitted to the cluster, the oldest first."""
        with self._clear():
            found = [_info(job) for job in self._client.list_jobs() if job.submission_id]
        return sorted(found, key=lambda job: job.submitted or datetime.max.replace(tzinfo=UTC))

    def stop(self, name: str) -> bool:
        """Sends SIGTERM to a job; whether there was anything to stop."""
        with self._clear():
            return bool(self._client.stop_job(name))

    def logs(self, name: str) -> str:
        """All that a job has printed."""
        with self._clear():
            return str(self._client.get_job_logs(name))

    async def tail(self, name: str) -> AsyncIterator[str]:
        """The same piece by piece, until the job has ended."""
        with self._clear():
            async for piece in self._client.tail_job_logs(name):
                yield piece

    def last_line(self, job: JobInfo) -> str:
        """The last line that a job has printed; "" if there is none."""
        name = f"job-driver-{job.name}.log"
        options = {"node_id": job.node, "filename": name, "lines": "1", "timeout": str(LIST_S)}
        answer = self._get("/api/v0/logs/file", options, LIST_S)
        return answer.text.strip() if answer.status_code == 200 else ""

    def lent(self, job: JobInfo, pattern: str) -> list[str]:
        """Names of the files that a job lends (``inside_job.lend``), as the pattern has them.

        Args:
            job: that runs or ran.
            pattern: like ``NAME/state/*.npz``, relative to all that is lent.
        """
        answer = self._get(
            "/api/v0/logs",
            {"node_id": job.node, "glob": f"{LENT}/{pattern}", "timeout": str(LIST_S)},
            LIST_S,
        )
        if answer.status_code != 200:
            raise self._trouble(answer)
        groups: Mapping[str, Sequence[str]] = answer.json()["data"]["result"]
        names = [name for group in groups.values() for name in group]
        return sorted(name.removeprefix(f"{LENT}/") for name in names)

    def read(self, job: JobInfo, name: str) -> bytes | None:
        """The bytes of a file that a job lends; None if there is none."""
        options = {
            "node_id": job.node,
            "filename": f"{LENT}/{name}",
            "lines": "-1",  # the whole file, byte by byte
            "timeout": str(DOWNLOAD_S),
        }
        answer = self._get("/api/v0/logs/file", options, DOWNLOAD_S)
        if answer.status_code == 200:
            return bytes(answer.content)
        if "file is not found" in answer.text:
            return None
        raise self._trouble(answer)

    def _get(self, path: str, options: Mapping[str, str], patience_s: float) -> Any:
        import requests

        with self._clear():
            return requests.get(
                self.address + path,
                params=dict(options),
                headers=self._headers,
                timeout=(PATIENCE_S, patience_s),
                allow_redirects=False,
            )

    def _trouble(self, answer: Any) -> PoolError:
        if answer.status_code in (401, 403):
            return refused(self.address, answer.status_code, self._headers)
        return PoolError(
            f"the cluster at {self.address} cannot give this (is the node that the job ran on "
            f"gone?): {first_line(answer.text)}"
        )

    @contextmanager
    def _clear(self) -> Iterator[None]:
        """Every trouble of a request becomes one line."""
        import aiohttp
        import requests
        from ray.exceptions import AuthenticationError

        try:
            yield
        except AuthenticationError as error:
            raise refused(self.address, 403, self._headers) from error
        except (ConnectionError, requests.RequestException, aiohttp.ClientError) as error:
            raise PoolError(
                f"the cluster at {self.address} does not answer any more: {origin(error)}"
            ) from error
        except (RuntimeError, ValueError) as error:
            raise PoolError(f"the cluster at {self.address}: {first_line(error)}") from error


def pack(folder: Path, package: Path, without: Sequence[str]) -> None:
    """Packs a folder as Ray would.

    What ``.gitignore`` and ``.rayignore`` name is left out, and so are ``.git`` and environments.

    Args:
        folder: what to pack.
        package: zip file to write.
        without: paths to leave out too, as ``.gitignore`` writes them.
    """
    from ray._private import ray_constants
    from ray._private.runtime_env.packaging import create_package

    quiet = logging.getLogger("spikeloop.packing")
    quiet.setLevel(logging.ERROR)
    left_out = [*ray_constants.get_runtime_env_default_excludes(), *without]
    create_package(str(folder), package, include_gitignore=True, excludes=left_out, logger=quiet)


def _info(job: Any) -> JobInfo:
    started = job.start_time
    return JobInfo(
        name=str(job.submission_id),
        state=str(job.status).rpartition(".")[2].lower(),
        submitted=None if started is None else datetime.fromtimestamp(started / 1000, UTC),
        metadata=dict(job.metadata or {}),
        message=str(job.message or ""),
        exit_code=job.driver_exit_code,
        node=str(job.driver_node_id or ""),
    )
