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
from spikeloop.cluster.dispatch.backoff import Trouble
from spikeloop.cluster.dispatch.ledger import Ledger
from spikeloop.cluster.dispatch.work_units import Message, Piece
from spikeloop.cluster.dispatch.worker_group import Crew
from spikeloop.cluster.signals import StopSignal
from spikeloop.workers.job import Job, JobResult, Outcome, Status


def no_second_start_for_errors(ledger: Ledger, *args: Any, **kw: Any) -> None:
    """What goes wrong on the way of a message is held against its episodes at once."""
    _new(ledger, *args, **kw)
    ledger._max_starts[Status.RAISED] = 1


def lost_retry(ledger: Ledger, number: int, pieces: Sequence[Piece], *args: Any, **kw: Any) -> Any:
    """What a lost worker had begun is not put back."""
    outcomes = _again(ledger, number, pieces, *args, **kw)
    if ledger._waiting and ledger._waiting[0] in pieces:
        ledger._waiting.popleft()
    return outcomes


def double_count(
    ledger: Ledger, number: int, message: Message, results: Sequence[JobResult], now: float
) -> list[Outcome]:
    """A result that comes late, after another of the same job, counts too."""
    booked = _done(ledger, number, message, results, now)
    late = [
        Outcome(piece.job, result, np.ones(piece.tile.shape, dtype=np.int64))
        for piece, result in zip(message, results, strict=True)
        if not booked and piece.run == ledger._run and piece not in ledger._open
    ]
    return booked or late


def copy_booked_twice(
    ledger: Ledger, number: int, message: Message, results: Sequence[JobResult], now: float
) -> list[Outcome]:
    """A job stays open for its second copy after the first has come back."""
    copied = {
        piece: replace(ledger._open[piece])
        for piece in message
        if piece in ledger._open and len(ledger._open[piece].holders) > 1
    }
    outcomes = _done(ledger, number, message, results, now)
    ledger._open.update(copied)
    return outcomes


def no_deadline(ledger: Ledger, now: float) -> list[int]:
    """Nobody is ever late."""
    return []


def runs_confused(ledger: Ledger, tiles: Sequence[Any], whole: Sequence[bool] = ()) -> None:
    """Messages of an earlier run are taken for those of this one."""
    ledger._run = 0
    _begin(ledger, tiles, whole)


def company_for_suspects(ledger: Ledger, piece: Piece) -> bool:
    """Who may have taken a worker down travels with the others."""
    return False


def blamed_for_nodes(
    ledger: Ledger, number: int, status: Status, text: str, with_node: bool = False
) -> list[Outcome]:
    """A node that is lost counts like a worker that died."""
    return _lost(ledger, number, status, text, with_node=False)


def leaked_worker(crew: Crew, worker: int) -> None:
    """A worker is replaced and episodes on."""
    crew._members.pop(worker, None)


def leaked_at_the_end(crew: Crew) -> None:
    """Closing the pool forgets those that have not started yet."""
    for worker, member in list(crew._members.items()):
        if not member.ready:
            del crew._members[worker]
    _close(crew)


def other_seeds(crew: Crew, worker: int, message: Message, jobs: Sequence[Job]) -> None:
    """A second start episodes another episode than the first."""
    sent: set[Piece] = crew.__dict__.setdefault("_sent", set())
    jobs = list(jobs)
    for piece in sent.intersection(message):
        grid = jobs[piece.job].grid
        jobs[piece.job] = Job(replace(grid, run_seed=1), piece.tile)
    sent.update(message)
    _send(crew, worker, message, jobs)


def grid_taken_for_known(crew: Crew, worker: int, message: Message, jobs: Sequence[Job]) -> None:
    """A grid that was sent has arrived, whatever became of the message."""
    _send(crew, worker, message, jobs)
    member = crew._members[worker]
    for numbers in member.bringing.values():
        member.grids.update(numbers)


def work_for_leaving(crew: Crew) -> list[int]:
    """Workers on nodes that will go soon get work like all others."""
    return [worker for worker, member in crew._members.items() if member.ready]


def old_picture(crew: Crew) -> None:
    """Nodes are looked at only once workers are there: what happened since is not known."""
    if not crew.ready:
        _fill(crew)


def dead_are_trusted(crew: Crew, member: Any) -> None:
    """Who was idle when another worker of its node died gets work unasked."""


def one_node_for_all(trouble: Trouble, nodes: object) -> bool:
    """One bad node ends the run, though others are good."""
    return True


def others_ignored(crew: Crew, node: Node) -> int:
    """All cores of a node are taken for free."""
    return crew._room(node)


def never_withdrawn(crew: Crew, there: object, now: float) -> None:
    """Workers that wait for cores of other runs are left there."""


def lost_race_is_a_failure(crew: Crew, there: dict[str, int], now: float) -> None:
    """A worker whose cores another run got has failed to start."""
    before = dict(crew._members)
    _settle_races(crew, there, now)
    for worker in before.keys() - crew._members.keys():
        crew._members[worker] = before[worker]
        crew._start_failed(worker, Status.TIMED_OUT, "took too long to start")


def waiting_is_no_hope(crew: Crew) -> bool:
    """Nodes whose cores others hold are taken for nodes that are gone."""
    return any(crew._free_room(node) for node in crew._usable())


def sum_in_order_of_arrival(outcomes: list[Outcome]) -> float:
    """Adds up in order of arrival."""
    return sum(float(np.nansum(outcome.result.returns)) for outcome in outcomes)


def deaf(stop: StopSignal) -> None:
    """A signal to stop is not heard."""


_new = Ledger.__init__
_again, _done, _begin, _lost = Ledger._again, Ledger.done, Ledger.begin, Ledger.lost
_close, _send, _fill, _settle_races = Crew.close, Crew.send, Crew.fill, Crew._settle_races

BUGS: dict[str, tuple[Any, str, Callable[..., Any] | property]] = {
    "no second start for errors": (Ledger, "__init__", no_second_start_for_errors),
    "lost retry": (Ledger, "_again", lost_retry),
    "double count": (Ledger, "done", double_count),
    "copy booked twice": (Ledger, "done", copy_booked_twice),
    "no deadline": (Ledger, "overdue", no_deadline),
    "runs confused": (Ledger, "begin", runs_confused),
    "company for suspects": (Ledger, "_suspect", company_for_suspects),
    "blamed for nodes": (Ledger, "lost", blamed_for_nodes),
    "leaked worker": (Crew, "dismiss", leaked_worker),
    "leaked at the end": (Crew, "close", leaked_at_the_end),
    "other seeds": (Crew, "send", other_seeds),
    "grid taken for known": (Crew, "send", grid_taken_for_known),
    "work for leaving nodes": (Crew, "ready", property(work_for_leaving)),
    "old picture": (Crew, "fill", old_picture),
    "dead are trusted": (Crew, "_doubt", dead_are_trusted),
    "one node for all": (Trouble, "hopeless", one_node_for_all),
    "others ignored": (Crew, "_free_room", others_ignored),
    "never withdrawn": (Crew, "_settle_races", never_withdrawn),
    "lost race is a failure": (Crew, "_settle_races", lost_race_is_a_failure),
    "waiting is no hope": (Crew, "has_room", property(waiting_is_no_hope)),
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
