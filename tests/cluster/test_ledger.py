"""Every way in which work can go wrong, on paper: no Ray, no clock, no waiting."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikeloop.cluster.ledger import Ledger, Piece
from spikeloop.workers.base import N_CURVE_BINS
from spikeloop.workers.job import JobResult, Outcome, Status, Tile

LIMIT_S = 10.0
DEATHS = [Status.WORKER_DIED, Status.OUT_OF_MEMORY]


def live(tile: Tile) -> JobResult:
    """What a worker makes of a tile: the return of life (c, t) is 1000 c + t."""
    c, t = np.mgrid[tile.c0 : tile.c1, tile.t0 : tile.t1]
    returns = (1000.0 * c + t).astype(np.float64)
    return JobResult(
        tile=tile,
        returns=returns,
        curve=np.repeat(returns[..., None], N_CURVE_BINS, axis=2),
        status=np.zeros(tile.shape, dtype=np.uint8),
        n_simulated_steps=tile.n_lives,
    )


def row(n_jobs: int, n_lives: int = 1) -> list[Tile]:
    """Jobs of one candidate each, on ``n_lives`` tasks."""
    return [Tile(c, c + 1, 0, n_lives) for c in range(n_jobs)]


def started(tiles: list[Tile], n_workers: int = 1, **options: int) -> Ledger:
    ledger = Ledger(tiles, LIMIT_S, **options)
    join(ledger, *range(n_workers))
    return ledger


def join(ledger: Ledger, *workers: int) -> None:
    for worker in workers:
        ledger.join(worker)


def give(ledger: Ledger, worker: int, now: float = 0.0) -> Piece:
    piece = ledger.assign(worker, now)
    assert piece is not None
    return piece


def finish(ledger: Ledger, worker: int, piece: Piece, now: float = 0.0) -> list[Outcome]:
    return ledger.done(worker, piece, live(piece.tile), now)


def test_no_jobs_are_finished_at_once() -> None:
    assert Ledger([], LIMIT_S).finished


def test_jobs_are_given_in_order() -> None:
    ledger = started(row(5))
    assert [give(ledger, 0).job, give(ledger, 0).job] == [0, 1]


def test_a_result_becomes_the_outcome_of_its_job() -> None:
    ledger = started(row(2, n_lives=3), n_workers=2)
    give(ledger, 0)
    (outcome,) = finish(ledger, 1, give(ledger, 1))
    assert outcome.index == 1
    np.testing.assert_array_equal(outcome.result.returns, [[1000.0, 1001.0, 1002.0]])
    np.testing.assert_array_equal(outcome.attempts, [[1, 1, 1]])
    assert not ledger.finished


def test_finished_only_after_the_last_outcome() -> None:
    ledger = started(row(2))
    finish(ledger, 0, give(ledger, 0))
    assert not ledger.finished
    finish(ledger, 0, give(ledger, 0))
    assert ledger.finished


@pytest.mark.parametrize("max_in_flight", [1, 2])
def test_a_worker_holds_at_most_max_in_flight(max_in_flight: int) -> None:
    ledger = started(row(9), max_in_flight=max_in_flight)
    for _ in range(max_in_flight):
        give(ledger, 0)
    assert ledger.assign(0, 0.0) is None


def test_the_last_pieces_are_kept_for_idle_workers() -> None:
    ledger = started(row(4), n_workers=2)
    give(ledger, 0), give(ledger, 1)
    assert ledger.assign(0, 0.0) is None


def test_a_worker_joins_once() -> None:
    ledger = started(row(1))
    with pytest.raises(AssertionError, match="worker 0 joined twice"):
        ledger.join(0)


# Deadlines


def test_the_deadline_counts_from_the_head_of_the_queue() -> None:
    ledger = started(row(9))
    first, second = give(ledger, 0, now=0.0), give(ledger, 0, now=0.0)
    finish(ledger, 0, first, now=9.0)
    assert ledger.overdue(now=18.9) == []
    assert ledger.overdue(now=19.1) == [0]
    finish(ledger, 0, second, now=19.1)
    assert ledger.overdue(now=1000.0) == []


def test_an_idle_worker_is_never_overdue() -> None:
    ledger = started(row(1))
    assert ledger.overdue(now=1e9) == []


# Who is to blame


def test_the_running_piece_is_the_suspect_and_the_queued_one_is_not() -> None:
    ledger = started(row(9))
    head, queued = give(ledger, 0), give(ledger, 0)
    ledger.lost(0, Status.WORKER_DIED, "gone")
    join(ledger, 1, 2)
    again, same = give(ledger, 1), give(ledger, 2)
    assert (again.job, again.attempt) == (head.job, 2)
    assert (same.job, same.attempt) == (queued.job, 1)


def test_losing_an_idle_worker_blames_nobody() -> None:
    ledger = started(row(1), n_workers=2)
    assert ledger.lost(0, Status.WORKER_DIED, "gone") == []
    assert give(ledger, 1).attempt == 1


def test_a_second_notice_of_a_loss_changes_nothing() -> None:
    ledger = started(row(1))
    give(ledger, 0)
    ledger.lost(0, Status.WORKER_DIED, "gone")
    assert ledger.lost(0, Status.WORKER_DIED, "gone") == []
    ledger.join(1)
    assert give(ledger, 1).attempt == 2


def test_a_suspect_has_its_worker_to_itself() -> None:
    ledger = started(row(20))
    give(ledger, 0)
    ledger.lost(0, Status.WORKER_DIED, "gone")
    join(ledger, 1, 2)
    assert give(ledger, 1).suspect
    assert ledger.assign(1, 0.0) is None
    give(ledger, 2)


def test_a_suspect_is_not_queued_behind_other_work() -> None:
    ledger = started(row(20), n_workers=2)
    give(ledger, 0), give(ledger, 1)
    ledger.lost(0, Status.WORKER_DIED, "gone")
    assert ledger.assign(1, 0.0) is None


# Retries


@pytest.mark.parametrize("status", DEATHS)
def test_a_tile_is_retried_whole_before_it_is_cut(status: Status) -> None:
    ledger = started(row(1, n_lives=2))
    give(ledger, 0)
    ledger.lost(0, status, "gone")
    ledger.join(1)
    assert give(ledger, 1).tile == Tile(0, 1, 0, 2)
    ledger.lost(1, status, "gone")
    join(ledger, 2, 3)
    assert [give(ledger, 2).tile, give(ledger, 3).tile] == [Tile(0, 1, 0, 1), Tile(0, 1, 1, 2)]


def test_a_tile_that_took_too_long_is_cut_at_once() -> None:
    ledger = started(row(1, n_lives=2))
    give(ledger, 0)
    ledger.lost(0, Status.TIMED_OUT, "late")
    ledger.join(1)
    assert give(ledger, 1) == Piece(0, Tile(0, 1, 0, 1), attempt=2)


def test_a_transient_fault_costs_nothing_but_a_start() -> None:
    ledger = started(row(1, n_lives=3))
    give(ledger, 0)
    ledger.lost(0, Status.WORKER_DIED, "gone")
    ledger.join(1)
    (outcome,) = finish(ledger, 1, give(ledger, 1))
    np.testing.assert_array_equal(outcome.result.returns, [[0.0, 1.0, 2.0]])
    np.testing.assert_array_equal(outcome.attempts, [[2, 2, 2]])
    assert outcome.result.failures == ()


@pytest.mark.parametrize(
    ("status", "n_starts"),
    [(Status.WORKER_DIED, 3), (Status.OUT_OF_MEMORY, 3), (Status.TIMED_OUT, 2)],
)
def test_only_the_broken_life_of_a_tile_fails(status: Status, n_starts: int) -> None:
    """The life of candidate 1 on task 1 loses every worker that it runs on."""
    ledger = started([Tile(0, 2, 0, 3)], n_workers=0)
    outcomes: list[Outcome] = []
    n_lost = 0
    for worker in range(100):
        if ledger.finished:
            break
        ledger.join(worker)
        piece = give(ledger, worker)
        contains = piece.tile.c0 <= 1 < piece.tile.c1 and piece.tile.t0 <= 1 < piece.tile.t1
        if contains:
            n_lost += 1
            outcomes += ledger.lost(worker, status, "broken")
        else:
            outcomes += finish(ledger, worker, piece)
    (outcome,) = outcomes
    assert n_lost == n_starts
    np.testing.assert_array_equal(outcome.result.status, [[0, 0, 0], [0, status, 0]])
    np.testing.assert_array_equal(outcome.result.returns, [[0, 1, 2], [1000, np.nan, 1002]])
    np.testing.assert_array_equal(outcome.attempts, np.full((2, 3), n_starts))
    (failure,) = outcome.result.failures
    assert (failure.tile, failure.status) == (Tile(1, 2, 1, 2), status)
    assert failure.message == "broken"


@pytest.mark.parametrize("max_attempts", [2, 3, 5])
def test_a_deadly_life_costs_max_attempts_workers(max_attempts: int) -> None:
    ledger = started(row(1), n_workers=0, max_attempts=max_attempts)
    for worker in range(max_attempts):
        assert not ledger.finished
        ledger.join(worker)
        give(ledger, worker)
        outcomes = ledger.lost(worker, Status.WORKER_DIED, "gone")
    assert ledger.finished
    assert outcomes[0].result.status == Status.WORKER_DIED


def test_an_error_cuts_the_tile_and_spares_the_worker() -> None:
    ledger = started(row(1, n_lives=2))
    assert ledger.error(0, give(ledger, 0), "E: no", "trace", 0.0) == []
    assert finish(ledger, 0, give(ledger, 0)) == []
    (outcome,) = ledger.error(0, give(ledger, 0), "E: no", "trace", 0.0)
    np.testing.assert_array_equal(outcome.result.status, [[Status.OK, Status.RAISED]])
    assert outcome.result.failures[0].traceback == "trace"


# Late duplicates


def test_a_result_of_a_lost_worker_is_dropped() -> None:
    ledger = started(row(1))
    piece = give(ledger, 0)
    ledger.lost(0, Status.WORKER_DIED, "unreachable")
    assert finish(ledger, 0, piece) == []
    assert not ledger.finished


def test_a_result_told_twice_counts_once() -> None:
    ledger = started(row(2))
    piece = give(ledger, 0)
    assert len(finish(ledger, 0, piece)) == 1
    assert finish(ledger, 0, piece) == []
    assert not ledger.finished


def test_an_error_after_the_result_is_dropped() -> None:
    ledger = started(row(1))
    piece = give(ledger, 0)
    finish(ledger, 0, piece)
    assert ledger.error(0, piece, "late", "", 0.0) == []


# Schedules drawn at random


@dataclass
class World:
    """Workers with queues of their own, and a clock, against which a ledger is played."""

    ledger: Ledger
    poison: dict[tuple[int, int], Status]
    queues: dict[int, list[Piece]] = field(default_factory=dict)
    stale: list[tuple[int, Piece]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    now: float = 0.0
    n_workers_ever: int = 0
    n_deaths: int = 0

    def hire(self) -> None:
        self.ledger.join(self.n_workers_ever)
        self.queues[self.n_workers_ever] = []
        self.n_workers_ever += 1

    def send(self) -> None:
        for worker, queue in self.queues.items():
            while (piece := self.ledger.assign(worker, self.now)) is not None:
                assert not (queue and (piece.suspect or queue[0].suspect))
                queue.append(piece)
                assert len(queue) <= 2

    def fate(self, piece: Piece) -> Status:
        c, t = range(piece.tile.c0, piece.tile.c1), range(piece.tile.t0, piece.tile.t1)
        fates = [self.poison[life] for life in self.poison if life[0] in c and life[1] in t]
        return fates[0] if fates else Status.OK

    def lose(self, worker: int, status: Status) -> None:
        self.stale += [(worker, piece) for piece in self.queues.pop(worker)]
        self.outcomes += self.ledger.lost(worker, status, status.words)

    def step(self, worker: int) -> None:
        """The worker's running piece comes to its natural end."""
        if not self.queues[worker]:
            return
        piece = self.queues[worker][0]
        status = self.fate(piece)
        if status == Status.TIMED_OUT:
            self.now += LIMIT_S + 1.0
            late = self.ledger.overdue(self.now)
            assert worker in late
            for other in late:
                self.lose(other, Status.TIMED_OUT if other == worker else Status.WORKER_DIED)
        elif status != Status.OK:
            self.lose(worker, status)
        else:
            self.queues[worker].pop(0)
            self.outcomes += self.ledger.done(worker, piece, live(piece.tile), self.now)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_schedule_gives_one_outcome_per_job(data: st.DataObject) -> None:
    """Random deaths, time-outs, hires and late messages: nothing is lost or counted twice."""
    n_candidates, n_tasks = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    tiles = [Tile(c, c + 1, 0, n_tasks) for c in range(n_candidates)]
    lives = st.tuples(st.integers(0, n_candidates - 1), st.integers(0, n_tasks - 1))
    faults = st.sampled_from([Status.WORKER_DIED, Status.TIMED_OUT, Status.OUT_OF_MEMORY])
    poison = data.draw(st.dictionaries(lives, faults, max_size=3))
    world = World(Ledger(tiles, LIMIT_S), poison)
    for _ in range(data.draw(st.integers(1, 3))):
        world.hire()

    bad_luck = data.draw(st.integers(0, 3))
    for _ in range(1000):
        if world.ledger.finished:
            break
        if not world.queues:
            world.hire()
        world.send()
        busy = world.ledger.busy
        assert busy, "unfinished, workers idle, nothing assigned: a hang"
        match data.draw(st.sampled_from(["step", "kill", "hire", "late"])):
            case "kill" if bad_luck:
                bad_luck -= 1
                world.lose(data.draw(st.sampled_from(sorted(world.queues))), Status.WORKER_DIED)
            case "hire" if len(world.queues) < 4:
                world.hire()
            case "late" if world.stale:
                worker, piece = data.draw(st.sampled_from(world.stale))
                assert world.ledger.done(worker, piece, live(piece.tile), world.now) == []
            case _:
                world.step(data.draw(st.sampled_from(busy)))

    assert world.ledger.finished
    assert sorted(o.index for o in world.outcomes) == list(range(n_candidates))
    for outcome in world.outcomes:
        tile = tiles[outcome.index]
        status = outcome.result.status
        expected = live(tile).returns
        np.testing.assert_array_equal(
            outcome.result.returns, np.where(status == 0, expected, np.nan)
        )
        assert len(outcome.result.failures) == np.count_nonzero(status)
        assert (outcome.attempts >= 1).all()
        assert (outcome.attempts <= 3).all()
        for t in range(n_tasks):
            assert (status[0, t] != Status.OK) >= ((tile.c0, t) in poison)


@settings(deadline=None)
@given(data=st.data())
def test_without_bad_luck_only_poison_fails_and_with_its_own_reason(data: st.DataObject) -> None:
    tiles = row(3, n_lives=3)
    lives = st.tuples(st.integers(0, 2), st.integers(0, 2))
    poison = data.draw(st.dictionaries(lives, st.sampled_from(DEATHS), max_size=4))
    world = World(Ledger(tiles, LIMIT_S), poison)
    for _ in range(1000):
        if world.ledger.finished:
            break
        while len(world.queues) < 2:
            world.hire()
        world.send()
        world.step(data.draw(st.sampled_from(world.ledger.busy)))
    status = np.zeros((3, 3), dtype=np.uint8)
    for life, reason in poison.items():
        status[life] = reason
    found = np.concatenate([o.result.status for o in sorted(world.outcomes, key=lambda o: o.index)])
    np.testing.assert_array_equal(found, status)
