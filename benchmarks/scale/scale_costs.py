"""What things cost the coordinator and a worker, one by one: the parameters of the model.

None of these measurements is a point that the model is compared with.

- The coordinator's own code - loop, ledger, group, strategy, tables, store - runs as it is, with up
  to a thousand workers, on ``InstantActors``: a cluster within this process whose results are there
  at once.
- What Ray adds - a call, a wait for many, a reply - is measured on a real worker.

All are the main thread's processor times, which other programs lengthen only a little, but for
three: a worker's are its process's, and committing, which waits for the disk, and the latency are
wall times.
"""

import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from scale_instant import InstantActors
from scale_search import FORTY_EPISODES, HERE, ONE_EPISODE, Sleeping, Tiles, configuration, run
from scale_terms import Costs
from scipy.optimize import nnls

from spikeloop.cluster.dispatch.actors import Actors
from spikeloop.cluster.dispatch.ledger import Ledger
from spikeloop.cluster.dispatch.worker_group import WorkerGroup
from spikeloop.cluster.ray_backend.local_cluster import local_ray
from spikeloop.cluster.ray_backend.ray_pool import RayPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.search.worker_pool import warm_up_job
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.actor import Payload
from spikeloop.workers.job import Grid, Tile
from spikeloop.workers.seeding import TaskSet

POOLS = (
    # workers, cores of each, replies that a turn finds, tile
    (10, 1, 1, ONE_EPISODE),
    (100, 1, 1, ONE_EPISODE),
    (100, 1, 20, ONE_EPISODE),
    (1000, 1, 20, ONE_EPISODE),
    (1000, 1, 200, ONE_EPISODE),
    (10, 48, 1, ONE_EPISODE),
    (30, 48, 4, ONE_EPISODE),
    (200, 48, 40, ONE_EPISODE),
    (100, 1, 5, FORTY_EPISODES),
    (10, 48, 1, FORTY_EPISODES),
    (30, 48, 4, FORTY_EPISODES),
)
"""What the coordinator's own code is measured on, with four jobs a core."""

WARM_UP_S, JOB_S = 60.0, 300.0


@dataclass(frozen=True)
class Fit:
    """Non-negative costs by least relative squares, and how far off a typical row is."""

    costs: tuple[float, ...]
    error: float


def fit(rows: FloatArray) -> Fit:
    """Costs of the counts in all columns but the last, which holds what they took."""
    counts, took = rows[:, :-1], rows[:, -1]
    costs, _ = nnls(counts / took[:, None], np.ones(len(rows)))
    return Fit(tuple(costs), float(np.abs(counts @ costs / took - 1).mean()))


def own(n_generations: int = 5) -> tuple[Fit, Fit, Fit]:
    """Costs of the coordinator's own code: of what ``InstantActors`` counts, and two more.

    These, between generations and of a commit, are of a generation, a job and an episode.
    """
    rows, serial, commit = [], [], []
    for n_workers, cores, batch, tiles in POOLS:
        actors = InstantActors(n_workers, cores, batch)
        n_jobs = 4 * n_workers * cores
        config = configuration(Sleeping(), n_jobs, tiles, n_generations)
        ledger = Ledger(JOB_S)
        group = WorkerGroup(actors, ledger, [warm_up_job(config)], WARM_UP_S, cores, own=HERE)
        pool = RayPool(actors, ledger, group, JOB_S, StopSignal(), "instant")
        pool.wait_until_ready()
        run(config, pool, actors.episodes_done)
        rows += actors.rows
        size = [1, n_jobs, n_jobs * tiles.n_episodes]
        serial.append([*size, median(actors.serial_s)])
        commit.append([*size, median(actors.commit_s)])
    return fit(np.array(rows)), fit(np.array(serial)), fit(np.array(commit))


@dataclass(frozen=True)
class RayCosts:
    """What Ray adds, in seconds, and how far each fit is off.

    Attributes:
        call: main thread, of a message and of each unit in it.
        reply: main thread, of a message, of each unit in it and of each episode.
        wait: main thread, of a turn and of each message under way.
        worker: the worker's process, of a message and of each unit in it.
        latency: one way on this machine: half of what a round trip takes beyond all these.
        other_thread: the busiest other thread of this process, of a message and of each unit.
    """

    call: Fit
    reply: Fit
    wait: Fit
    worker: Fit
    latency: float
    other_thread: Fit


def ray_costs(n_messages: int = 100) -> RayCosts:
    """Measures what Ray adds on one busy worker; another one only holds messages."""
    with local_ray(100, False, StopSignal()):
        # Not before Ray is configured: importing it reads the environment.
        from spikeloop.cluster.ray_backend.ray_actors import RayActors

        with RayActors(str(HERE)).polling() as actors:
            node = actors.nodes()[0]
            busy, idle = (actors.start(node, cores) for cores in (48, 1))
            rows = [
                row
                for tiles in (ONE_EPISODE, FORTY_EPISODES)
                for n_units in (1, 12, 48)
                for row in _messages(actors, busy, tiles, n_units, n_messages)
            ]
            waits = _waits(actors, busy, idle)
            for actor in (busy, idle):
                actors.kill(actor)
    table = np.array(rows)
    message, unit, episode = table[:, 0], table[:, 1], table[:, 2]
    call, reply, worker, other, round_trip = table[:, 3:].T
    costs = [
        fit(np.column_stack(columns))
        for columns in (
            (message, unit, call),
            (message, unit, episode, reply),
            (message, unit, worker),
            (message, unit, other),
        )
    ]
    waited = fit(np.array(waits))
    alone = (unit == 1) & (episode == 1)
    known = sum(sum(one.costs[:2]) for one in costs[:3]) + waited.costs[0]
    latency = max(0.0, (float(np.median(round_trip[alone])) - known) / 2)
    return RayCosts(costs[0], costs[1], waited, costs[2], latency, costs[3])


def _messages(
    actors: Actors, actor: Any, tiles: Tiles, n_units: int, n_messages: int
) -> list[list[float]]:
    """Five rows: messages (1), units and episodes in one, and what one cost; then a round trip."""
    name, _ = actors.result(actors.call(actor, "hello"))
    process = psutil.Process(int(name.rpartition(":")[2]))
    grid = _grid(Sleeping(), n_units, tiles)
    c, t = tiles.candidates, tiles.tasks
    units = tuple((0, Tile(k * c, (k + 1) * c, 0, t)) for k in range(n_units))
    first = Payload(units, {0: grid})
    actors.result(actors.call(actor, "evaluate", first))
    payload = replace(first, grids={})
    rows = []
    for _ in range(5):
        call_s = reply_s = 0.0
        threads, before = _threads_s(), sum(process.cpu_times()[:2])
        for _ in range(n_messages):
            # Each alone, because results that wait in line are read faster than they came.
            started = time.thread_time()
            call = actors.call(actor, "evaluate", payload)
            call_s += time.thread_time() - started
            actors.wait([call], WARM_UP_S)
            started = time.thread_time()
            actors.result(call)
            reply_s += time.thread_time() - started
        worker_s = sum(process.cpu_times()[:2]) - before
        others = [s - threads.get(thread, 0.0) for thread, s in _threads_s().items()]
        trips = []
        for _ in range(n_messages):
            began = time.perf_counter()
            actors.result(actors.call(actor, "evaluate", payload))
            trips.append(time.perf_counter() - began)
        each = [s / n_messages for s in (call_s, reply_s, worker_s, max(others))]
        rows.append([1.0, n_units, n_units * tiles.n_episodes, *each, median(trips)])
    return rows


def _waits(actors: Actors, busy: Any, idle: Any, n_waits: int = 30) -> list[list[float]]:
    """Rows of a turn (1), the messages under way in it, and what waiting for them cost."""
    grid = _grid(Sleeping(episode_s=JOB_S), 1, ONE_EPISODE)
    payload = Payload(((0, Tile(0, 1, 0, 1)),), {0: grid})
    held: list[Any] = []
    rows = []
    for n in (1, 30, 100, 300, 1000, 3000, 10_000):
        held += [actors.call(idle, "evaluate", payload) for _ in range(n - len(held) - 1)]
        taken = []
        for _ in range(n_waits):
            done = actors.call(busy, "hello")
            actors.wait([done], WARM_UP_S)
            calls = [*held[: n // 2], done, *held[n // 2 :]]
            started = time.thread_time()
            assert actors.wait(calls, WARM_UP_S) == [done]
            taken.append(time.thread_time() - started)
        rows.append([1.0, float(n), median(taken)])
    return rows


def _grid(learner: Sleeping, n_jobs: int, tiles: Tiles) -> Grid:
    config = configuration(learner, 2 * n_jobs, tiles, 1)
    points = Explicit(np.zeros((n_jobs * tiles.candidates, config.space.n_dim)))
    return Grid(config.family, learner, points, tiles.tasks, 0, TaskSet.SEARCH, 1)


def _threads_s() -> dict[str, float]:
    """Processor time of each thread of this process except this one."""
    me = str(threading.get_native_id())
    return {
        thread.name: int((thread / "schedstat").read_text().split()[0]) / 1e9
        for thread in Path("/proc/self/task").iterdir()
        if thread.name != me
    }


def measure() -> tuple[Costs, dict[str, Any]]:
    """The model's costs without a network, and all that they were put together from."""
    turns, serial, commit = own()
    added = ray_costs()
    turn, turn_worker, turn_call, message, unit, episode = turns.costs
    costs = Costs(
        turn=turn + added.wait.costs[0],
        turn_worker=turn_worker,
        turn_call=turn_call + added.wait.costs[1],
        # The coordinator's own part of a message comes half before and half after its episode.
        send_message=message / 2 + added.call.costs[0],
        send_unit=unit / 2 + added.call.costs[1],
        read_message=message / 2 + added.reply.costs[0],
        read_unit=unit / 2 + added.reply.costs[1],
        read_episode=episode + added.reply.costs[2],
        generation=serial.costs[0],
        generation_unit=serial.costs[1],
        generation_episode=serial.costs[2],
        commit=commit.costs[0],
        commit_unit=commit.costs[1],
        commit_episode=commit.costs[2],
        latency=added.latency,
        worker_message=added.worker.costs[0],
        worker_unit=added.worker.costs[1],
    )
    parts: dict[str, Fit | RayCosts] = {
        "turns": turns,
        "serial": serial,
        "commit": commit,
        "ray": added,
    }
    return costs, {name: asdict(part) for name, part in parts.items()}
