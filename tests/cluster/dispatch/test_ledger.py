"""The ledger's decisions after every kind of failure: no Ray, no clock, no waiting.

``tests/simulation`` plays random schedules of all these failures against the whole pool.
"""

import numpy as np
import pytest

from spikeloop.cluster.dispatch.ledger import (
    LOOK_EVERY_S,
    MAX_NODE_LOSSES,
    STRAGGLES,
    Ended,
    Ledger,
)
from spikeloop.cluster.dispatch.work_units import (
    MESSAGES_PER_NODE,
    UNITS_PER_CORE,
    Message,
    WorkUnit,
)
from spikeloop.workers.base import N_CURVE_BINS
from spikeloop.workers.job import JobResult, Outcome, Status, Tile

LIMIT_S = 10.0
DEATHS = [Status.WORKER_DIED, Status.OUT_OF_MEMORY]
LOSSES = pytest.mark.parametrize(
    ("status", "n_starts"), [*((status, 3) for status in DEATHS), (Status.TIMED_OUT, 2)]
)


def run_episodes(tile: Tile) -> JobResult:
    """What a worker makes of a tile: the return of episode (c, t) is 1000 c + t."""
    c, t = np.mgrid[tile.c0 : tile.c1, tile.t0 : tile.t1]
    returns = (1000.0 * c + t).astype(np.float64)
    return JobResult(
        tile=tile,
        returns=returns,
        curve=np.repeat(returns[..., None], N_CURVE_BINS, axis=2),
        status=np.zeros(tile.shape, dtype=np.uint8),
        n_simulated_steps=tile.n_episodes,
    )


def row(n_jobs: int, n_episodes: int = 1) -> list[Tile]:
    """Jobs of one candidate each, on ``n_episodes`` tasks."""
    return [Tile(c, c + 1, 0, n_episodes) for c in range(n_jobs)]


def started(
    tiles: list[Tile],
    n_workers: int = 1,
    max_attempts: int = 3,
    cores: int = 1,
    whole: bool = False,
) -> Ledger:
    ledger = Ledger(LIMIT_S, max_attempts)
    ledger.begin(tiles, [whole] * len(tiles))
    join(ledger, *range(n_workers), cores=cores)
    return ledger


def join(ledger: Ledger, *workers: int, cores: int = 1) -> None:
    for worker in workers:
        ledger.join(worker, cores)


def give(ledger: Ledger, worker: int, now: float = 0.0) -> Message:
    message = ledger.assign(worker, now)
    assert message
    return message


def give_one(ledger: Ledger, worker: int, now: float = 0.0) -> WorkUnit:
    (unit,) = give(ledger, worker, now)
    return unit


def outcomes_of(ended: list[Ended]) -> list[Outcome]:
    """Outcomes without the number of their run."""
    return [outcome for _, outcome in ended]


def finish(ledger: Ledger, worker: int, message: Message, now: float = 0.0) -> list[Outcome]:
    results = [run_episodes(unit.tile) for unit in message]
    return outcomes_of(ledger.done(worker, message, results, now))


def lose(ledger: Ledger, *workers: int, with_node: bool = False) -> list[Outcome]:
    return [
        outcome
        for worker in workers
        for outcome in outcomes_of(ledger.lost(worker, Status.WORKER_DIED, "gone", with_node))
    ]


def attempts(ledger: Ledger, worker: int, message: Message) -> int:
    """How often the only episode of a message had been started when it came back."""
    (outcome,) = finish(ledger, worker, message)
    return int(outcome.attempts.item())


def test_a_result_becomes_the_outcome_of_its_job() -> None:
    ledger = started(row(2, n_episodes=3), n_workers=2)
    give(ledger, 0)
    (outcome,) = finish(ledger, 1, give(ledger, 1))
    assert outcome.index == 1
    np.testing.assert_array_equal(outcome.result.returns, [[1000.0, 1001.0, 1002.0]])
    np.testing.assert_array_equal(outcome.attempts, [[1, 1, 1]])
    assert not ledger.finished


# Workers with several cores


@pytest.mark.parametrize("cores", [1, 2, 3, 8])
def test_a_worker_holds_two_units_for_each_of_its_cores(cores: int) -> None:
    ledger = started(row(10 * cores), cores=cores)
    given: list[WorkUnit] = []
    while message := ledger.assign(0, 0.0):
        assert len(message) <= max(1, cores // MESSAGES_PER_NODE)
        given += message
    assert [unit.job for unit in given] == list(range(UNITS_PER_CORE * cores))


def test_a_message_of_several_units_becomes_an_outcome_each() -> None:
    ledger = started(row(20), cores=8)
    message = give(ledger, 0)
    assert [unit.job for unit in message] == [0, 1]
    outcomes = finish(ledger, 0, message)
    assert [outcome.index for outcome in outcomes] == [0, 1]
    assert [float(outcome.result.returns.item()) for outcome in outcomes] == [0.0, 1000.0]


def test_the_last_units_go_to_free_cores() -> None:
    ledger = started(row(4), n_workers=2, cores=2)
    given = [give_one(ledger, worker).job for worker in (0, 0, 1)]
    assert given == [0, 1, 2]
    assert ledger.assign(0, 0.0) == ()
    assert give_one(ledger, 1).job == 3


def test_all_units_on_a_lost_worker_with_several_cores_are_suspects() -> None:
    ledger = started(row(9), cores=2)
    jobs = {give_one(ledger, 0).job for _ in range(4)}
    lose(ledger, 0)
    join(ledger, 1, cores=2)
    assert give_one(ledger, 1).job in jobs
    assert ledger.assign(1, 0.0) == (), "a suspected unit is not alone"


def test_units_lost_together_with_others_do_not_fail() -> None:
    """A unit fails only after a start that it had to itself."""
    ledger = started(row(4), n_workers=0, max_attempts=2)
    join(ledger, 0, cores=4)
    for _ in range(4):
        give(ledger, 0)
    assert lose(ledger, 0) == []
    outcomes = []
    for worker in range(1, 5):
        ledger.join(worker, 4)
        outcomes += finish(ledger, worker, give(ledger, worker))
    assert sorted(outcome.index for outcome in outcomes) == [0, 1, 2, 3]
    assert all(outcome.result.status.item() == Status.OK for outcome in outcomes)


def test_an_error_of_a_message_of_several_units_fails_none_of_them() -> None:
    ledger = started(row(20), cores=8)
    message = give(ledger, 0)
    assert len(message) == 2
    assert ledger.error(0, message, "E: no", "", 0.0) == []
    assert {finish(ledger, 0, give(ledger, 0))[0].index for _ in message} == {0, 1}


# Deadlines


def test_the_deadline_counts_from_the_head_of_the_queue() -> None:
    ledger = started(row(9))
    first, second = give(ledger, 0, now=0.0), give(ledger, 0, now=0.0)
    finish(ledger, 0, first, now=9.0)
    assert ledger.overdue(now=18.9) == []
    assert ledger.overdue(now=19.1) == [0]
    finish(ledger, 0, second, now=19.1)
    assert ledger.overdue(now=1000.0) == []


def test_a_unit_may_have_waited_for_a_core_of_its_worker() -> None:
    ledger = started(row(9), cores=2)
    for _ in range(4):
        give(ledger, 0, now=0.0)
    assert ledger.overdue(now=UNITS_PER_CORE * LIMIT_S - 0.1) == []
    assert ledger.overdue(now=UNITS_PER_CORE * LIMIT_S + 0.1) == [0]


# Suspected units


def test_only_the_running_unit_is_suspected() -> None:
    ledger = started(row(9))
    head, queued = give(ledger, 0), give(ledger, 0)
    lose(ledger, 0)
    join(ledger, 1, 2)
    again, same = give(ledger, 1), give(ledger, 2)
    assert (again, same) == (head, queued)
    assert (attempts(ledger, 1, again), attempts(ledger, 2, same)) == (2, 1)


def test_a_suspected_unit_runs_alone() -> None:
    ledger = started(row(20))
    head = give(ledger, 0)
    lose(ledger, 0)
    join(ledger, 1, 2)
    assert give(ledger, 1) == head
    assert ledger.assign(1, 0.0) == ()
    give(ledger, 2)


def test_a_suspected_unit_waits_for_an_idle_worker() -> None:
    ledger = started(row(20), n_workers=2)
    give(ledger, 0), give(ledger, 1)
    lose(ledger, 0)
    assert ledger.assign(1, 0.0) == ()


# Nodes that are lost


def test_an_episode_that_keeps_losing_nodes_is_suspected() -> None:
    ledger = started(row(1), n_workers=0, max_attempts=3)
    outcomes: list[Outcome] = []
    n_lost = 0
    while not ledger.finished:
        assert n_lost < 100, "it brings nodes down without end"
        ledger.join(n_lost)
        give(ledger, n_lost)
        outcomes += lose(ledger, n_lost, with_node=True)
        n_lost += 1
    assert n_lost == MAX_NODE_LOSSES + 3
    assert outcomes[0].result.status.item() == Status.WORKER_DIED


# Retries


@pytest.mark.parametrize("status", DEATHS)
def test_a_tile_is_retried_whole_before_it_is_cut(status: Status) -> None:
    ledger = started(row(1, n_episodes=2))
    give(ledger, 0)
    ledger.lost(0, status, "gone")
    ledger.join(1)
    assert give_one(ledger, 1).tile == Tile(0, 1, 0, 2)
    ledger.lost(1, status, "gone")
    join(ledger, 2, 3)
    episodes = [give_one(ledger, 2).tile, give_one(ledger, 3).tile]
    assert episodes == [Tile(0, 1, 0, 1), Tile(0, 1, 1, 2)]


def test_a_tile_that_took_too_long_is_cut_at_once() -> None:
    ledger = started(row(1, n_episodes=2))
    give(ledger, 0)
    ledger.lost(0, Status.TIMED_OUT, "late")
    ledger.join(1)
    assert give_one(ledger, 1).tile == Tile(0, 1, 0, 1)


def test_a_transport_error_costs_one_start() -> None:
    ledger = started(row(1))
    assert ledger.error(0, give(ledger, 0), "ObjectLostError", "", 0.0) == []
    (outcome,) = finish(ledger, 0, give(ledger, 0))
    assert (outcome.result.status.item(), outcome.attempts.item()) == (Status.OK, 2)


@LOSSES
def test_only_the_broken_episode_of_a_tile_fails(status: Status, n_starts: int) -> None:
    """The episode of candidate 1 on task 1 loses every worker that it runs on."""
    ledger = started([Tile(0, 2, 0, 3)], n_workers=0)
    outcomes: list[Outcome] = []
    n_lost = 0
    for worker in range(100):
        if ledger.finished:
            break
        ledger.join(worker)
        message = give(ledger, worker)
        tile = message[0].tile
        contains = tile.c0 <= 1 < tile.c1 and tile.t0 <= 1 < tile.t1
        if contains:
            n_lost += 1
            outcomes += outcomes_of(ledger.lost(worker, status, "broken"))
        else:
            outcomes += finish(ledger, worker, message)
    (outcome,) = outcomes
    assert n_lost == n_starts
    np.testing.assert_array_equal(outcome.result.status, [[0, 0, 0], [0, status, 0]])
    np.testing.assert_array_equal(outcome.result.returns, [[0, 1, 2], [1000, np.nan, 1002]])
    np.testing.assert_array_equal(outcome.attempts, np.full((2, 3), n_starts))
    (failure,) = outcome.result.failures
    assert (failure.tile, failure.status) == (Tile(1, 2, 1, 2), status)
    assert failure.message == "broken"


def test_an_error_cuts_the_tile_and_spares_the_worker() -> None:
    ledger = started(row(1, n_episodes=2), max_attempts=2)
    assert ledger.error(0, give(ledger, 0), "E: no", "trace", 0.0) == []
    assert finish(ledger, 0, give(ledger, 0)) == []
    ((_, outcome),) = ledger.error(0, give(ledger, 0), "E: no", "trace", 0.0)
    np.testing.assert_array_equal(outcome.result.status, [[Status.OK, Status.RAISED]])
    assert outcome.result.failures[0].traceback == "trace"


@LOSSES
def test_a_whole_tile_is_never_cut_and_fails_as_one(status: Status, n_starts: int) -> None:
    tile = Tile(0, 2, 0, 3)
    ledger = started([tile], n_workers=0, whole=True)
    for worker in range(n_starts):
        assert not ledger.finished
        ledger.join(worker)
        assert give_one(ledger, worker).tile == tile
        outcomes = outcomes_of(ledger.lost(worker, status, "broken"))
    (outcome,) = outcomes
    assert (outcome.result.status == status).all()
    assert [failure.tile for failure in outcome.result.failures] == list(tile.episodes())
    assert {failure.message for failure in outcome.result.failures} == {"broken"}
    np.testing.assert_array_equal(outcome.attempts, np.full((2, 3), n_starts))


def test_a_whole_tile_fails_only_after_a_start_alone() -> None:
    ledger = started(row(40, n_episodes=2), max_attempts=2, cores=8, whole=True)
    message = give(ledger, 0)
    assert len(message) > 1
    assert ledger.error(0, message, "E: no", "trace", 0.0) == []
    ledger.join(1)
    (outcome,) = finish(ledger, 1, (suspect := give_one(ledger, 1),))
    assert suspect == message[0]
    np.testing.assert_array_equal(outcome.attempts, [[2, 2]])


# Copies of stragglers

LATE_S = 1.0 + STRAGGLES + LOOK_EVERY_S
"""Seconds after which what was sent at 1 s straggles, where others took one second."""


def straggling() -> tuple[Ledger, Message]:
    """Worker 0 has not come back with job 0; worker 1 has done job 1 in a second, and is idle."""
    ledger = started(row(2), n_workers=2)
    message, other = give(ledger, 0, now=0.0), give(ledger, 1, now=0.0)
    finish(ledger, 1, other, now=1.0)
    return ledger, message


def copied() -> tuple[Ledger, Message]:
    """Job 0 is on both workers."""
    ledger, message = straggling()
    ledger.copy_stragglers(LATE_S)
    assert give(ledger, 1, LATE_S) == message
    return ledger, message


def test_a_straggler_gets_a_second_copy_on_an_idle_worker() -> None:
    ledger, _ = copied()
    assert ledger.n_copies == 1


def test_nothing_is_copied_that_takes_as_long_as_the_others() -> None:
    ledger, _ = straggling()
    ledger.copy_stragglers(now=STRAGGLES - 0.1)
    assert ledger.assign(1, 2.0) == ()


def test_nothing_is_copied_while_other_work_waits() -> None:
    ledger = started(row(3), n_workers=2)
    give(ledger, 0)
    finish(ledger, 1, give(ledger, 1, now=0.0), now=1.0)
    ledger.copy_stragglers(now=LATE_S)
    assert give_one(ledger, 1, LATE_S).job == 2
    assert ledger.assign(1, LATE_S) == ()


def test_there_is_no_third_copy() -> None:
    ledger, _ = copied()
    ledger.join(2)
    ledger.copy_stragglers(now=10 * LATE_S)
    assert ledger.assign(2, 10 * LATE_S) == ()


def test_a_worker_gets_no_copy_of_what_it_holds_itself() -> None:
    ledger = started(row(2), n_workers=1, cores=2)
    give(ledger, 0), finish(ledger, 0, give(ledger, 0), now=1.0)
    ledger.copy_stragglers(now=LATE_S)
    assert ledger.assign(0, LATE_S) == ()


def test_a_suspect_gets_no_copy() -> None:
    ledger = started(row(2), n_workers=3)
    give(ledger, 0)
    finish(ledger, 1, give(ledger, 1), now=1.0)
    lose(ledger, 0)
    give(ledger, 1, now=1.0)
    ledger.copy_stragglers(now=10 * LATE_S)
    assert ledger.assign(2, 10 * LATE_S) == ()


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_the_first_result_of_two_copies_counts(first: int, second: int) -> None:
    ledger, message = copied()
    (outcome,) = finish(ledger, first, message, LATE_S)
    assert outcome.attempts.item() == 2
    assert ledger.finished
    assert finish(ledger, second, message, LATE_S) == []


def test_a_copy_that_has_not_been_sent_is_not_sent_after_the_result() -> None:
    ledger, message = straggling()
    ledger.copy_stragglers(LATE_S)
    finish(ledger, 0, message, LATE_S)
    assert ledger.assign(1, LATE_S) == ()


@pytest.mark.parametrize("lost", [0, 1])
def test_where_one_copy_is_lost_the_other_is_its_second_start(lost: int) -> None:
    ledger, message = copied()
    assert lose(ledger, lost) == []
    ledger.join(2)
    assert ledger.assign(2, LATE_S) == ()
    (outcome,) = finish(ledger, 1 - lost, message, LATE_S)
    assert outcome.result.status.item() == Status.OK


def test_two_copies_that_are_lost_are_one_unit_again() -> None:
    ledger, message = copied()
    lose(ledger, 0, 1)
    join(ledger, 2, 3)
    assert give(ledger, 2) == message
    assert ledger.assign(3, 0.0) == ()
    assert attempts(ledger, 2, message) == 3


# One run after another


def another(ledger: Ledger, tiles: list[Tile]) -> None:
    """End the first run and begin a second."""
    ledger.end(1)
    ledger.begin(tiles)


@pytest.mark.parametrize("cores", [1, 2])
def test_losing_a_worker_with_unwanted_work_changes_nothing(cores: int) -> None:
    ledger = started(row(9), cores=cores)
    give(ledger, 0), give(ledger, 0)
    another(ledger, row(1))
    assert lose(ledger, 0) == []
    ledger.join(1, cores)
    assert attempts(ledger, 1, give(ledger, 1)) == 1


def test_a_worker_gets_nothing_behind_unwanted_work() -> None:
    ledger = started(row(9), n_workers=2)
    old = give(ledger, 0)
    another(ledger, row(9))
    assert ledger.busy == [0]
    assert ledger.assign(0, 0.0) == ()
    give(ledger, 1)
    finish(ledger, 0, old)
    give(ledger, 0)


def test_a_worker_that_hangs_in_unwanted_work_is_overdue() -> None:
    ledger = started(row(1))
    give(ledger, 0, now=0.0)
    another(ledger, row(1))
    assert ledger.overdue(now=LIMIT_S + 1.0) == [0]


# Several runs at a time


def test_outcomes_carry_the_number_of_their_run() -> None:
    ledger = started(row(1), n_workers=2)
    second = ledger.begin(row(1, n_episodes=2))
    messages = [give(ledger, worker) for worker in (0, 1)]
    ended = [
        ledger.done(worker, messages[worker], [run_episodes(messages[worker][0].tile)], 0.0)
        for worker in (1, 0)
    ]
    assert [(run, outcome.index) for ((run, outcome),) in ended] == [(second, 0), (1, 0)]
    assert ended[0][0][1].result.tile.n_episodes == 2
    assert ledger.finished


def test_a_run_waits_for_what_was_asked_before_it_and_for_nothing_else() -> None:
    ledger = started(row(4))
    second = ledger.begin(row(2))
    first = [unit.run for _ in range(4) for unit in (worked(ledger),)]
    third = ledger.begin(row(9))
    assert first == [1] * 4
    assert [worked(ledger).run for _ in range(3)] == [second, second, third]


def worked(ledger: Ledger) -> WorkUnit:
    """The unit that worker 0 gets next, and finishes."""
    unit = give_one(ledger, 0)
    finish(ledger, 0, (unit,))
    return unit


def test_the_end_of_a_run_leaves_others_as_they_are() -> None:
    ledger = started(row(3), n_workers=2)
    old = give(ledger, 0)
    second = ledger.begin(row(2))
    ledger.end(1)
    assert (ledger.is_open(1), ledger.is_open(second), ledger.n_waiting) == (False, True, 2)
    unit = give_one(ledger, 1)
    assert unit.run == second
    assert finish(ledger, 0, old) == []
    assert len(finish(ledger, 1, (unit,))) == 1
    ledger.end(1)
    assert ledger.is_open(second)


def test_failures_of_one_run_suspect_no_unit_of_another() -> None:
    ledger = started(row(1), n_workers=0, cores=2)
    ledger.begin(row(1))
    join(ledger, 0, 1)
    broken, healthy = give_one(ledger, 0), give_one(ledger, 1)
    lose(ledger, 0)
    assert attempts(ledger, 1, (healthy,)) == 1
    assert give(ledger, 1) == (broken,)


def test_stragglers_are_measured_by_their_own_run() -> None:
    """A unit of a slow run is not late because another run has short ones."""
    ledger = started(row(1), n_workers=3)
    slow = give_one(ledger, 0)
    ledger.begin(row(3))
    for _ in range(2):
        finish(ledger, 1, give(ledger, 1), now=0.1)
    give(ledger, 1, now=0.1)
    ledger.copy_stragglers(now=0.2 + STRAGGLES * 0.1)
    assert [unit.run for unit in give(ledger, 2)] == [2]
    assert slow.run == 1
    assert ledger.assign(2, 9.0) == ()
