"""Bugs to be planted in the real pool, each of which the schedules must find.

A test that cannot fail proves nothing: these are the simulation's own test.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from simulation import play
from spikeloop.cluster.dispatch.actors import Node
from spikeloop.cluster.dispatch.backoff import Backoff
from spikeloop.cluster.dispatch.ledger import Ledger
from spikeloop.cluster.dispatch.work_units import Message, WorkUnit
from spikeloop.cluster.dispatch.worker_group import WorkerGroup
from spikeloop.cluster.signals import StopSignal
from spikeloop.workers.job import Job, JobResult, Outcome, Status


def no_second_start_for_errors(ledger: Ledger, *args: Any, **kw: Any) -> None:
    """Episodes fail at once where a message breaks in transport."""
    _new(ledger, *args, **kw)
    ledger._max_starts[Status.RAISED] = 1


def lost_retry(
    ledger: Ledger, number: int, units: Sequence[WorkUnit], *args: Any, **kw: Any
) -> Any:
    """What a lost worker had begun is not queued again."""
    outcomes = _again(ledger, number, units, *args, **kw)
    if ledger._waiting and ledger._waiting[0] in units:
        ledger._waiting.popleft()
    return outcomes


def double_count(
    ledger: Ledger, number: int, message: Message, results: Sequence[JobResult], now: float
) -> list[Outcome]:
    """A result that comes late, after another of the same job, counts too."""
    booked = _done(ledger, number, message, results, now)
    late = [
        Outcome(unit.job, result, np.ones(unit.tile.shape, dtype=np.int64))
        for unit, result in zip(message, results, strict=True)
        if not booked and unit.run == ledger._run and unit not in ledger._open
    ]
    return booked or late


def copy_booked_twice(
    ledger: Ledger, number: int, message: Message, results: Sequence[JobResult], now: float
) -> list[Outcome]:
    """A job stays open for its second copy after the first has come back."""
    copied = {
        unit: replace(ledger._open[unit])
        for unit in message
        if unit in ledger._open and len(ledger._open[unit].holders) > 1
    }
    outcomes = _done(ledger, number, message, results, now)
    ledger._open.update(copied)
    return outcomes


def no_deadline(ledger: Ledger, now: float) -> list[int]:
    """No worker is ever overdue."""
    return []


def runs_confused(ledger: Ledger, tiles: Sequence[Any], whole: Sequence[bool] = ()) -> None:
    """Messages of an earlier run are taken for those of this one."""
    ledger._run = 0
    _begin(ledger, tiles, whole)


def company_for_suspects(ledger: Ledger, unit: WorkUnit) -> bool:
    """A suspected unit travels with the others."""
    return False


def suspected_for_nodes(
    ledger: Ledger, number: int, status: Status, text: str, with_node: bool = False
) -> list[Outcome]:
    """A node that is lost counts like a worker that died."""
    return _lost(ledger, number, status, text, with_node=False)


def leaked_worker(group: WorkerGroup, worker: int) -> None:
    """A worker is replaced and stays alive."""
    group._workers.pop(worker, None)


def leaked_at_the_end(group: WorkerGroup) -> None:
    """Closing the pool forgets those that have not started yet."""
    for worker, record in list(group._workers.items()):
        if not record.ready:
            del group._workers[worker]
    _close(group)


def other_seeds(group: WorkerGroup, worker: int, message: Message, jobs: Sequence[Job]) -> None:
    """A second start runs another episode than the first."""
    sent: set[WorkUnit] = group.__dict__.setdefault("_sent", set())
    jobs = list(jobs)
    for unit in sent.intersection(message):
        grid = jobs[unit.job].grid
        jobs[unit.job] = Job(replace(grid, run_seed=1), unit.tile)
    sent.update(message)
    _send(group, worker, message, jobs)


def grid_taken_for_known(
    group: WorkerGroup, worker: int, message: Message, jobs: Sequence[Job]
) -> None:
    """A grid that was sent has arrived, whatever became of the message."""
    _send(group, worker, message, jobs)
    record = group._workers[worker]
    for numbers in record.bringing.values():
        record.grids.update(numbers)


def work_for_leaving(group: WorkerGroup) -> list[int]:
    """Workers on nodes that will go soon get work like all others."""
    return [worker for worker, record in group._workers.items() if record.ready]


def old_picture(group: WorkerGroup) -> None:
    """Nodes are looked at only once workers are there: what happened since is not known."""
    if not group.ready:
        _fill(group)


def dead_are_trusted(group: WorkerGroup, record: Any) -> None:
    """Idle workers get work without an answer after another worker of their node died."""


def one_node_for_all(backoff: Backoff, nodes: object) -> bool:
    """One bad node ends the run, though others are good."""
    return True


def others_ignored(group: WorkerGroup, node: Node) -> int:
    """All cores of a node count as free."""
    return group._room(node)


def never_withdrawn(group: WorkerGroup, there: object, now: float) -> None:
    """Workers that wait for cores of other runs are left there."""


def lost_race_is_a_failure(group: WorkerGroup, there: dict[str, int], now: float) -> None:
    """A worker whose cores another run got has failed to start."""
    before = dict(group._workers)
    _settle_races(group, there, now)
    for worker in before.keys() - group._workers.keys():
        group._workers[worker] = before[worker]
        group._start_failed(worker, Status.TIMED_OUT, "took too long to start")


def waiting_is_no_hope(group: WorkerGroup) -> bool:
    """Nodes whose cores others hold are taken for nodes that are gone."""
    return any(group._free_room(node) for node in group._usable())


def sum_in_order_of_arrival(outcomes: list[Outcome]) -> float:
    """Adds up in order of arrival."""
    return sum(float(np.nansum(outcome.result.returns)) for outcome in outcomes)


def deaf(stop: StopSignal) -> None:
    """A signal to stop is ignored."""


_new = Ledger.__init__
_again, _done, _begin, _lost = Ledger._again, Ledger.done, Ledger.begin, Ledger.lost
_close, _send, _fill, _settle_races = (
    WorkerGroup.close,
    WorkerGroup.send,
    WorkerGroup.fill,
    WorkerGroup._settle_races,
)

BUGS: dict[str, tuple[Any, str, Callable[..., Any] | property]] = {
    "no second start for errors": (Ledger, "__init__", no_second_start_for_errors),
    "lost retry": (Ledger, "_again", lost_retry),
    "double count": (Ledger, "done", double_count),
    "copy booked twice": (Ledger, "done", copy_booked_twice),
    "no deadline": (Ledger, "overdue", no_deadline),
    "runs confused": (Ledger, "begin", runs_confused),
    "company for suspects": (Ledger, "_suspect", company_for_suspects),
    "suspected for nodes": (Ledger, "lost", suspected_for_nodes),
    "leaked worker": (WorkerGroup, "dismiss", leaked_worker),
    "leaked at the end": (WorkerGroup, "close", leaked_at_the_end),
    "other seeds": (WorkerGroup, "send", other_seeds),
    "grid taken for known": (WorkerGroup, "send", grid_taken_for_known),
    "work for leaving nodes": (WorkerGroup, "ready", property(work_for_leaving)),
    "old picture": (WorkerGroup, "fill", old_picture),
    "dead are trusted": (WorkerGroup, "_ask_if_alive", dead_are_trusted),
    "one node for all": (Backoff, "hopeless", one_node_for_all),
    "others ignored": (WorkerGroup, "_free_room", others_ignored),
    "never withdrawn": (WorkerGroup, "_settle_races", never_withdrawn),
    "lost race is a failure": (WorkerGroup, "_settle_races", lost_race_is_a_failure),
    "waiting is no hope": (WorkerGroup, "has_room", property(waiting_is_no_hope)),
    "order-dependent sum": (play, "value", sum_in_order_of_arrival),
    "deaf": (StopSignal, "check", deaf),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Within this block the pool has a bug."""
    owner, attribute, replacement = BUGS[name]
    with patch.object(owner, attribute, replacement):
        yield


def first_seed(name: str, n_seeds: int) -> tuple[int, Exception] | None:
    """The first of so many seeds whose schedule shows a planted bug, and how; or None."""
    with planted(name):
        for seed in range(n_seeds):
            try:
                play.play(seed)
            except Exception as error:
                return seed, error
    return None
