"""A program of one's own as a learner: what it does wrong is the reason of one failed episode."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.paths import EXAMPLES

from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.bandit import Bandit
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Job, JobResult, Status, Tile
from spikeloop.workers.seeding import TaskSet

FAMILY = Bandit(n_steps=10)
N_TASKS = 3

FAULTY = """
import sys, time, pathlib
source = pathlib.Path({program!r}).read_text()
mark = pathlib.Path(__file__).with_suffix(".mark")
if not mark.exists():
    mark.touch()
    for step, line in enumerate(sys.stdin):
        {fault}
        print('{{"ready": true, "action": 0}}', flush=True)
exec(source)
"""
"""The program of the example, except that its first process goes wrong in its fifth line."""

FAULTS = {
    "time.sleep(1000) if step == 4 else None": "TimeoutError: faulty.py took longer than 0.5 s",
    "sys.exit(3) if step == 4 else None": "RuntimeError: faulty.py ended with status 3",
    "print('{\"action\": 99}', flush=True) if step == 4 else None": "ValueError: action must be",
}


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module of the example, whose processes end with the test."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import own_subprocess  # type: ignore[import-not-found]

    yield own_subprocess
    for process in vars(own_subprocess.running).pop("processes", {}).values():
        own_subprocess.end(process)


def run(learner: Any, n_tasks: int = N_TASKS) -> JobResult:
    grid = Grid(FAMILY, learner, Explicit(np.full((1, 2), 0.5)), N_TASKS, 1, TaskSet.SEARCH, 1)
    return evaluate(Job(grid, Tile(0, 1, 0, n_tasks)))


def test_episodes_are_the_same_whichever_process_runs_them(example: Any) -> None:
    together = run(example.simulator())
    assert (together.status == Status.OK).all()
    process = example.process_of(EXAMPLES / "own_program.py")
    example.end(process)  # between two episodes
    again = run(example.simulator())
    assert again.returns.tobytes() == together.returns.tobytes()
    assert example.process_of(EXAMPLES / "own_program.py") is not process


@pytest.mark.parametrize("fault", FAULTS)
def test_a_program_that_goes_wrong_costs_one_try_and_says_why(
    example: Any, fault: str, tmp_path: Path
) -> None:
    program = tmp_path / "faulty.py"
    program.write_text(FAULTY.format(program=str(EXAMPLES / "own_program.py"), fault=fault))
    one = run(example.simulator(program=str(program), limit_s=0.5), n_tasks=1)
    assert [f.status for f in one.failures] == [Status.RAISED]
    assert one.failures[0].message.startswith(FAULTS[fault])
    after = run(example.simulator(program=str(program), limit_s=10.0))
    assert after.returns.tobytes() == run(example.simulator()).returns.tobytes()
