"""The model of scaling: against closed forms, and against the pool's own ledger."""

from collections.abc import Callable
from dataclasses import fields, replace
from heapq import heappop, heappush

import numpy as np
import pytest
import scale_model
from scale_model import simulate
from scale_terms import Costs, Machine, Work

from spikeloop.cluster.dispatch.ledger import Ledger
from spikeloop.cluster.dispatch.work_units import Message
from spikeloop.workers.job import JobResult, Tile

FREE = Costs()
TYPICAL = Costs(
    turn=3e-5,
    turn_worker=1e-6,
    turn_call=1e-6,
    send_message=2e-4,
    send_unit=1e-5,
    read_message=1e-4,
    read_unit=1e-5,
    read_episode=1e-7,
    generation=5e-3,
    generation_unit=1e-5,
    generation_episode=1e-7,
    commit=1e-2,
    commit_unit=1e-5,
    commit_episode=1e-6,
    latency=5e-4,
    worker_message=5e-4,
    worker_unit=1e-4,
)
EQUAL = Work(job_s=0.5, jobs_per_core=8, variation=0.0, n_generations=1)


def ledger_wall_s(n_workers: int, cores: int, durations: list[float]) -> float:
    """What the real ledger makes of free messages: a virtual clock, one thread for each core."""
    ledger = Ledger(timeout_s=1e9)
    threads = [[0.0] * cores for _ in range(n_workers)]
    last = [0.0] * n_workers
    under_way: list[tuple[float, int, int]] = []
    messages: dict[int, Message] = {}
    for worker in range(n_workers):
        ledger.join(worker, cores)
    ledger.begin([Tile(job, job + 1, 0, 1) for job in range(len(durations))])
    now = 0.0
    while not ledger.finished:
        workers = list(range(n_workers))
        while workers:
            given = [(worker, ledger.assign(worker, now)) for worker in workers]
            workers = [worker for worker, message in given if message]
            for worker, message in given:
                end = 0.0
                for unit in message:
                    began = max(now, heappop(threads[worker]))
                    heappush(threads[worker], began + durations[unit.job])
                    end = max(end, began + durations[unit.job])
                if message:
                    end = max(end, last[worker]) if cores == 1 else end
                    last[worker] = end
                    messages[len(messages)] = message
                    heappush(under_way, (end, worker, len(messages) - 1))
        now = under_way[0][0]
        while under_way and under_way[0][0] <= now:
            _, worker, number = heappop(under_way)
            results = [result(unit.tile) for unit in messages[number]]
            ledger.done(worker, messages[number], results, now)
    return now


def result(tile: Tile) -> JobResult:
    nothing = np.zeros(tile.shape)
    return JobResult(tile, nothing, np.zeros((*tile.shape, 1)), nothing.astype(np.uint8), 1)


POOLS = [(1, 1), (7, 1), (100, 1), (1, 4), (3, 4), (30, 48)]


@pytest.mark.parametrize(("n_workers", "cores"), POOLS)
@pytest.mark.parametrize(("jobs_per_core", "variation"), [(0.5, 0.1), (3, 0.0), (4.3, 1.0)])
def test_model_without_costs_takes_as_long_as_the_ledger(
    n_workers: int, cores: int, jobs_per_core: float, variation: float
) -> None:
    work = Work(0.5, jobs_per_core, 1, variation, n_generations=1)
    expected = ledger_wall_s(n_workers, cores, work.durations(n_workers * cores, 0))
    assert simulate(Machine(n_workers, cores), work, FREE).wall_s == pytest.approx(expected)


def test_a_generation_begins_when_the_last_unit_of_the_one_before_has_ended() -> None:
    work = Work(0.5, 3, 1, 1.0, n_generations=4)
    alone = [ledger_wall_s(7, 1, work.durations(7, number)) for number in range(4)]
    scaling = simulate(Machine(7), work, FREE)
    assert scaling.wall_s == pytest.approx(sum(alone))
    shares = [sum(work.durations(7, n)) / (7 * wall_s) for n, wall_s in enumerate(alone)]
    assert scaling.efficiencies == pytest.approx(shares)


def messages_in_turn(patch: pytest.MonkeyPatch) -> None:
    """A message waits for all units of the one before it."""
    make = scale_model._Worker.__init__

    def planted(self: scale_model._Worker, *arguments: object) -> None:
        make(self, *arguments)  # type: ignore[arg-type]
        self._in_turn = True

    patch.setattr(scale_model._Worker, "__init__", planted)


PLANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a worker holds more": lambda patch: patch.setattr(scale_model, "UNITS_PER_CORE", 3),
    "a worker holds none ahead": lambda patch: patch.setattr(scale_model, "UNITS_PER_CORE", 1),
    "a message has a unit a core": lambda patch: patch.setattr(Machine, "units", 48),
    "units are held until the end": lambda patch: patch.setattr(Machine, "n_cores", 1),
    "messages wait for the one before": messages_in_turn,
}


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_the_comparison_with_the_ledger_notices_another_discipline(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(0.5, 4, 1, 1.0, n_generations=1)
    durations = work.durations(1440, 0)
    expected = ledger_wall_s(30, 48, durations)
    assert simulate(Machine(30, 48), work, FREE).wall_s == pytest.approx(expected)
    monkeypatch.setattr(Work, "durations", lambda self, n_cores, generation: durations)
    plant(monkeypatch)
    assert simulate(Machine(30, 48), work, FREE).wall_s != pytest.approx(expected)


def alone(n_jobs: int, costs: Costs = TYPICAL) -> float:
    """Wall time of a worker with one core, in closed form.

    While a job episodes, the coordinator reads the reply of the one before and sends the next; only
    the last unit waits until the worker is idle.
    """
    c = costs
    serial = c.generation + n_jobs * (c.generation_unit + c.generation_episode)
    send = c.send_message + c.send_unit
    turn = c.turn + c.turn_worker + c.turn_call
    read = c.read_message + c.read_unit + c.read_episode
    episodes = n_jobs * (c.worker_message + c.worker_unit + EQUAL.job_s)
    exposed = 1 if n_jobs == 1 else 2  # messages that the worker waits for
    commit = (
        c.commit + c.commit_unit + c.commit_episode if n_jobs == 1 else 0.0
    )  # else it is hidden
    return serial + episodes + exposed * (send + 2 * c.latency + turn + read) + commit


@pytest.mark.parametrize("n_jobs", [1, 2, 9])
def test_one_worker_takes_what_the_closed_form_says(n_jobs: int) -> None:
    work = replace(EQUAL, jobs_per_core=n_jobs)
    assert simulate(Machine(1), work, TYPICAL).wall_s == pytest.approx(alone(n_jobs), rel=1e-12)


@pytest.mark.parametrize("cost", [field.name for field in fields(Costs)])
def test_each_cost_is_in_the_closed_form_and_in_the_model(cost: str) -> None:
    changed = replace(TYPICAL, **{cost: 2 * getattr(TYPICAL, cost)})
    wall_s = simulate(Machine(1), replace(EQUAL, jobs_per_core=1), changed).wall_s
    assert wall_s != pytest.approx(alone(1), rel=1e-9)
    assert wall_s == pytest.approx(alone(1, changed), rel=1e-12)


def test_a_commit_costs_only_what_outlasts_the_work_that_workers_hold() -> None:
    without = replace(TYPICAL, commit=0.0, commit_unit=0.0, commit_episode=0.0)
    machine = Machine(1)
    wall_s = simulate(machine, EQUAL, without).wall_s
    hidden = replace(without, commit=0.9 * EQUAL.job_s)
    assert simulate(machine, EQUAL, hidden).wall_s == pytest.approx(wall_s, rel=1e-12)
    exposed = replace(without, commit=10.0)
    held = 2  # one was sent with the first messages, one after the first reply
    expected = wall_s + 10.0 - held * EQUAL.job_s
    assert simulate(machine, EQUAL, exposed).wall_s == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("n_workers", "cores"), [(2000, 1), (100, 20)])
def test_a_saturated_coordinator_bounds_the_throughput(n_workers: int, cores: int) -> None:
    between = ("generation", "generation_unit", "generation_episode")
    commit = ("commit", "commit_unit", "commit_episode")
    costs = replace(TYPICAL, **dict.fromkeys((*between, *commit), 0.0))
    work = Work(0.001, 20, 3, 0.1, n_generations=1)
    machine = Machine(n_workers, cores)
    scaling = simulate(machine, work, costs)
    jobs_per_s = machine.n_cores * work.jobs_per_core / scaling.wall_s
    bound = 1 / costs.per_job(machine.units, work.episodes_per_job)
    assert 0.9 * bound < jobs_per_s <= bound
    assert scaling.busy > 0.9
    slower = replace(costs, read_message=2 * costs.read_message)
    assert simulate(machine, work, slower).wall_s > scaling.wall_s


def test_durations_have_the_mean_and_the_variation_asked_for() -> None:
    work = Work(0.5, 100, 1, 0.5, seed=3)
    drawn = np.array(work.durations(1000, 0))  # 100,000
    # Standard errors: 0.25 / 316 of the mean; of the ratio about 0.004, as its fourth moment says.
    assert drawn.mean() == pytest.approx(0.5, abs=5 * 0.25 / 316)
    assert drawn.std() / drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert drawn.tolist() == work.durations(1000, 0)
    assert drawn.tolist() != work.durations(1000, 1)
