"""What will happen in a simulation, all of it drawn from one integer.

Each kind of fault is active in a quarter of the schedules (FoundationDB's BUGGIFY), so that faults
meet in ever new company instead of drowning each other. After a while all faults stop.
"""

import random
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from simulation.episodes import Episode, episodes, grid
from spikeloop.workers.job import Job, cut

P_ACTIVE = 0.25

FOR_GOOD = float("inf")


class Fault(Enum):
    """What may go wrong with machines, workers, the network, and the reader of the outcomes."""

    NODE_JOINS = "a node joins"
    NODE_DIES = "a node dies"
    NODE_DRAINED = "a node is drained, then dies"
    NODE_FREEZES = "a node freezes for a while"
    BAD_DISK = "a node on which workers die as they start"
    SLOW_NODE = "a slow node"
    SHORT_CUT = "a short cut of the network"
    LONG_CUT = "a cut so long that the node is given up"
    BROKEN_CONNECTION = "calls break off, though their actors go on"
    WORKER_DIES = "a worker dies"
    WORKERS_DIE = "all workers of a node die at once"
    WORKER_DIES_STARTING = "a worker dies as it starts"
    WORKER_HANGS_STARTING = "a worker never starts"
    OUT_OF_MEMORY = "a worker is killed for its memory"
    WORKER_FREEZES = "a worker freezes for good"
    WORKER_STALLS = "a worker freezes for a while"
    LATE_REPLY = "a reply is late"
    LOST_ARGUMENTS = "the arguments of a call do not arrive"
    LOST_RESULT = "the result of a call cannot be sent"
    DISORDER = "calls to a worker of several cores overtake each other"
    DEADLY_EPISODES = "episodes that kill their worker"
    HUNGRY_EPISODES = "episodes that eat all memory"
    HANGING_EPISODES = "episodes that never end"
    RAISING_EPISODES = "episodes whose call raises"
    OTHERS_FIRST = "other runs hold cores at the beginning"
    OTHERS_TAKE = "another run takes cores, and gives them back"
    LOST_RACE = "another run takes the cores that a worker was just started for"
    SLOW_READER = "the reader of the outcomes takes its time"
    LEFT_EARLY = "the reader leaves early"
    STOPPED = "the run is told to stop"
    NO_NODES = "all nodes go and none comes"
    HEAD_GONE = "the cluster does not answer any more"


RARE = {Fault.STOPPED: 0.06, Fault.NO_NODES: 0.06, Fault.HEAD_GONE: 0.03}
"""These end a schedule, so they are active less often."""

MOMENTS = (
    Fault.NODE_JOINS,
    Fault.NODE_DIES,
    Fault.NODE_DRAINED,
    Fault.NODE_FREEZES,
    Fault.SHORT_CUT,
    Fault.LONG_CUT,
    Fault.BROKEN_CONNECTION,
    Fault.WORKER_DIES,
    Fault.WORKERS_DIE,
    Fault.OUT_OF_MEMORY,
    Fault.WORKER_FREEZES,
    Fault.WORKER_STALLS,
    Fault.OTHERS_TAKE,
)
"""Faults at a time drawn in advance; the others belong to a node, a call or an episode."""

TILES = ((1, 1), (1, 1), (1, 2), (2, 1), (1, 3), (2, 2), (1, 5), (3, 2), (6, 1))
"""Candidates × tasks of the jobs of a schedule; the same in all runs, so that runs look alike."""

BAD = (Fault.DEADLY_EPISODES, Fault.HUNGRY_EPISODES, Fault.HANGING_EPISODES, Fault.RAISING_EPISODES)


@dataclass(frozen=True)
class Run:
    """One call of the pool's ``run``.

    Attributes:
        jobs: of one or two grids.
        episode_s: what an episode takes at best.
        bad: the episodes that never come through, and how they fail.
        before_s: time between the end of the last run and this one.
        leaves_after: outcomes after which the reader leaves, or None.
    """

    jobs: list[Job]
    episode_s: float
    bad: dict[Episode, Fault]
    before_s: float
    leaves_after: int | None


@dataclass(frozen=True)
class Schedule:
    """A cluster, what is asked of the pool on it, and what goes wrong when.

    Attributes:
        nodes: cores of each node at the beginning.
        at_once: runs that are open at a time.
        moments: times of faults, in order.
        quiet_from: when all faults have stopped; from then on there is a healthy node.
        stops_at: when the run is told to stop, or infinity.
        silent_from: when the cluster stops to answer, or infinity.
    """

    seed: int
    active: frozenset[Fault]
    nodes: tuple[int, ...]
    cores_per_worker: int | Literal["node"]
    max_workers: int | None
    runs: tuple[Run, ...]
    moments: tuple[tuple[float, Fault], ...]
    quiet_from: float
    stops_at: float
    silent_from: float
    max_attempts: int
    at_once: int
    job_timeout_s: float = 5.0
    warm_up_timeout_s: float = 4.0
    patience_s: float = 20.0


def draw(seed: int) -> Schedule:
    """The schedule of a seed."""
    rng = random.Random(seed)
    active = frozenset(fault for fault in Fault if rng.random() < RARE.get(fault, P_ACTIVE))
    nodes = tuple(rng.choice((1, 1, 2, 2, 3, 4, 8)) for _ in range(rng.randint(1, 6)))
    cores_per_worker: int | Literal["node"] = rng.choice((1, 1, 2, "node"))
    if cores_per_worker == 2 and max(nodes) < 2:
        nodes = (*nodes, 2)
    tiles = rng.choice(TILES), rng.randint(1, 3)
    runs = tuple(
        _run(rng, number, active, sum(nodes), *tiles) for number in range(rng.randint(1, 4))
    )
    busy_s = sum(run.before_s + _least_s(run, sum(nodes)) for run in runs)
    quiet_from = 1.0 + rng.uniform(0.5, 1.5) * busy_s
    moments = [
        (rng.uniform(0.0, quiet_from), fault)
        for fault in MOMENTS
        if fault in active
        for _ in range(rng.randint(1, 4))
    ]
    return Schedule(
        seed=seed,
        active=active,
        nodes=nodes,
        cores_per_worker=cores_per_worker,
        max_workers=rng.choice((None, None, None, rng.randint(1, 8))),
        runs=runs,
        moments=tuple(sorted(moments, key=lambda moment: moment[0])),
        quiet_from=quiet_from,
        stops_at=rng.uniform(0.0, quiet_from) if Fault.STOPPED in active else FOR_GOOD,
        silent_from=rng.uniform(0.0, quiet_from) if Fault.HEAD_GONE in active else FOR_GOOD,
        max_attempts=rng.choice((2, 3, 3, 3, 5)),
        at_once=rng.choice((1, 1, 2, 3)),
    )


def _run(
    rng: random.Random,
    number: int,
    active: frozenset[Fault],
    n_cores: int,
    tile: tuple[int, int],
    n_columns: int,
) -> Run:
    tile_candidates, tile_tasks = tile
    jobs: list[Job] = []
    n_jobs = rng.randint(1, 60)
    for half in range(rng.choice((1, 1, 2))):
        n_rows = max(1, n_jobs // (1 + half) // n_columns)
        n_candidates = n_rows * tile_candidates - rng.randrange(tile_candidates)
        n_dim = rng.choice((1, 1, 20_000))
        shape = grid(2 * number + half, n_candidates, n_columns * tile_tasks, n_dim)
        jobs += cut(shape, tile_candidates, tile_tasks, f"run {number}")
    jobs = jobs[:60]
    kinds = [fault for fault in BAD if fault in active]
    everyone = [episode for job in jobs for episode in episodes(job.grid, job.tile)]
    bad = rng.sample(everyone, min(len(everyone), rng.randint(0, 3))) if kinds else []
    episode_s = min(0.3, rng.uniform(0.3, 3.0) * n_cores / len(everyone))
    leaves = Fault.LEFT_EARLY in active and rng.random() < 0.5
    return Run(
        jobs,
        episode_s,
        {episode: rng.choice(kinds) for episode in bad},
        before_s=rng.choice((0.0, 0.0, 0.1, 1.0, 4.0)),
        leaves_after=rng.randrange(len(jobs)) if leaves else None,
    )


def _least_s(run: Run, n_cores: int) -> float:
    n_episodes = sum(job.tile.n_episodes for job in run.jobs)
    return n_episodes * run.episode_s / n_cores
