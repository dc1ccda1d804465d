"""Plays a schedule with the real pool, and compares every outcome with what it must be."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from simulation import faults
from simulation.cluster import SimulatedActors
from simulation.episodes import Episode, cheap_episodes, episodes, grid, run_episodes
from simulation.network import Network
from simulation.processes import Processes
from simulation.referee import Referee, demand
from simulation.schedule import FOR_GOOD, Fault, Run, Schedule, draw
from simulation.watch import Watch
from spikeloop.cluster.dispatch.ledger import Ledger
from spikeloop.cluster.dispatch.worker_group import WorkerGroup
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.ray_pool import RayPool
from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.workers.job import Job, Outcome, Status, Tile


@dataclass
class Tally:
    """What a schedule came to.

    Attributes:
        failed_guilty: episodes that can only fail.
        failed_innocents: episodes that failed although nothing is wrong with them, because their
            workers were lost again and again.
        failed_early: innocents that lost fewer workers than ``max_attempts``, because the last
            start was too long or raised.
        ended_by: "" or why the pool gave up.
    """

    happened: Counter[Fault] = field(default_factory=Counter)
    n_runs: int = 0
    n_jobs: int = 0
    n_episodes: int = 0
    n_copies: int = 0
    n_retries: int = 0
    n_replaced: int = 0
    failed_guilty: int = 0
    failed_innocents: int = 0
    failed_early: int = 0
    virtual_s: float = 0.0
    ended_by: str = ""


def play(seed: int, trace: Callable[[str], None] | None = None) -> Tally:
    """Plays the schedule of a seed; raises ``Violation``, or whatever the pool should not raise."""
    with cheap_episodes():
        return _Play(draw(seed), trace).play()


class _Play:
    """One schedule: the cluster, and a reader of the pool's outcomes."""

    def __init__(self, schedule: Schedule, trace: Callable[[str], None] | None) -> None:
        self.schedule = schedule
        self.tally = Tally()
        self.referee = Referee(schedule.max_attempts)
        self.network = Network(schedule, trace)
        self.processes = Processes(self.network)
        self.watch = Watch(self.network, self.referee)
        self.stop = StopSignal()
        actors = SimulatedActors(self.network, self.processes, self.watch)
        ledger = Ledger(schedule.job_timeout_s, schedule.max_attempts)
        self.group = WorkerGroup(
            actors,
            ledger,
            [Job(grid(1_000, 1, 1), Tile(0, 1, 0, 1))],
            schedule.warm_up_timeout_s,
            schedule.cores_per_worker,
            schedule.max_workers,
        )
        self.pool = self.watch.pool = RayPool(
            actors, ledger, self.group, schedule.patience_s, self.stop, "simulated"
        )
        faults.build(self.network, self.processes)
        if schedule.stops_at < FOR_GOOD:
            self.network.clock.at(schedule.stops_at, self._stop)

    def play(self) -> Tally:
        """From opening to closing the pool."""
        tally, network = self.tally, self.network
        self.watch.turned_to()
        try:
            self.pool.wait_until_ready()
            if self.schedule.at_once == 1:
                for run in self.schedule.runs:
                    self._run(run)
            else:
                self._run_together()
        except Interrupted:
            tally.ended_by = "stopped"
            demand(self.stop.requested, "interrupted without a signal")
        except PoolError as error:
            tally.ended_by = re.sub(r"[\d.]+", "N", str(error).split(";")[0].split(":")[0])
            demand(self.watch.may_give_up(str(error)), f"no reason to give up: {error}")
        finally:
            self.group.close()
        demand(not self.watch.owned, f"{len(self.watch.owned)} actors are left after the end")
        tally.happened, tally.virtual_s = network.happened, network.clock.now
        tally.n_copies, tally.n_retries = self.referee.n_copies, self.referee.n_retries
        tally.n_replaced = self.pool.n_replaced
        return tally

    def _run(self, run: Run) -> None:
        """One run, and whether its outcomes are what they must be."""
        self._begin(run)
        outcomes: list[Outcome] = []
        with closing(self.pool.run(run.jobs)) as stream:  # type: ignore[type-var]
            for outcome in stream:
                if self._read(run, outcomes, outcome):
                    break
        if run.leaves_after is None:
            demand(len(outcomes) == len(run.jobs), "the run ended without all outcomes")
            self.referee.end(_episodes_of(run))

    def _run_together(self) -> None:
        """Several runs at a time, as several callers have them under way."""
        waiting = list(self.schedule.runs)
        under_way: dict[int, tuple[Run, list[Outcome]]] = {}
        try:
            while waiting or under_way:
                while waiting and len(under_way) < self.schedule.at_once:
                    run = waiting.pop(0)
                    self._begin(run)
                    under_way[self.pool.submit(run.jobs)] = run, []
                left: set[int] = set()
                for number, outcome in self.pool.collect():
                    if number in left:
                        continue
                    demand(number in under_way, "an outcome of a run that has ended")
                    run, outcomes = under_way[number]
                    if self._read(run, outcomes, outcome):
                        left.add(number)
                        self.pool.withdraw(number)
                        del under_way[number]
                    elif len(outcomes) == len(run.jobs):
                        self.referee.end(_episodes_of(run))
                        del under_way[number]
        finally:
            for number in under_way:
                self.pool.withdraw(number)

    def _begin(self, run: Run) -> None:
        self._pass_time(run.before_s)
        self.processes.bad.update(run.bad)
        self.processes.episode_s = run.episode_s
        self.referee.begin(_episodes_of(run))
        self.tally.n_runs += 1

    def _read(self, run: Run, outcomes: list[Outcome], outcome: Outcome) -> bool:
        """Check an outcome and keep it; whether the reader leaves after it."""
        twice = outcome.index in {other.index for other in outcomes}
        demand(not twice, f"job {outcome.index} has two outcomes")
        outcomes.append(outcome)
        self._check(run, outcome)
        if len(outcomes) - 1 == run.leaves_after:
            self.network.happened[Fault.LEFT_EARLY] += 1
            self.referee.end(_episodes_of(run))
            return True
        rng = self.network.rng
        if Fault.SLOW_READER in self.schedule.active and rng.random() < 0.1:
            self.network.happened[Fault.SLOW_READER] += 1
            self._pass_time(rng.choice((0.1, 1.0, 8.0)))
        return False

    def _check(self, run: Run, outcome: Outcome) -> None:
        """Equal to the bit, but for episodes that had to fail, each with the right reason."""
        job, result = run.jobs[outcome.index], outcome.result
        status, attempts = result.status.ravel().tolist(), outcome.attempts.ravel().tolist()
        for episode, ended, starts in zip(
            episodes(job.grid, job.tile), status, attempts, strict=True
        ):
            book = self.referee.books[episode]
            demand(ended == book.status, f"episode {episode} is {Status(ended).words}, but {book}")
            demand(starts == book.starts, f"episode {episode} has {starts} attempts, but {book}")
            if ended == Status.OK:
                demand(episode not in run.bad, f"episode {episode} is bad and came through")
            elif episode in run.bad:
                self.tally.failed_guilty += 1
            else:
                self.tally.failed_innocents += 1
                self.tally.failed_early += len(book.faults) < self.schedule.max_attempts
        self.tally.n_jobs += 1
        self.tally.n_episodes += len(status)
        expected, episodes_done = run_episodes(job), result.status == Status.OK
        returns = np.where(episodes_done, expected.returns, np.nan)
        n_bins = result.curve.shape[2]
        curve = np.where(episodes_done[..., None], expected.curve, np.nan)[..., :n_bins]
        demand(result.tile == job.tile, "an outcome of another tile")
        demand(result.returns.tobytes() == returns.tobytes(), f"job {outcome.index}: other bits")
        demand(result.curve.tobytes() == curve.tobytes(), f"job {outcome.index}: other curves")
        demand(n_bins == 1 or not episodes_done.any(), "no curve")
        demand(
            len(result.failures) == len(status) - episodes_done.sum(),
            "a failure for each that failed",
        )
        demand(
            result.n_simulated_steps == episodes_done.sum(),
            "steps of the episodes that came through",
        )

    def _stop(self) -> None:
        self.network.happened[Fault.STOPPED] += 1
        self.stop.requested = True

    def _pass_time(self, seconds: float) -> None:
        """The pool's owner does something else."""
        until = self.network.clock.now + seconds
        while self.network.clock.step(until):
            pass
        self.watch.turned_to()


def _episodes_of(run: Run) -> list[Episode]:
    return [episode for job in run.jobs for episode in episodes(job.grid, job.tile)]
