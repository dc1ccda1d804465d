"""What breaks on workers of real Ray is distinguished."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from failing_learner import Echo
from support.paths import OWN_CLASSES
from unavailable_learner import LINE, Lacking

from spikeloop.cluster.dispatch.actors import ActorLost, CallRaised
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.local_cluster import local_ray
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.base import Learner
from spikeloop.workers.job import Grid, Job, Status, Tile
from spikeloop.workers.seeding import TaskSet

pytestmark = pytest.mark.ray

LIMIT_S = 300.0


@pytest.fixture(scope="module", autouse=True)
def ray_cluster() -> Iterator[None]:
    with local_ray(1, dashboard=False, stop=StopSignal()):
        yield


Answer = Callable[..., Any]
"""Calls a method of a worker, and gives what that gave, or raises."""


@contextmanager
def worker(own: Path | None = OWN_CLASSES, actor: type | None = None) -> Iterator[Answer]:
    import ray

    from spikeloop.cluster.ray_backend.ray_actors import RayActors

    with RayActors(None if own is None else str(own)).polling() as actors:
        if actor is not None:
            actors._class = ray.remote(actor)
        started = actors.start(actors.nodes()[0], 1)

        def answer(method: str, *arguments: Any) -> Any:
            call = actors.call(started, method, *arguments)
            assert actors.wait([call], LIMIT_S) == [call]
            return actors.result(call)

        yield answer
        actors.kill(started)


def job(learner: Learner) -> Job:
    family = RandomMdp(n_states=2, n_actions=2, n_steps=5)
    points = Explicit(Echo().space(family.interface).default_point()[None])
    return Job(Grid(family, learner, points, 1, 1, TaskSet.SEARCH, 0), Tile(0, 1, 0, 1))


def test_a_missing_package_a_lost_message_and_a_death() -> None:
    with worker() as answer:
        for lacking in (Lacking(found_in="space"), Lacking(found_in="run_episodes")):
            with pytest.raises(PoolError, match=rf"^worker \S+:\d+: {LINE}$"):
                answer("warm_up", job(lacking))
        with pytest.raises(CallRaised, match=r"AttributeError: .* 'grids'") as raised:
            answer("evaluate", None)
        assert "actor.py" in raised.value.traceback
        with pytest.raises(ActorLost, match="the worker process died") as lost:
            answer("warm_up", job(Echo(fault="exit", broken_from=0.0)))
        assert (lost.value.status, lost.value.with_node) == (Status.WORKER_DIED, False)


def test_own_classes_that_a_worker_cannot_import() -> None:
    with (
        worker(own=None) as answer,
        pytest.raises(CallRaised, match="No module named 'failing_learner'"),
    ):
        answer("warm_up", job(Echo()))


def test_a_worker_that_cannot_be_made() -> None:
    class Broken:
        def __init__(self, import_path: str | None, cores: int, work: str) -> None:
            raise OSError("no such device")

        def hello(self) -> None: ...

    with (
        worker(actor=Broken) as answer,
        pytest.raises(ActorLost, match="OSError: no such device"),
    ):
        answer("hello")
