"""Nodes that join, leave or are lost in the middle of a run change no episode."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from failing_learner import Echo
from support.child_processes import child
from support.paths import OWN_CLASSES
from support.ray_nodes import Nodes, ray_cluster_of

from spikeloop.cluster.pool import PoolError, WorkerPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.ray_cluster import RayCluster
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Job, Outcome, Status, Tile, cut
from spikeloop.workers.seeding import TaskSet

pytestmark = pytest.mark.ray

FAMILY = RandomMdp(n_states=2, n_actions=2, n_steps=5)
N = 40
"""Jobs of a run: enough to keep three workers busy, whichever is quickest."""


def jobs(n: int, learner: Echo) -> list[Job]:
    """The first ``n`` candidates of a population so large that it is shared between nodes."""
    points = np.zeros((10_000, 2))
    points[:n] = np.stack([np.linspace(0.0, 0.8, n), np.linspace(0.2, 0.7, n)], axis=1)
    grid = Grid(FAMILY, learner, Explicit(points), 2, 1, TaskSet.SEARCH, index=0)
    return cut(grid, 1, 2, "elastic", Tile(0, n, 0, 2))


@contextmanager
def attached(nodes: Nodes, **settings: Any) -> Iterator[WorkerPool]:
    target = RayCluster(address=nodes.address, **settings)
    with target.open(jobs(1, Echo())[:1], StopSignal(), OWN_CLASSES) as pool:
        yield pool


def episodes(outcomes: list[Outcome]) -> list[bytes]:
    return [o.result.returns.tobytes() for o in sorted(outcomes, key=lambda o: o.index)]


def expected(n: int) -> list[bytes]:
    return [evaluate(job).returns.tobytes() for job in jobs(n, Echo())]


def processes(outcomes: list[Outcome]) -> set[str]:
    return {outcome.result.worker for outcome in outcomes}


def rounds(pool: WorkerPool) -> Iterator[list[Outcome]]:
    """Outcomes of one small run after the other, as many as a slow machine may need."""
    for _ in range(2000):
        outcomes = list(pool.run(jobs(N, Echo(work_s=0.005))))
        assert episodes(outcomes) == expected(N)
        assert all((outcome.result.status == Status.OK).all() for outcome in outcomes)
        yield outcomes
    pytest.fail("what was waited for did not happen")


def test_a_joining_node_is_used_by_threads_and_a_lost_node_costs_no_episode() -> None:
    with ray_cluster_of(1) as nodes, attached(nodes, cores_per_worker="node") as pool:
        first = processes(next(rounds(pool)))
        assert len(first) == 1
        joined = nodes.add(2)
        next(outcomes for outcomes in rounds(pool) if len(processes(outcomes)) == 2)
        assert pool.n_workers == 3
        running = pool.run(jobs(N, Echo(work_s=0.005)))
        outcomes = [next(running)]
        nodes.kill(joined)
        outcomes += running
    assert episodes(outcomes) == expected(N)
    assert all((outcome.result.status == Status.OK).all() for outcome in outcomes)


@pytest.mark.exhaustive
def test_a_node_that_is_drained_gets_no_new_work() -> None:
    with ray_cluster_of(1, 1) as nodes, attached(nodes) as pool:
        leaving = nodes.add(1)
        everyone = next(processes(done) for done in rounds(pool) if len(processes(done)) == 3)
        nodes.drain(leaving, seconds=600)
        left = next(processes(done) for done in rounds(pool) if len(processes(done)) == 2)
        assert left < everyone
        for _ in range(5):
            assert processes(next(rounds(pool))) <= left
        assert pool.n_replaced == 0


HOLDER = """
import sys
import ray
from ray.util import placement_group
ray.init(address=sys.argv[1], log_to_driver=False)
assert placement_group([{"CPU": 1}]).wait(60)
print("held", flush=True)
sys.stdin.read()
"""
"""Another program that holds a core until its input ends."""


@pytest.mark.exhaustive
def test_a_run_goes_on_with_what_it_has_and_grows_to_cores_that_become_free() -> None:
    with (
        ray_cluster_of(1, 1) as nodes,
        child(["-c", HOLDER, nodes.address], OWN_CLASSES, stdin=subprocess.PIPE) as holder,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n", holder.communicate()
        with attached(nodes) as pool:
            assert pool.n_workers == 1
            assert len(processes(next(rounds(pool)))) == 1
            holder.communicate()
            grown = next(done for done in rounds(pool) if len(processes(done)) == 2)
            assert len(grown) == N
            assert pool.n_replaced == 0


def test_a_missing_cluster_is_one_line() -> None:
    nowhere = RayCluster(address="127.0.0.1:1")
    warm_up = Job(jobs(1, Echo())[0].grid, Tile(0, 1, 0, 1))
    with (
        pytest.raises(PoolError, match=r"127\.0\.0\.1:1 cannot be joined"),
        nowhere.open([warm_up], StopSignal(), None),
    ):
        pass
