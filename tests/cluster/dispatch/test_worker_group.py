"""Workers of real Ray that cannot be started or warmed up: one line, or a run that goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pytest
from failing_learner import Echo
from support.child_processes import assert_gone
from support.paths import OWN_CLASSES
from unavailable_learner import LINE, Lacking

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.local_cluster import local_ray
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.base import Learner
from spikeloop.workers.job import Grid, Job, Status, Tile, cut
from spikeloop.workers.seeding import TaskSet

pytestmark = pytest.mark.ray

FAMILY = RandomMdp(n_states=2, n_actions=2, n_steps=5)
LIMIT_S = 300.0
"""No busy machine gets near it; tests of what happens past it move the clock."""


@pytest.fixture(scope="module", autouse=True)
def ray_cluster() -> Iterator[None]:
    with local_ray(1, dashboard=False, stop=StopSignal()):
        yield


Start = Callable[..., Any]


@pytest.fixture
def open_pool() -> Iterator[Start]:
    """Starts a pool of one worker on the cluster of this module; its clock may be set forward."""
    from spikeloop.cluster.dispatch.worker_group import WorkerGroup
    from spikeloop.cluster.ray_backend.ray_actors import RayActors
    from spikeloop.cluster.ray_backend.ray_pool import RayPool

    class Ahead(RayActors):
        late: Callable[[], float] = staticmethod(lambda: 0.0)

        def now(self) -> float:
            return time.monotonic() + self.late()

    with ExitStack() as stack:

        def start(
            learner: Learner,
            own: Path | None = OWN_CLASSES,
            late: Callable[[], float] = lambda: 0.0,
            actor: type | None = None,
            before: Callable[[], None] = lambda: None,
            tell: Callable[[str], None] = lambda line: None,
        ) -> RayPool:
            import ray

            actors = stack.enter_context(Ahead(None if own is None else str(own)).polling())
            assert isinstance(actors, Ahead)
            actors.late = late
            if actor is not None:
                actors._class = ray.remote(actor)
            group = WorkerGroup(actors, Job(grid(learner), Tile(0, 1, 0, 1)), LIMIT_S, own=own)
            stack.callback(group.close)
            pool = RayPool(actors, group, LIMIT_S, 3, LIMIT_S, StopSignal(), "test", None, tell)
            before()
            pool.wait_until_ready()
            return pool

        yield start


def grid(learner: Learner) -> Grid:
    points = Explicit(Echo().space(FAMILY.interface).default_point()[None])
    return Grid(FAMILY, learner, points, 1, 1, TaskSet.SEARCH, 0)


def test_a_learner_that_kills_its_warm_up_is_reported_as_failed_episodes(open_pool: Start) -> None:
    deadly = Echo(fault="exit", broken_from=0.0)
    (outcome,) = open_pool(deadly).run(cut(grid(deadly), 1, 1, "deadly"))
    assert outcome.result.status == Status.WORKER_DIED


@pytest.mark.parametrize("found_in", ["space", "run_episodes"])
def test_a_learner_whose_package_workers_lack_ends_the_run(
    open_pool: Start, found_in: Literal["space", "run_episodes"]
) -> None:
    with pytest.raises(PoolError, match=rf"^worker \S+:\d+: {LINE}$"):
        open_pool(Lacking(found_in=found_in))


def test_a_learner_that_hangs_in_its_warm_up_ends_the_run(open_pool: Start, tmp_path: Path) -> None:
    """An hour passes as soon as the learner hangs, and not before."""
    hanging = Echo(fault="hang", broken_from=0.0, once_in=str(tmp_path))
    with pytest.raises(PoolError, match=r"longer than 300 s in the warm-up.*warm_up_timeout_s"):
        open_pool(hanging, late=lambda: 3600.0 * len(list(tmp_path.iterdir())))


def test_own_classes_that_workers_cannot_import_end_the_run(open_pool: Start) -> None:
    with pytest.raises(PoolError, match=r"No module named 'failing_learner'.*importable"):
        open_pool(Echo(), own=None)


def test_workers_with_other_code_end_the_run(
    open_pool: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spikeloop.cluster.dispatch import worker_group as group
    from spikeloop.workers.fingerprint import fingerprint

    monkeypatch.setattr(group, "fingerprint", lambda own: {**fingerprint(own), "numba": "0.1"})
    with pytest.raises(PoolError, match=r"other code.*numba \(0\.1 here, .* there\)"):
        open_pool(Echo())


def test_workers_that_never_start_end_the_run(open_pool: Start) -> None:
    class Broken:
        def __init__(self, import_path: str | None, cores: int, work: str) -> None:
            raise OSError("no such device")

        def hello(self) -> None: ...

    with pytest.raises(PoolError, match=r"no worker can be started, 3 failed .* no such device"):
        open_pool(Echo(), actor=Broken)


def test_an_idle_worker_that_died_is_replaced_unnoticed(open_pool: Start) -> None:
    import psutil

    pool = open_pool(Echo())
    (outcome,) = pool.run(cut(grid(Echo()), 1, 1, "first"))
    process = psutil.Process(int(outcome.result.worker.split(":")[1]))
    process.kill()
    assert_gone([process], "survived SIGKILL")
    (again,) = pool.run(cut(grid(Echo()), 1, 1, "second"))
    assert again.result.returns.tobytes() == outcome.result.returns.tobytes()
    assert again.result.worker != outcome.result.worker


def test_a_slow_reader_is_no_hanging_worker(open_pool: Start) -> None:
    """While outcomes are being read, no deadline may pass over results that have arrived."""
    late = 0.0
    pool = open_pool(Echo(), late=lambda: late)
    statuses = []
    for outcome in pool.run(cut(grid(Echo()), 1, 1, "slow") * 6):
        late += 3600.0
        statuses.append(int(outcome.result.status.max()))
    assert statuses == [Status.OK] * 6


def test_waits_for_a_core_that_another_run_took_first(open_pool: Start) -> None:
    """The core is taken after the pool has seen that it is free, and given back an hour later."""
    from ray.util import placement_group, remove_placement_group

    taken: list[Any] = []
    lines: list[str] = []
    late = 0.0

    def take() -> None:
        taken.append(placement_group([{"CPU": 1}]))
        assert taken[0].wait(LIMIT_S)

    def hear(line: str) -> None:
        nonlocal late
        lines.append(line)
        if line.startswith("waiting"):
            late += 3600.0
            remove_placement_group(taken[0])

    pool = open_pool(Echo(), late=lambda: late, before=take, tell=hear)
    (outcome,) = pool.run(cut(grid(Echo()), 1, 1, "first"))
    assert outcome.result.status == Status.OK
    assert lines[0] == "waiting for cores: 1 of 1 are used by others"
    assert pool.n_replaced == 0
