"""One search on one instance: evaluations until the budget is spent, then the digits reached."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from peers import Search, Task, box
from problems import Instance

from spikeloop.workers.space import fold


class Searched(NamedTuple):
    """What came of a search.

    Attributes:
        digits: of the point that it recommends at the end, by its true value.
        evaluations: that were made.
        seconds: of CPU time within the method.
    """

    digits: float
    evaluations: int
    seconds: float


def search(make: Callable[[Task], Search], task: Task, problem: Instance, noise: float) -> Searched:
    """Search an instance with a method that is made for the task.

    Noise is additive and normal, independent from evaluation to evaluation; ``noise`` is its
    standard deviation in units of the function's spread. ValueError unless the evaluations are the
    budget, as where it is no multiple of the population size.
    """
    bounded = box(task.n_dim).bounded()
    rng = np.random.default_rng(task.seed)
    n_done, seconds = 0, -time.process_time()
    method = make(task)
    while n_done < task.budget:
        points = method.ask()
        seconds += time.process_time()
        loss = problem.value(fold(points, bounded))
        loss += noise * rng.standard_normal(loss.size)
        n_done += loss.size
        seconds -= time.process_time()
        method.tell(loss)
    recommended = method.recommend()
    seconds += time.process_time()
    if n_done != task.budget:
        raise ValueError(f"{task.budget} evaluations were allowed, {n_done} were made")
    return Searched(problem.digits(fold(recommended, bounded)), n_done, seconds)
