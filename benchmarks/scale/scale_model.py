"""How a pool scales, as a model: a coordinator that is a queue, and workers as its customers.

The model is exact about who waits for whom, and knows nothing of what the work is. A *unit* is one
job on one core; a *message* carries units to a worker and its reply carries all their results
back. The rules are those of ``spikeloop.cluster.dispatch.ledger`` and ``RayPool.run``:

- The coordinator does one thing at a time. In every turn of its loop it waits for replies, reads
  all that are there, and then sends messages, worker by worker, one each in every round.
- While more units wait than there are cores, a worker may hold two for each of its cores; the
  last ones, one per core, go to free cores only. A message fills a quarter of a worker's cores.
- A worker of one core runs one message after the other. One of several cores has a thread for
  each, which messages share; its interpreter, too, does one thing at a time.
- A generation begins when the last reply of the one before was read and the strategy was told and
  asked; the one before is committed as soon as the first reply has come, while the workers work.

What things cost is measured elsewhere (``scale.py``) and given as ``Costs``. Not in the model:
failures, second copies of stragglers, sizes on the wire, and nodes that differ.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

from scale_terms import Costs, Machine, Work

from spikeloop.cluster.dispatch.work_units import UNITS_PER_CORE


@dataclass(frozen=True)
class Scaling:
    """What came out.

    Attributes:
        efficiencies: of each generation: work over cores times wall time.
        wall_s: of all generations.
        work_s: seconds of all jobs.
        busy_s: seconds in which the coordinator did something.
        n_turns: of its loop.
    """

    efficiencies: tuple[float, ...]
    wall_s: float
    work_s: float
    busy_s: float
    n_turns: int
    n_cores: int

    @property
    def efficiency(self) -> float:
        """Work over cores times wall time."""
        return self.work_s / (self.n_cores * self.wall_s)

    @property
    def busy(self) -> float:
        """Share of the time in which the coordinator did something."""
        return self.busy_s / self.wall_s


class _Reply(NamedTuple):
    """A reply on its way; ordered by when it arrives."""

    arrives: float
    worker: int
    n_units: int


class _Worker:
    """A worker: when its threads, its interpreter and its last message are done."""

    def __init__(self, machine: Machine, costs: Costs, now: float) -> None:
        self.held = 0
        self._in_turn = machine.in_turn or machine.cores == 1
        self._costs = costs
        self._threads = [now] * machine.cores  # a heap
        self._interpreter = now
        self._last = now

    def run_episodes(self, arrives: float, durations: list[float]) -> float:
        """When the last unit of a message is done that arrives now."""
        begins = max(arrives, self._last if self._in_turn else self._interpreter)
        self._interpreter = begins + self._costs.worker_message
        end = 0.0
        for duration in durations:
            begins = max(self._interpreter, heappop(self._threads))
            self._interpreter = begins + self._costs.worker_unit
            heappush(self._threads, self._interpreter + duration)
            end = max(end, self._interpreter + duration)
        self._last = max(self._last, end)
        return end


class _Generation:
    """The units of one generation on their way through the workers.

    Attributes:
        now: the coordinator's time.
        busy_s: seconds of it in which it did something.
        n_turns: of its loop.
    """

    def __init__(self, machine: Machine, work: Work, costs: Costs, number: int, now: float) -> None:
        self.durations = work.durations(machine.n_cores, number)
        self.busy_s = costs.serial(len(self.durations), work.episodes_per_job)
        self._commit_s = costs.meanwhile(len(self.durations), work.episodes_per_job)
        self.now = started = now + self.busy_s
        self.n_turns = 0
        self._machine = machine
        self._costs = costs
        self._read_unit = costs.read_unit + costs.read_episode * work.episodes_per_job
        self._n_sent = 0
        self._workers = [_Worker(machine, costs, started) for _ in range(machine.n_workers)]
        self._replies: list[_Reply] = []

    def run(self) -> None:
        began = self.now
        self._send(range(self._machine.n_workers))
        self.busy_s += self.now - began
        while self._replies:
            began = self.now = max(self.now, self._replies[0].arrives)
            self._turn()
            self.busy_s += self.now - began

    def _turn(self) -> None:
        costs = self._costs
        self.n_turns += 1
        self.now += costs.turn + costs.turn_worker * len(self._workers)
        self.now += costs.turn_call * len(self._replies)
        there = []
        while self._replies and self._replies[0].arrives <= self.now:
            there.append(heappop(self._replies))
        for reply in there:
            self.now += costs.read_message + self._read_unit * reply.n_units
            self._workers[reply.worker].held -= reply.n_units
        # Nobody else can have become able to take more.
        self._send(sorted({reply.worker for reply in there}))
        self.now += self._commit_s
        self._commit_s = 0.0

    def _send(self, numbers: Iterable[int]) -> None:
        """Sends each of these workers a message, if it may have one, again and again."""
        given = [number for number in numbers if self._send_to(number)]
        while given:
            given = [number for number in given if self._send_to(number)]

    def _send_to(self, number: int) -> bool:
        worker, machine = self._workers[number], self._machine
        waiting = len(self.durations) - self._n_sent
        per_core = UNITS_PER_CORE if waiting > machine.n_cores else 1
        n = min(waiting, per_core * machine.cores - worker.held, machine.units)
        if n <= 0:
            return False
        durations = self.durations[self._n_sent : self._n_sent + n]
        self._n_sent += n
        self.now += self._costs.send_message + self._costs.send_unit * n
        end = worker.run_episodes(self.now + self._costs.latency, durations)
        heappush(self._replies, _Reply(end + self._costs.latency, number, n))
        worker.held += n
        return True


def simulate(machine: Machine, work: Work, costs: Costs) -> Scaling:
    """Runs the generations of some work on a machine, one after the other, as amid a long search.

    So the first commits one that came before it, and the last is not committed any more.
    """
    now, busy_s, work_s, n_turns = 0.0, 0.0, 0.0, 0
    efficiencies = []
    for number in range(work.n_generations):
        generation = _Generation(machine, work, costs, number, now)
        generation.run()
        lived_s = sum(generation.durations)
        efficiencies.append(lived_s / (machine.n_cores * (generation.now - now)))
        work_s += lived_s
        busy_s += generation.busy_s
        n_turns += generation.n_turns
        now = generation.now
    return Scaling(tuple(efficiencies), now, work_s, busy_s, n_turns, machine.n_cores)
