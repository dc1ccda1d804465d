"""Time and memory of ask + tell against the number of dimensions, and of a worker's rows.

Run ``python benchmarks/strategies.py``; it takes some seconds and prints a table. Every line comes
from a fresh process. Memory is the peak above what the process held with its first state: by
Python's own accounting, which NumPy takes part in, and by the operating system's resident size.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spikeloop.coordinator.strategies import Evaluation, Strategy
from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.coordinator.strategies.random_search import RandomSearch
from spikeloop.workers.seeding import Purpose, stream
from spikeloop.workers.space import ParameterSpace, Weights

MIB = 2**20


class Cost(NamedTuple):
    """What one generation costs.

    Attributes:
        ask_tell_s: best time of ask + tell.
        row_s: best time of building a tile of two candidates, per candidate.
        traced_mib: peak of allocations above the state before.
        resident_mib: peak resident size above that before.
    """

    ask_tell_s: float
    row_s: float
    traced_mib: float
    resident_mib: float


def generation(strategy: Strategy[Any], state: Any, g: int) -> Any:
    """One ask + tell with made-up fitness."""
    population = strategy.ask(state, stream(1, Purpose.ASK, g))
    fitness = stream(1, Purpose.BOOTSTRAP, g).random(population.n_candidates)
    return strategy.tell(state, population, Evaluation(fitness), stream(1, Purpose.TELL, g))


def measure(strategy: Strategy[Any], n_dim: int, repeats: int) -> Cost:
    """Costs of a strategy in this process."""
    space = ParameterSpace((Weights("w", (n_dim,), 1.0),))
    state = strategy.init(space, space.default_point(), stream(1, Purpose.INIT))

    resident = peak_resident_bytes()
    state = generation(strategy, state, 0)
    resident = peak_resident_bytes() - resident

    tracemalloc.start()
    generation(strategy, state, 1)
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    ask_tell, rows = [], []
    for g in range(2, 2 + repeats):
        start = time.perf_counter()
        state = generation(strategy, state, g)
        ask_tell.append(time.perf_counter() - start)
        population = strategy.ask(state, stream(1, Purpose.ASK, g))
        start = time.perf_counter()
        population.rows(2, 4)
        rows.append((time.perf_counter() - start) / 2)
    return Cost(min(ask_tell), min(rows), traced / MIB, resident / MIB)


def peak_resident_bytes() -> int:
    """Peak resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def machine() -> str:
    """Processor, cores and versions, for the record."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return (
        f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, "
        f"{platform.system()}, Python {platform.python_version()}, NumPy {np.__version__}"
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[10, 1000, 1_000_000])
    arguments = parser.parse_args()

    n_candidates = arguments.candidates
    strategies: tuple[Strategy[Any], ...] = (
        Evolution(population_size=n_candidates),
        RandomSearch(population_size=n_candidates),
    )
    print(f"{machine()}; {n_candidates} candidates, best of {arguments.repeats}\n")
    print("strategy        dimensions   ask + tell   a worker's row   peak memory   peak resident")
    for strategy in strategies:
        for n_dim in arguments.dimensions:
            with multiprocessing.get_context("spawn").Pool(1) as fresh_process:
                cost = fresh_process.apply(measure, (strategy, n_dim, arguments.repeats))
            times = f"{cost.ask_tell_s * 1e3:9.2f} ms {cost.row_s * 1e3:13.3f} ms"
            memory = f"{cost.traced_mib:9.1f} MiB {cost.resident_mib:11.1f} MiB"
            print(f"{strategy.kind:15} {n_dim:10,} {times} {memory}")


if __name__ == "__main__":
    main()
