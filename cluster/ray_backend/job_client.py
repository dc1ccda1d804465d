"""Starts and watches the driver of a run on a cluster's head, over HTTP alone.

``Jobs`` is a thin layer over Ray's ``JobSubmissionClient`` in which every failure is one line, and
which reads the files that a job shares (``job_env.share_folder``).
"""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spikeloop.cluster.error_lines import first_cause, first_line
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.dashboard import PATIENCE_S, VARIABLE, connect, token_refused
from spikeloop.cluster.ray_backend.job_env import SHARED
from spikeloop.workers.environment import environment

LIST_S, DOWNLOAD_S = 60, 3600
"""Time for a list of files, and for one file."""
STOP_WAIT_S = 60
"""Between SIGTERM and SIGKILL; Ray's own 3 s are short for a job at work and its last commit."""


@dataclass(frozen=True)
class JobInfo:
    """What a cluster reports of a job.

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
    """The jobs of the cluster with this dashboard, as in ``dashboard.connect``.

    Attributes:
        address: of the dashboard.
        owner: whose cluster it is, in words, if no address was given; else "".

    Raises:
        PoolError: nothing listens there, it is no Ray dashboard, or it does not take the token.
    """

    def __init__(self, address: str | None = None) -> None:
        found = connect(address)
        self.address, self._headers, self.owner = found.url, found.headers, found.owner
        from ray.job_submission import JobSubmissionClient

        for module in ("dashboard_sdk", "job.sdk"):  # which report uploads and closed connections
            logging.getLogger(f"ray.dashboard.modules.{module}").setLevel(logging.WARNING)
        # This variable overrides the address that Ray's client is given.
        with environment({VARIABLE: self.address}), self._one_line_errors():
            self._client = JobSubmissionClient(self.address, headers=dict(self._headers))

    def submit(
        self,
        name: str,
        entrypoint: str,
        package: Path,
        env: Mapping[str, str],
        metadata: Mapping[str, str],
    ) -> None:
        """Start a job that has time to commit when it is stopped.

        Args:
            name: its submission id, good for one job: Ray does not support using it again, even
                after the job was deleted.
            entrypoint: shell command, run on the head.
            package: zip file, unpacked as the folder in which the job and its workers run.
            env: variables of the job and its workers.
            metadata: kept with the job, and handed to it.
        """
        variables = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S), **env}
        with self._one_line_errors():
            self._client.submit_job(
                entrypoint=entrypoint,
                submission_id=name,
                runtime_env={"working_dir": str(package), "env_vars": variables},
                metadata=dict(metadata),
            )

    def info(self, name: str) -> JobInfo:
        """Return a job by its name; raise PoolError if the cluster knows none."""
        with self._one_line_errors():
            return _info(self._client.get_job_info(name))

    def all(self) -> list[JobInfo]:
        """Return all jobs that were submitted to the cluster, the oldest first."""
        with self._one_line_errors():
            found = [_info(job) for job in self._client.list_jobs() if job.submission_id]
        return sorted(found, key=lambda job: job.submitted or datetime.max.replace(tzinfo=UTC))

    def stop(self, name: str) -> bool:
        """Send SIGTERM to a job, and return whether there was anything to stop."""
        with self._one_line_errors():
            return bool(self._client.stop_job(name))

    def logs(self, name: str) -> str:
        """Return all that a job has printed."""
        with self._one_line_errors():
            return str(self._client.get_job_logs(name))

    async def tail(self, name: str) -> AsyncIterator[str]:
        """Yield what a job prints until it has ended."""
        with self._one_line_errors():
            async for lines in self._client.tail_job_logs(name):
                yield lines

    def last_line(self, job: JobInfo) -> str:
        """Return the last line that a job has printed; "" if there is none."""
        answer = self._get_log(job, f"job-driver-{job.name}.log", lines=1, patience_s=LIST_S)
        return answer.text.strip() if answer.status_code == 200 else ""

    def shared_files(self, job: JobInfo, pattern: str) -> list[str]:
        """Return the shared files that match a pattern, for example ``NAME/state/*.npz``."""
        answer = self._get(
            "/api/v0/logs",
            {"node_id": job.node, "glob": f"{SHARED}/{pattern}", "timeout": str(LIST_S)},
            LIST_S,
        )
        if answer.status_code != 200:
            raise self._error(answer)
        groups: Mapping[str, Sequence[str]] = answer.json()["data"]["result"]
        names = [name for group in groups.values() for name in group]
        return sorted(name.removeprefix(f"{SHARED}/") for name in names)

    def read(self, job: JobInfo, name: str) -> bytes | None:
        """Return the bytes of a file that a job shares; None if there is none, or if it is empty.

        Ray reports a missing file in the metadata of a stream, which its own client may overlook
        when the machine is busy: then the answer is an empty file. No file of a run is empty.
        """
        answer = self._get_log(job, f"{SHARED}/{name}", lines=-1, patience_s=DOWNLOAD_S)
        if answer.status_code == 200:
            return bytes(answer.content) or None
        if "file is not found" in answer.text:
            return None
        raise self._error(answer)

    def _get_log(self, job: JobInfo, name: str, lines: int, patience_s: int) -> Any:
        """Ask for the last ``lines`` of a file below Ray's logs; -1 is the file byte by byte."""
        options = {"node_id": job.node, "filename": name, "lines": str(lines)}
        return self._get("/api/v0/logs/file", {**options, "timeout": str(patience_s)}, patience_s)

    def _get(self, path: str, options: Mapping[str, str], patience_s: float) -> Any:
        import requests

        with self._one_line_errors():
            return requests.get(
                self.address + path,
                params=dict(options),
                headers=self._headers,
                timeout=(PATIENCE_S, patience_s),
                allow_redirects=False,
            )

    def _error(self, answer: Any) -> PoolError:
        if answer.status_code in (401, 403):
            return token_refused(self.address, self._headers)
        return PoolError(
            f"the cluster at {self.address} cannot give this (is the node that the job ran on "
            f"gone?): {first_line(answer.text)}"
        )

    @contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        """Turn every failure of a request into a PoolError of one line."""
        import aiohttp
        import requests
        from ray.exceptions import AuthenticationError

        try:
            yield
        except AuthenticationError as error:
            raise token_refused(self.address, self._headers) from error
        except (ConnectionError, requests.RequestException, aiohttp.ClientError) as error:
            raise PoolError(
                f"the cluster at {self.address} does not answer any more: "
                f"{first_line(first_cause(error))}"
            ) from error
        except (RuntimeError, ValueError) as error:
            raise PoolError(f"the cluster at {self.address}: {first_line(error)}") from error


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
