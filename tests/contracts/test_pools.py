"""What every target's pool must do, whatever the learner does to it.

The inline pool shares its process with the tests, so only the others meet learners that kill their
process or hang.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from episode_learners import fragile
from failing_learner import Echo
from support.paths import OWN_CLASSES
from support.ray_nodes import ray_cluster_of
from support.shared_caller import SharedByTwo

from spikeloop.cluster.pool import WorkerPool
from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.cluster.targets import TARGETS
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.base import Learner
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Job, JobResult, Outcome, Status, Tile, cut
from spikeloop.workers.own_learner.function_learner import learner
from spikeloop.workers.own_learner.task import Task
from spikeloop.workers.own_learner.theta import Theta
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.seeding import TaskSet

FAMILY = RandomMdp(n_states=2, n_actions=2, n_steps=5)
SETTINGS: dict[str, dict[str, Any]] = {"local": {"workers": 2, "dashboard": False}}
"""Settings that differ from a target's defaults."""


WAYS = [*TARGETS, *(f"{target} shared" for target in TARGETS)]
"""Each target's pool, alone and shared with another caller."""


def parameter(way: str) -> Any:
    """A parameter of ``opened``.

    "local", with the same pool, stands for "ray" in a default run, and "inline shared" for all
    pools that are shared.
    """
    marks = [] if way.startswith("inline") else [pytest.mark.ray]
    marks += [pytest.mark.exhaustive] if way in ("ray", "ray shared", "local shared") else []
    return pytest.param(way, marks=marks)


on_ray = pytest.mark.parametrize(
    "opened", [parameter(way) for way in WAYS if not way.startswith("inline")], indirect=True
)


def grid(learner: Learner, n_candidates: int = 8, n_tasks: int = 3, n_extra: int = 0) -> Grid:
    """Parameter a rises from 0 to 1 over the candidates, so the last ones are the broken ones.

    ``n_extra`` rows that no job asks for make the population large on the wire.
    """
    a = np.concatenate([np.linspace(0.0, 1.0, n_candidates), np.zeros(n_extra)])
    points = np.stack([a, np.linspace(0.2, 0.7, len(a))], axis=1)
    return Grid(FAMILY, learner, Explicit(points), n_tasks, 1, TaskSet.SEARCH, index=0)


@dataclass
class Opened:
    pool: WorkerPool
    stop: StopSignal

    def run(self, jobs: list[Job]) -> list[Outcome]:
        """Return outcomes by index, after checking that there is exactly one for every job."""
        outcomes = sorted(self.pool.run(jobs), key=lambda outcome: outcome.index)
        assert [outcome.index for outcome in outcomes] == list(range(len(jobs)))
        assert [outcome.result.tile for outcome in outcomes] == [job.tile for job in jobs]
        return outcomes


@pytest.fixture(scope="module", params=[parameter(way) for way in WAYS])
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    name, _, shared = request.param.partition(" ")
    settings = dict(SETTINGS.get(name, {}))
    warm_up, stop = Job(grid(Echo()), Tile(0, 1, 0, 1)), StopSignal()
    with ExitStack() as stack:
        if name == "ray":
            settings["address"] = stack.enter_context(ray_cluster_of(1, 1)).address
        target = TARGETS[name](**settings)
        pool = stack.enter_context(target.open([warm_up], stop, OWN_CLASSES))
        yield Opened(SharedByTwo(pool, cut(grid(Echo()), 8, 3, "other")) if shared else pool, stop)


def assert_same_episodes(one: JobResult, other: JobResult) -> None:
    """All but the worker and the time are the same, to the bit."""
    assert one.tile == other.tile
    for name in ("returns", "curve", "status"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert one.n_simulated_steps == other.n_simulated_steps
    assert [(f.tile, f.status, f.message) for f in one.failures] == [
        (f.tile, f.status, f.message) for f in other.failures
    ]


def assert_only_last_candidate_failed(outcomes: list[Outcome], status: Status) -> None:
    """Candidate 7, in the last job, failed with this status; all others ran undisturbed."""
    n_tasks = outcomes[-1].result.tile.t1
    healthy = [evaluate(job) for job in cut(grid(Echo(), n_tasks=n_tasks), 2, n_tasks, "")]
    for outcome, expected in zip(outcomes[:-1], healthy[:-1], strict=True):
        assert_same_episodes(outcome.result, expected)
        # A job that is too slow for a short limit is rightly tried again.
        assert status == Status.TIMED_OUT or (outcome.attempts == 1).all()
    result = outcomes[-1].result
    np.testing.assert_array_equal(result.status, [[Status.OK] * n_tasks, [status] * n_tasks])
    assert result.returns[0].tobytes() == healthy[-1].returns[0].tobytes()
    assert np.isnan(result.returns[1]).all()
    assert [failure.tile for failure in result.failures] == list(Tile(7, 8, 0, n_tasks).episodes())
    assert all(failure.status == status and failure.message for failure in result.failures)


def test_pool_describes_itself_in_one_line_and_takes_no_jobs(opened: Opened) -> None:
    assert opened.pool.n_workers >= 1
    assert opened.pool.description
    assert "\n" not in opened.pool.description
    assert opened.run([]) == []


def shuffled(jobs: list[Job]) -> list[Job]:
    return [jobs[i] for i in np.random.default_rng(3).permutation(len(jobs))]


GRIDS = [grid(Echo()), grid(Echo(fault="nan")), grid(Echo(), n_candidates=4)]
LARGE = grid(Echo(), n_extra=10_000)  # 160 kB on the wire
JOBS: dict[str, list[Job]] = {
    "episodes": cut(GRIDS[0], 1, 1, "episodes"),
    "tiles": cut(GRIDS[0], 3, 2, "tiles"),
    "any order": shuffled(cut(GRIDS[0], 1, 2, "order")),
    "several grids": shuffled([job for g in GRIDS for job in cut(g, 2, 3, "mixed")]),
    "a large population": cut(LARGE, 4, 3, "large")[:2],
}


@pytest.mark.parametrize("name", JOBS)
def test_outcomes_equal_direct_evaluation(opened: Opened, name: str) -> None:
    for outcome, job in zip(opened.run(JOBS[name]), JOBS[name], strict=True):
        assert_same_episodes(outcome.result, evaluate(job))
        assert outcome.attempts.shape == job.tile.shape
        assert (outcome.attempts >= 1).all()  # a late one is rightly started a second time
        assert outcome.result.worker


@pytest.mark.parametrize("fault", ["raise", "sys_exit", "memory_error", "nan"])
def test_episodes_that_raise_or_are_not_finite_are_reported(opened: Opened, fault: Any) -> None:
    outcomes = opened.run(cut(grid(Echo(fault=fault)), 2, 3, fault))
    status = Status.NOT_FINITE if fault == "nan" else Status.RAISED
    assert_only_last_candidate_failed(outcomes, status)
    traceback = outcomes[-1].result.failures[0].traceback
    assert ("failing_learner.py" in traceback) == (status == Status.RAISED)


def test_a_reader_may_leave_early_and_come_back(opened: Opened) -> None:
    jobs = cut(grid(Echo(work_s=0.005)), 1, 3, "early")
    episodes = opened.pool.run(jobs)
    next(episodes)
    episodes.close()  # type: ignore[attr-defined]  # a generator, as all iterators of pools are
    for outcome, job in zip(opened.run(jobs), jobs, strict=True):
        assert_same_episodes(outcome.result, evaluate(job))


def test_a_stop_request_is_obeyed_between_jobs(opened: Opened) -> None:
    episodes = opened.pool.run(cut(grid(Echo(work_s=0.01)), 1, 3, "stop"))
    next(episodes)
    opened.stop.requested = True
    try:
        with pytest.raises(Interrupted):
            list(episodes)
    finally:
        opened.stop.requested = False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_interrupts_an_episode_that_hangs(opened: Opened, number: signal.Signals) -> None:
    """Before any deadline: past it, the episode would be reported, and nothing be raised."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    opened.stop.install()
    knock = threading.Timer(0.3, os.kill, (os.getpid(), number))
    try:
        knock.start()
        with pytest.raises(Interrupted):
            list(opened.pool.run(cut(grid(Echo(fault="hang")), 8, 3, "hang")))
    finally:
        knock.join()
        opened.stop.requested = False
        for n, handler in handlers.items():
            signal.signal(n, handler)


@on_ray
def test_episodes_that_kill_their_process_are_reported(opened: Opened) -> None:
    before = opened.pool.n_replaced
    outcomes = opened.run(cut(grid(Echo(fault="exit")), 2, 3, "exit"))
    assert_only_last_candidate_failed(outcomes, Status.WORKER_DIED)
    assert outcomes[-1].attempts.max() == 3
    assert opened.pool.n_replaced - before == 2 + 3  # the tile twice, then each episode once


@on_ray
def test_episodes_that_kill_their_process_once_leave_no_trace(
    opened: Opened, tmp_path: Path
) -> None:
    """The episode that broke is retried with the same seeds and gives the same episode."""
    once = Echo(fault="exit", once_in=str(tmp_path), broken_from=1.0)
    outcomes = opened.run(cut(grid(once, n_tasks=1), 2, 1, "once"))
    assert len(list(tmp_path.iterdir())) == 1
    for outcome, job in zip(outcomes, cut(grid(Echo(), n_tasks=1), 2, 1, ""), strict=True):
        assert_same_episodes(outcome.result, evaluate(job))
    assert [int(outcome.attempts.max()) for outcome in outcomes] == [1, 1, 1, 2]


@on_ray
def test_a_worker_killed_in_the_middle_changes_nothing(opened: Opened) -> None:
    jobs = cut(grid(Echo(work_s=0.01), n_candidates=12), 1, 3, "kill")
    before = opened.pool.n_replaced
    outcomes: list[Outcome] = []
    for outcome in opened.pool.run(jobs):
        if not outcomes:
            psutil.Process(int(outcome.result.worker.split(":")[1])).kill()
        outcomes.append(outcome)
    assert opened.pool.n_replaced == before + 1
    assert sorted(outcome.index for outcome in outcomes) == list(range(12))
    for outcome in outcomes:
        assert_same_episodes(outcome.result, evaluate(jobs[outcome.index]))


@on_ray
def test_episodes_that_hang_are_reported(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """In compiled code, which no signal reaches.

    With a limit of its own; all others have minutes, so that no busy machine fails them. A healthy
    episode takes a millisecond and may reach the limit twice before it counts as hanging.
    """
    pool: Any = opened.pool
    monkeypatch.setattr(pool._ledger, "timeout_s", 5.0)
    outcomes = opened.run(cut(grid(Echo(fault="hang_compiled"), n_tasks=1), 2, 1, "hang"))
    assert_only_last_candidate_failed(outcomes, Status.TIMED_OUT)
    assert outcomes[-1].attempts.max() in (2, 3)  # a third, if an idle worker tried it as well
    assert "5 s" in outcomes[-1].result.failures[0].message


@on_ray
def test_a_function_whose_worker_dies_in_the_middle_of_an_episode_gives_the_same_episodes(
    opened: Opened, tmp_path: Path
) -> None:
    broken, sound = (
        cut(grid_of_function(fragile(**settings)), 2, 3, "")
        for settings in ({"once_in": str(tmp_path)}, {})
    )
    outcomes = opened.run(broken)
    for outcome, job in zip(outcomes, sound, strict=True):
        assert_same_episodes(outcome.result, evaluate(job))
    assert max(outcome.attempts.max() for outcome in outcomes) >= 2


@on_ray
def test_a_function_that_no_module_has_travels_to_the_workers(opened: Opened) -> None:
    @learner(space={"a": Real(0, 1)})
    def here(theta: Theta, task: Task, rng: np.random.Generator) -> float:
        return float(theta.a + rng.random() + OFFSET)

    jobs = cut(grid_of_function(here()), 2, 3, "")
    for outcome, job in zip(opened.run(jobs), jobs, strict=True):
        assert_same_episodes(outcome.result, evaluate(job))


def grid_of_function(learner: Learner) -> Grid:
    points = np.linspace(0.0, 1.0, 4)[:, None]
    return Grid(FAMILY, learner, Explicit(points), 3, 1, TaskSet.SEARCH, index=0)


OFFSET = 0.25
"""A global that a function which travels takes with it."""
