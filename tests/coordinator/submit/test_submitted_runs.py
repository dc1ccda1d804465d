"""Jobs of a cluster are understood as runs: how they ended, and why."""

from pathlib import Path

import pytest
from support.small_run import small_toml

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.job_client import JobInfo
from spikeloop.cluster.ray_backend.job_env import location_file
from spikeloop.cluster.signals import Interrupted
from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.submit import submitted_runs


@pytest.mark.parametrize(
    ("state", "exit_code", "error"),
    [
        ("failed", None, RunFailed),
        ("failed", 1, RunFailed),
        ("failed", 137, RunFailed),
        ("failed", 2, ConfigError),
        ("failed", 3, PoolError),
        ("failed", 4, Interrupted),
        ("stopped", None, Interrupted),
    ],
)
def test_command_ends_with_the_exit_code_of_the_driver(
    state: str, exit_code: int | None, error: type[BaseException]
) -> None:
    metadata = {submitted_runs.RUN: "own"}
    with pytest.raises(error, match="own has"):
        submitted_runs.conclude(JobInfo("own~2", state, None, metadata, "why", exit_code, ""))


@pytest.mark.parametrize(
    ("exit_code", "log", "expected"),
    [
        (-9, "generation 3/50 best 0.1", "its driver ended without a message"),
        (
            137,
            "spikeloop: warning: other numpy\ngeneration 3/50",
            "its driver ended without a message",
        ),
        (3, "spikeloop: no workers\ngeneration 3/50 best 0.1", "no workers"),
        (1, "python: No module named spikeloop", "python: No module named spikeloop"),
        (None, "", "no reason given"),
    ],
)
def test_reason_is_the_last_message(exit_code: int | None, log: str, expected: str) -> None:
    job = JobInfo("own", "failed", None, {}, log, exit_code, "")
    assert submitted_runs.reason(job).startswith(expected)


def test_no_run_can_have_the_name_of_a_job_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[run\] name must"):
        load(small_toml(tmp_path / "small.toml"), {"run.name": location_file("own")})
