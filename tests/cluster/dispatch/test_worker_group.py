"""Workers that cannot be started or warmed up: one line, or a run that goes on.

``tests/simulation`` plays what may happen to workers that are ready.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from failing_learner import Echo

from spikeloop.cluster.dispatch import worker_group
from spikeloop.cluster.dispatch.actors import ActorLost, CallRaised, Node
from spikeloop.cluster.dispatch.ledger import Ledger
from spikeloop.cluster.dispatch.worker_group import WorkerGroup
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.ray_pool import RayPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.actor import EpisodeWorker
from spikeloop.workers.fingerprint import fingerprint
from spikeloop.workers.job import Grid, Job, Status, Tile
from spikeloop.workers.seeding import TaskSet

LIMIT_S = 300.0
FAMILY = RandomMdp(n_states=2, n_actions=2, n_steps=5)
POINTS = Explicit(Echo().space(FAMILY.interface).default_point()[None])
JOB = Job(Grid(FAMILY, Echo(), POINTS, 1, 1, TaskSet.SEARCH, 0), Tile(0, 1, 0, 1))
DIED = ActorLost("the worker process died", Status.WORKER_DIED)


class OneCore:
    """A node with one core, whose workers answer at once, raise what a test says, or hang."""

    def __init__(self, **broken: Exception | None) -> None:
        self.n_started = 0
        self._broken = broken
        self._worker = EpisodeWorker(None)
        self._calls: list[tuple[str, Any]] = []
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def nodes(self) -> Sequence[Node]:
        return [Node("node", 1)]

    def start(self, node: Node, cores: int) -> object:
        self.n_started += 1
        assert self.n_started < 10, "workers are started without end"
        return object()

    def placed(self, actor: object) -> bool:
        return True

    def holders(self) -> Mapping[str, int]:
        return {}

    def call(self, actor: object, method: str, *arguments: Any, name: str = "") -> Any:
        self._calls.append((method, arguments))
        return len(self._calls) - 1

    def wait(self, calls: Sequence[Any], timeout_s: float) -> list[Any]:
        self._now += timeout_s
        return [call for call in calls if self._broken.get(self._calls[call][0], DIED)]

    def result(self, call: Any) -> Any:
        method, arguments = self._calls[call]
        if error := self._broken.get(method):
            raise error
        return getattr(self._worker, method)(*arguments)

    def kill(self, actor: object) -> None: ...

    def share(self, value: Any) -> Any:
        return value


def opened(actors: OneCore) -> RayPool:
    ledger = Ledger(LIMIT_S)
    group = WorkerGroup(actors, ledger, [JOB], LIMIT_S)
    pool = RayPool(actors, ledger, group, LIMIT_S, StopSignal(), "test")
    pool.wait_until_ready()
    return pool


def test_two_deaths_in_the_warm_up_give_it_up() -> None:
    actors = OneCore(warm_up=DIED)
    (outcome,) = opened(actors).run([JOB])
    assert outcome.result.status == Status.OK
    assert actors.n_started == 3


@pytest.mark.parametrize(
    ("broken", "line", "n_started"),
    [
        ({"warm_up": None}, r"longer than 300 s in the warm-up.*warm_up_timeout_s", 1),
        ({"hello": None}, r"no worker can be started, 3 failed in a row: took too long", 1),
        ({"hello": DIED}, r"no worker can be started, 3 failed in a row: the worker process", 3),
        ({"hello": CallRaised("No module named 'mine'", "")}, r"No module.*importable", 1),
    ],
)
def test_workers_that_never_get_ready_end_the_run(
    broken: dict[str, Exception | None], line: str, n_started: int
) -> None:
    actors = OneCore(**broken)
    with pytest.raises(PoolError, match=line):
        opened(actors)
    assert actors.n_started == n_started


def test_workers_with_other_code_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    code = {**fingerprint(None), "numba": "0.1"}
    monkeypatch.setattr(worker_group, "fingerprint", lambda own: code)
    with pytest.raises(PoolError, match=r"other code.*numba \(0\.1 here, .* there\)"):
        opened(OneCore())


def test_a_slow_reader_is_no_hanging_worker() -> None:
    """While outcomes are being read, no deadline may pass over results that have arrived."""
    actors = OneCore()
    statuses = []
    for outcome in opened(actors).run([JOB] * 6):
        actors.wait([], timeout_s=2 * LIMIT_S)
        statuses.append(int(outcome.result.status.max()))
    assert statuses == [Status.OK] * 6
