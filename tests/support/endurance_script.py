"""Run thousands of episodes in one process, tile by tile, and say what it then holds.

``python endurance_script.py same`` or ``rebuilt``: all tiles in the same network, or in networks
that are built anew because their shapes follow each other in a circle that no cache holds.
"""

import json
import sys
import threading
from typing import Any

import numpy as np
import psutil

from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.base import Learner
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, Job, Status, Tile
from spikeloop.workers.seeding import TaskSet
from support.learner_cases import quick

TILE = Tile(0, 20, 0, 10)
N_TILES = 10_000 // TILE.n_episodes
N_SHAPES = 10


def run_episodes(learner: Learner, family: RandomMdp, index: int) -> None:
    """A tile of episodes of one or two decisions, all of which must succeed."""
    space = learner.space(family.interface)
    points = space.sample(TILE.shape[0], np.random.default_rng(index))
    grid = Grid(family, learner, Explicit(points), TILE.shape[1], 1, TaskSet.SEARCH, index)
    assert (evaluate(Job(grid, TILE)).status == Status.OK).all()


def holdings() -> dict[str, Any]:
    """What the process holds now."""
    import brian2

    process = psutil.Process()
    return {
        "resident": process.memory_info().rss,
        "populations": sum(made() is not None for made in brian2.NeuronGroup.__instances__()),
        "threads": threading.active_count(),
        "open_files": process.num_fds(),
        "children": len(process.children(recursive=True)),
    }


def main(how: str) -> None:
    learner = quick("brian_td")
    found = []
    for index in range(N_TILES):
        if how == "same":
            family = RandomMdp(n_states=4, n_actions=3, n_steps=2)
        else:
            family = RandomMdp(n_states=10 + index % N_SHAPES, n_actions=10, n_steps=1)
        run_episodes(learner, family, index)
        if index in (0, N_TILES - 1):
            found.append(holdings())
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
