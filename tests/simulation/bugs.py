"""Bugs to be planted in the real pool, each of which the schedules must find.

A test that cannot fail proves nothing: these are the simulation's own test.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from simulation import play
from spikeloop.cluster.dispatch.ledger import Ended, Ledger
from spikeloop.cluster.dispatch.node_room import NodeRoom
from spikeloop.cluster.dispatch.work_units import Message, WorkUnit
from spikeloop.cluster.dispatch.worker_group import WorkerGroup
from spikeloop.cluster.signals import StopSignal
from spikeloop.workers.job import Job, JobResult, Outcome, Status

_new, _begin = Ledger.__init__, Ledger.begin
_again, _done, _lost = Ledger._again, Ledger.done, Ledger.lost
_close, _send, _fill = WorkerGroup.close, WorkerGroup.send, WorkerGroup.fill
_settle_races, _usable = WorkerGroup._settle_races, NodeRoom.usable


def no_second_start(ledger: Ledger, *args: Any) -> None:
    _new(ledger, *args)
    ledger._max_starts[Status.RAISED] = 1


def lost_retry(
    ledger: Ledger, number: int, units: Sequence[WorkUnit], *args: Any, **kw: Any
) -> Any:
    outcomes = _again(ledger, number, units, *args, **kw)
    if ledger._waiting and ledger._waiting[0] in units:
        ledger._waiting.popleft()
    return outcomes


def double_count(
    ledger: Ledger, number: int, message: Message, results: Sequence[JobResult], now: float
) -> list[Ended]:
    return _done(ledger, number, message, results, now) or [
        (unit.run, Outcome(unit.job, result, np.ones(unit.tile.shape, dtype=np.int64)))
        for unit, result in zip(message, results, strict=True)
        if unit.run in ledger._jobs and unit not in ledger._open
    ]


def copy_booked_twice(ledger: Ledger, number: int, message: Message, *args: Any) -> list[Ended]:
    copied = {
        unit: replace(ledger._open[unit])
        for unit in message
        if unit in ledger._open and len(ledger._open[unit].holders) > 1
    }
    outcomes = _done(ledger, number, message, *args)
    ledger._open.update({unit: kept for unit, kept in copied.items() if unit.run in ledger._jobs})
    return outcomes


def runs_confused(ledger: Ledger, *args: Any) -> None:
    ledger._run = 0
    _begin(ledger, *args)


def leaked_worker(group: WorkerGroup, worker: int, *args: Any, **kw: Any) -> list[Ended]:
    del group._workers[worker]
    return group._ledger.lost(worker, *args, **kw)


def leaked_at_the_end(group: WorkerGroup) -> None:
    for worker, record in list(group._workers.items()):
        if not record.ready:
            del group._workers[worker]
    _close(group)


def other_seeds(
    group: WorkerGroup, worker: int, message: Message, jobs: Mapping[int, Sequence[Job]]
) -> None:
    sent: set[WorkUnit] = group.__dict__.setdefault("_sent", set())
    changed = {run: list(some) for run, some in jobs.items()}
    for unit in sent.intersection(message):
        grid = changed[unit.run][unit.job].grid
        changed[unit.run][unit.job] = Job(replace(grid, run_seed=1), unit.tile)
    sent.update(message)
    _send(group, worker, message, changed)


def grid_taken_for_known(group: WorkerGroup, worker: int, *args: Any) -> None:
    _send(group, worker, *args)
    record = group._workers[worker]
    for numbers in record.bringing.values():
        record.grids.update(numbers)


def lost_race_is_a_failure(group: WorkerGroup, there: dict[str, int], now: float) -> None:
    before = dict(group._workers)
    _settle_races(group, there, now)
    for worker in before.keys() - group._workers.keys():
        group._workers[worker] = before[worker]
        group._start_failed(worker, Status.TIMED_OUT, "took too long to start")


BUGS: dict[str, tuple[Any, str, Any]] = {
    # Episodes fail at once where a message breaks in transport.
    "no second start for errors": (Ledger, "__init__", no_second_start),
    # What a lost worker had begun is not queued again.
    "lost retry": (Ledger, "_again", lost_retry),
    # A result that comes late, after another of the same job, counts too.
    "double count": (Ledger, "done", double_count),
    # A job stays open for its second copy after the first has come back.
    "copy booked twice": (Ledger, "done", copy_booked_twice),
    # No worker is ever overdue.
    "no deadline": (Ledger, "overdue", lambda ledger, now: []),
    # Messages of an earlier run are taken for those of this one.
    "runs confused": (Ledger, "begin", runs_confused),
    # A suspected unit travels with the others.
    "company for suspects": (Ledger, "_suspect", lambda ledger, unit: False),
    # A node that is lost counts like a worker that died.
    "suspected for nodes": (
        *(Ledger, "lost"),
        lambda ledger, number, status, text, with_node=False: _lost(ledger, number, status, text),
    ),
    # A worker is replaced and stays alive.
    "leaked worker": (WorkerGroup, "lose", leaked_worker),
    # Closing the pool forgets those that have not started yet.
    "leaked at the end": (WorkerGroup, "close", leaked_at_the_end),
    # A second start runs another episode than the first.
    "other seeds": (WorkerGroup, "send", other_seeds),
    # A grid that was sent has arrived, whatever became of the message.
    "grid taken for known": (WorkerGroup, "send", grid_taken_for_known),
    # Workers on nodes that will go soon get work like all others.
    "work for leaving nodes": (
        *(WorkerGroup, "ready"),
        property(lambda group: [n for n, record in group._workers.items() if record.ready]),
    ),
    # Nodes are looked at only until workers are there: what happened since is not known.
    "old picture": (WorkerGroup, "fill", lambda group: group.ready or _fill(group)),
    # Idle workers get work without an answer after another worker of their node died.
    "dead are trusted": (WorkerGroup, "_ask_if_alive", lambda group, record: None),
    # One bad node ends the run, though others are good.
    "one node for all": (NodeRoom, "hopeless", lambda room: True),
    # All cores of a node count as free.
    "others ignored": (NodeRoom, "free", lambda room, node: node.cores // room.cores_on(node)),
    # Workers that wait for cores of other runs are left there.
    "never withdrawn": (WorkerGroup, "_settle_races", lambda group, there, now: None),
    # A worker whose cores another run got has failed to start.
    "lost race is a failure": (WorkerGroup, "_settle_races", lost_race_is_a_failure),
    # Nodes whose cores others hold are taken for nodes that are gone.
    "waiting is no hope": (
        *(NodeRoom, "usable"),
        lambda room: [node for node in _usable(room) if room.free(node)],
    ),
    # A signal to stop is ignored.
    "deaf": (StopSignal, "check", lambda stop: None),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Within this block the pool has a bug."""
    with patch.object(*BUGS[name]):
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
