"""A process of its own for one pool: it opens the pool, measures it, and reports.

Reports are lines of JSON on the standard output; whatever the pools print goes elsewhere.
"""

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from rival_episode import N_WORKERS, Generation, Opener, episode_inputs, run_episodes
from rival_pools import POOLS
from rival_ray import POOLS_ON_RAY

from spikeloop.tasks.base import FloatArray

N_CANDIDATES = 64
"""Candidates of a generation."""

FEWER = {"Ray Tune": 8, "Ray Tune, actors reused": 8}
"""Candidates of a generation for pools that take minutes for so many."""

CASES = ((8, 0.0), (1000, 0.0), (8, 5e-3), (8, 50e-3))
"""Length of a point, and processor time of an episode in seconds."""

ENOUGH_S, N_MOST = 2.0, 10
"""Generations of a case are repeated for so many seconds, or so many times."""

OPENERS: Mapping[str, Opener] = {**POOLS, **POOLS_ON_RAY}


def population(n_dim: int, n_candidates: int) -> FloatArray:
    return np.random.default_rng(n_dim).standard_normal((n_candidates, n_dim))


def wall_s(generation: Generation, points: FloatArray, work_s: float) -> float:
    """Wall time of a generation, all episodes of which must come back."""
    started = time.perf_counter()
    n_episodes_done = sum(1 for _ in generation(points, work_s))
    wall_s = time.perf_counter() - started
    if n_episodes_done != len(points):
        raise RuntimeError(f"{n_episodes_done} of {len(points)} episodes came back")
    return wall_s


def perform(name: str, what: str) -> None:
    """Runs in the process.

    Args:
        name: of the pool, as in the table.
        what: ``speed``, or with what settings to await a fault: ``plain`` or ``careful``.
    """
    with os.fdopen(os.dup(1), "w", buffering=1) as output:
        os.dup2(2, 1)

        def report(**values: Any) -> None:
            output.write(json.dumps(values) + "\n")

        n_candidates = FEWER.get(name, N_CANDIDATES)
        started = time.perf_counter()
        with OPENERS[name](what != "plain") as generation:
            wall_s(generation, population(8, N_WORKERS), 0.0)
            report(start_s=time.perf_counter() - started)
            if what == "speed":
                for case, (n_dim, work_s) in enumerate(CASES):
                    walls_s = walls(generation, n_candidates, n_dim, work_s)
                    report(case=case, n_candidates=n_candidates, walls_s=walls_s)
            else:
                report(**endure(generation, n_candidates, report))


def walls(generation: Generation, n_candidates: int, n_dim: int, work_s: float) -> list[float]:
    """Wall times of one generation after the other; a first one of few episodes does not count."""
    wall_s(generation, population(n_dim, N_WORKERS), work_s)
    points, walls_s = population(n_dim, n_candidates), list[float]()
    while not walls_s or (sum(walls_s) < ENOUGH_S and len(walls_s) < N_MOST):
        walls_s.append(wall_s(generation, points, work_s))
    return walls_s


def endure(generation: Generation, n_candidates: int, report: Any) -> dict[str, Any]:
    """One generation, during which a worker is ended or stopped, against the undisturbed one."""
    n_dim, work_s = CASES[-1]
    points = population(n_dim, n_candidates)
    wanted = {
        index: (fitness, curve)
        for index, fitness, curve in map(run_episodes, episode_inputs(points, 0.0))
    }
    report(begins=True)
    try:
        episodes_done = {
            index: (fitness, curve) for index, fitness, curve in generation(points, work_s)
        }
    except Exception as error:
        return {"raised": type(error).__name__}
    right = [
        index in episodes_done
        and episodes_done[index][0] == fitness
        and np.array_equal(episodes_done[index][1], curve)
        for index, (fitness, curve) in wanted.items()
    ]
    return {"n_right": sum(right), "n_wanted": len(wanted)}
