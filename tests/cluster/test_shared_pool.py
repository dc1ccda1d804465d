"""Several callers on one pool: who gets what, who computes when, and how all of them end.

``tests/contracts/test_pools.py`` holds shared pools to the contract of all pools.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from failing_learner import Echo

from spikeloop.cluster.pool import PoolError, WorkerPool
from spikeloop.cluster.shared_pool import Caller, SharedPool
from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.cluster.targets.inline import InlinePool
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Job, Outcome, cut
from spikeloop.workers.seeding import TaskSet

FAMILY = RandomMdp(n_states=2, n_actions=2, n_steps=5)


def jobs_of(seed: int, n: int = 3) -> list[Job]:
    grid = Grid(FAMILY, Echo(), Explicit(np.full((n, 2), 0.5)), 1, seed, TaskSet.SEARCH, 0)
    return cut(grid, 1, 1, f"seed {seed}")


class OneAtATime(InlinePool):
    """A pool whose workers are elsewhere, as far as callers can tell; it may break."""

    in_process = False

    def __init__(self, breaks_after: int | None = None) -> None:
        super().__init__(StopSignal())
        self.published: dict[str, Any] = {}
        self.n_collected = 0
        self._breaks_after = breaks_after

    def collect(self, timeout_s: float = 0.0) -> list[tuple[int, Outcome]]:
        if self.n_collected == self._breaks_after:
            raise PoolError("the cluster is gone")
        self.n_collected += 1
        return super().collect(0.001)

    def publish(self, measures: Any, run: str = "") -> None:
        self.published.setdefault(run, {}).update(measures)


def run_all(shared: SharedPool, *work: Callable[[WorkerPool], Any]) -> list[Caller]:
    """Start each as a caller, and return them once all have ended."""
    callers = [shared.start(str(number), one) for number, one in enumerate(work)]
    while shared.active:
        shared.turn()
    return callers


def returns(pool: WorkerPool, jobs: Sequence[Job]) -> list[float]:
    outcomes = sorted(pool.run(jobs), key=lambda outcome: outcome.index)
    return [float(outcome.result.returns.item()) for outcome in outcomes]


def test_each_caller_gets_its_own_outcomes() -> None:
    def work(seed: int) -> Callable[[WorkerPool], list[list[float]]]:
        return lambda pool: [returns(pool, jobs_of(seed + again)) for again in range(3)]

    with SharedPool(OneAtATime()) as shared:
        callers = run_all(shared, *(work(10 * number) for number in range(4)))
    for number, caller in enumerate(callers):
        expected = [
            [float(evaluate(job).returns.item()) for job in jobs_of(10 * number + again)]
            for again in range(3)
        ]
        assert (caller.error, caller.result) == (None, expected)


def test_one_caller_computes_at_a_time_and_workers_go_on() -> None:
    pool, computing, most = OneAtATime(), [0], [0]
    waits = threading.Event()

    def compute(until: Callable[[], bool]) -> None:
        computing[0] += 1
        most[0] = max(most[0], computing[0])
        while not until():
            waits.wait(0.001)
        computing[0] -= 1

    def long(pool: OneAtATime) -> Callable[[WorkerPool], None]:
        """Computes until the jobs of both have been done."""

        def work(own: WorkerPool) -> None:
            for number, _ in enumerate(own.run(jobs_of(1, n=9))):
                if number == 0:
                    compute(lambda: pool.n_collected == 18)

        return work

    def short(own: WorkerPool) -> None:
        for _ in own.run(jobs_of(2, n=9)):
            compute(lambda: True)

    with SharedPool(pool) as shared:
        callers = run_all(shared, long(pool), short)
    assert [caller.error for caller in callers] == [None, None]
    assert most == [1]


def test_an_error_of_one_caller_leaves_the_others_alone() -> None:
    def fail(pool: WorkerPool) -> None:
        for _ in pool.run(jobs_of(1)):
            raise ZeroDivisionError("mine")

    with SharedPool(OneAtATime()) as shared:
        broken, healthy = run_all(shared, fail, lambda pool: returns(pool, jobs_of(2, n=6)))
    assert isinstance(broken.error, ZeroDivisionError)
    assert (healthy.error, len(healthy.result)) == (None, 6)


def test_what_a_caller_leaves_behind_is_not_done() -> None:
    class Pausing(OneAtATime):
        """Does one job, and goes on once the caller has left."""

        left = threading.Event()

        def collect(self, timeout_s: float = 0.0) -> list[tuple[int, Outcome]]:
            if self.n_collected == 1 and not self.left.is_set():
                return []
            return super().collect(timeout_s)

    pool = Pausing()

    def read_one(own: WorkerPool) -> None:
        for _ in own.run(jobs_of(1, n=500)):
            return

    def leave(own: WorkerPool) -> None:
        read_one(own)
        pool.left.set()

    with SharedPool(pool) as shared:
        run_all(shared, leave)
        (after,) = run_all(shared, lambda own: returns(own, jobs_of(2)))
    assert len(after.result) == 3
    # The owner may be about to collect when the caller leaves, and does one more job then.
    assert pool.n_collected <= 1 + 1 + 3


def test_a_broken_pool_ends_every_caller_with_its_error() -> None:
    shared = SharedPool(OneAtATime(breaks_after=2))
    with pytest.raises(PoolError, match="gone"), shared:
        callers = [shared.start(n, lambda pool: returns(pool, jobs_of(1))) for n in "ab"]
        while True:
            shared.turn()
    assert [type(caller.error) for caller in callers] == [PoolError, PoolError]


@pytest.mark.parametrize("catches", [False, True])
def test_a_signal_interrupts_every_caller_for_good(catches: bool) -> None:
    """A caller that goes on after the interruption is interrupted again."""
    pool, errors = OneAtATime(), []

    def work(pool: WorkerPool) -> None:
        try:
            returns(pool, jobs_of(1, n=10_000))
        except Interrupted as error:
            errors.append(error)
            if not catches:
                raise
        returns(pool, jobs_of(2))

    shared = SharedPool(pool)
    with pytest.raises(Interrupted), shared:
        callers = [shared.start(n, work) for n in "ab"]
        while pool.n_collected < 5:
            shared.turn()
        pool.stop.requested = True
        shared.turn()
    assert len(errors) == 2
    assert all(isinstance(caller.error, Interrupted) for caller in callers)
    assert all(caller.stop.requested for caller in callers)
    assert shared.active == []


def test_what_a_caller_published_disappears_with_it() -> None:
    pool = OneAtATime()

    def work(pool: WorkerPool) -> None:
        pool.publish({"generation": 3.0})

    with SharedPool(pool) as shared:
        run_all(shared, work)
    assert pool.published == {"0": {"generation": None}}
