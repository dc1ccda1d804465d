"""Workers that cannot be started or warmed up: one clear sentence, or a run that goes on."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faulty import Echo
from processes import assert_gone

from spikeloop.cluster import PoolError, StopSignal
from spikeloop.cluster.private_ray import private_ray
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.job import Grid, Job, Status, Tile, cut
from spikeloop.workers.seeding import TaskSet

pytestmark = pytest.mark.ray

FAMILY = RandomMdp(n_states=2, n_actions=2, n_steps=5)
TESTS = str(Path(__file__).parents[1])
LIMIT_S = 300.0
"""No busy machine gets near it; tests of what happens past it move the clock."""


@pytest.fixture(scope="module", autouse=True)
def ray_cluster() -> Iterator[None]:
    with private_ray(1, dashboard=False, stop=StopSignal()):
        yield


@pytest.fixture
def open_pool() -> Iterator[Any]:
    """Starts a pool of one worker on the cluster of this module."""
    from spikeloop.cluster.crew import Crew
    from spikeloop.cluster.ray_pool import RayPool

    crews = []

    def start(learner: Echo, import_path: str | None = TESTS) -> RayPool:
        crews.append(Crew(1, Job(grid(learner), Tile(0, 1, 0, 1)), LIMIT_S, import_path))
        pool = RayPool(crews[-1], LIMIT_S, 3, StopSignal(), "test")
        pool.wait_until_ready()
        return pool

    yield start
    for crew in crews:
        crew.close()


def grid(learner: Echo) -> Grid:
    points = Explicit(Echo().space(FAMILY.interface).default_point()[None])
    return Grid(FAMILY, learner, points, 1, 1, TaskSet.SEARCH, 0)


def test_a_learner_that_kills_its_warm_up_is_reported_as_failed_lives(open_pool: Any) -> None:
    deadly = Echo(fault="exit", broken_from=0.0)
    (outcome,) = open_pool(deadly).run(cut(grid(deadly), 1, 1, "deadly"))
    assert outcome.result.status == Status.WORKER_DIED


def test_a_learner_that_raises_in_its_warm_up_is_no_trouble(open_pool: Any) -> None:
    raising = Echo(fault="raise", broken_from=0.0)
    (outcome,) = open_pool(raising).run(cut(grid(raising), 1, 1, "raising"))
    assert outcome.result.status == Status.RAISED


def test_a_learner_that_hangs_in_its_warm_up_ends_the_run(
    open_pool: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An hour passes as soon as the learner hangs, and not before."""
    from spikeloop.cluster import crew

    def monotonic() -> float:
        return time.monotonic() + 3600.0 * len(list(tmp_path.iterdir()))

    monkeypatch.setattr(crew, "time", SimpleNamespace(monotonic=monotonic, sleep=time.sleep))
    hanging = Echo(fault="hang", broken_from=0.0, once_in=str(tmp_path))
    with pytest.raises(PoolError, match=r"longer than 300 s in the warm-up.*warm_up_timeout_s"):
        open_pool(hanging)


def test_own_classes_that_workers_cannot_import_end_the_run(open_pool: Any) -> None:
    with pytest.raises(PoolError, match=r"No module named 'faulty'.*importable"):
        open_pool(Echo(), import_path=None)


def test_workers_with_other_code_end_the_run(
    open_pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spikeloop.cluster import crew
    from spikeloop.workers.fingerprint import fingerprint

    monkeypatch.setattr(crew, "fingerprint", lambda own: {**fingerprint(own), "numba": "0.1"})
    with pytest.raises(PoolError, match=r"other code.*numba \(0\.1 here, .* there\)"):
        open_pool(Echo())


def test_workers_that_never_start_end_the_run(
    open_pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spikeloop.cluster import crew

    class Broken:
        def __init__(self, import_path: str | None) -> None:
            raise OSError("no such device")

        def hello(self) -> None: ...

    monkeypatch.setattr(crew, "LifeWorker", Broken)
    with pytest.raises(PoolError, match=r"no worker can be started, 3 failed .* no such device"):
        open_pool(Echo())


def test_an_idle_worker_that_died_is_replaced_unnoticed(open_pool: Any) -> None:
    import psutil

    pool = open_pool(Echo())
    (outcome,) = pool.run(cut(grid(Echo()), 1, 1, "first"))
    process = psutil.Process(int(outcome.result.worker.split(":")[1]))
    process.kill()
    assert_gone([process], "survived SIGKILL")
    (again,) = pool.run(cut(grid(Echo()), 1, 1, "second"))
    assert again.result.returns.tobytes() == outcome.result.returns.tobytes()
    assert again.result.worker != outcome.result.worker


def test_a_slow_reader_is_no_hanging_worker(
    open_pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While outcomes are being read, no deadline may pass over results that have arrived."""
    from spikeloop.cluster import ray_pool

    pool = open_pool(Echo())
    late = 0.0

    monkeypatch.setattr(
        ray_pool, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + late)
    )
    statuses = []
    for outcome in pool.run(cut(grid(Echo()), 1, 1, "slow") * 6):
        late += 3600.0
        statuses.append(int(outcome.result.status.max()))
    assert statuses == [Status.OK] * 6
