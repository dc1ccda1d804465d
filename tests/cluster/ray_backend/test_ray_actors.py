"""What breaks on workers of real Ray is told apart."""

from collections.abc import Iterator
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


class Broken:
    """A worker that cannot be made."""

    def __init__(self, import_path: str | None, cores: int, work: str) -> None:
        raise OSError("no such device")

    def hello(self) -> None: ...


@pytest.fixture
def worker(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Calls a method of a new worker, and gives its answer."""
    import ray

    from spikeloop.cluster.ray_backend.ray_actors import RayActors

    own, actor_class = getattr(request, "param", (str(OWN_CLASSES), None))
    with RayActors(own).polling() as actors:
        if actor_class is not None:
            actors._class = ray.remote(actor_class)
        actor = actors.start(actors.nodes()[0], 1)

        def answer(method: str, *arguments: Any) -> Any:
            call = actors.call(actor, method, *arguments)
            assert actors.wait([call], LIMIT_S) == [call]
            return actors.result(call)

        yield answer
        actors.kill(actor)


def job(learner: Learner) -> Job:
    family = RandomMdp(n_states=2, n_actions=2, n_steps=5)
    points = Explicit(Echo().space(family.interface).default_point()[None])
    return Job(Grid(family, learner, points, 1, 1, TaskSet.SEARCH, 0), Tile(0, 1, 0, 1))


def test_a_missing_package_a_lost_message_and_a_death(worker: Any) -> None:
    for lacking in (Lacking(found_in="space"), Lacking(found_in="run_episodes")):
        with pytest.raises(PoolError, match=rf"^worker \S+:\d+: {LINE}$"):
            worker("warm_up", job(lacking))
    with pytest.raises(CallRaised, match=r"AttributeError: .* 'beside'") as raised:
        worker("evaluate", None)
    assert "actor.py" in raised.value.traceback
    with pytest.raises(ActorLost, match="the worker process died") as lost:
        worker("warm_up", job(Echo(fault="exit", broken_from=0.0)))
    assert (lost.value.status, lost.value.with_node) == (Status.WORKER_DIED, False)


@pytest.mark.parametrize("worker", [(None, None)], indirect=True)
def test_own_classes_that_a_worker_cannot_import(worker: Any) -> None:
    with pytest.raises(CallRaised, match="No module named 'failing_learner'"):
        worker("warm_up", job(Echo()))


@pytest.mark.parametrize("worker", [(None, Broken)], indirect=True)
def test_a_worker_that_cannot_be_made(worker: Any) -> None:
    with pytest.raises(ActorLost, match="OSError: no such device"):
        worker("hello")
