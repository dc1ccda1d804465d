"""Time and memory of ask + tell against the number of dimensions, and of a worker's rows.

Run ``python benchmarks/strategies/ask_and_tell.py``; it takes some minutes and prints two tables.
Every line comes from a fresh process. Memory is the peak above what the process held with its first
state: by Python's own accounting, which NumPy takes part in, and by the operating system's resident
size.

The second table sets all strategies but the published ones and ``bptt``, which needs gradients, and
other people's searches as far as they are installed, side by side in 7 dimensions and in a million.
There a *generation* is ask + tell and all rows of the population, which peers, and those of ours
that carry their points, make within ask. The rows of the others are made by the workers, one tile
after the other, so their memory has no place here. JAX and the peers' compiled parts escape
Python's accounting, not the resident size; a peer's first generation, whose peak the latter is,
includes compilation.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from peers import METHODS, OURS, Task

from spikeloop.coordinator.store.manifest import processor
from spikeloop.coordinator.strategies import STRATEGIES, Evaluation, Strategy
from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.coordinator.strategies.random_search import RandomSearch
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.seeding import Purpose, stream
from spikeloop.workers.space import ParameterSpace

MIB = 2**20

SMALL, LARGE = (7, 50), (1_000_000, 200)
"""Dimensions and candidates of the two sizes at which all are set side by side."""

SMALL_PEERS = (
    "pycma",
    "evosax_open_es",
    "nevergrad_cma",
    "nevergrad_de",
    "nevergrad_tbpsa",
    "optuna_cma",
    "optuna_tpe",
)
LARGE_STRATEGIES = (
    "evolution",
    "natural_evolution",
    "finite_differences",
    "random_search",
    "cross_entropy",
    "annealing",
    "parallel_tempering",
)
"""Those that need less than 6 GB there; by extrapolation cma_es takes 9 GB and genetic 15 GB."""

LARGE_PEERS = ("evosax_open_es",)


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
    space = ParameterSpace.of(
        {
            "w": Weights((n_dim,), 1.0),
        }
    )
    state = strategy.init(space, stream(1, Purpose.INIT))

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


def measure_kind(kind: str, n_dim: int, n_candidates: int, repeats: int) -> Cost:
    """Costs of one of our strategies, with its defaults, in this process."""
    settings: Any = STRATEGIES[kind]
    return measure(settings(population_size=n_candidates), n_dim, repeats)


def measure_peer(name: str, n_dim: int, n_candidates: int, repeats: int) -> Cost:
    """Costs of a peer in this process; it makes its rows in ask."""
    budget = (2 + repeats) * n_candidates
    search = METHODS[name].make(Task(n_dim, n_candidates, budget, noisy=True, seed=1))
    rng = stream(1, Purpose.BOOTSTRAP)

    def one_generation() -> None:
        n_done = 0
        while n_done < n_candidates:
            loss = rng.random(len(search.ask()))
            search.tell(loss)
            n_done += loss.size

    resident = peak_resident_bytes()
    one_generation()
    resident = peak_resident_bytes() - resident

    tracemalloc.start()
    one_generation()
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        one_generation()
        seconds.append(time.perf_counter() - start)
    return Cost(min(seconds), 0.0, traced / MIB, resident / MIB)


def peak_resident_bytes() -> int:
    """Peak resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def machine() -> str:
    """Processor, cores and versions, for the record."""
    return (
        f"{processor()}, {os.cpu_count()} cores, "
        f"{platform.system()}, Python {platform.python_version()}, NumPy {np.__version__}"
    )


def print_scaling(n_candidates: int, repeats: int, dimensions: list[int]) -> None:
    """The first table: costs against the number of dimensions."""
    strategies: tuple[Strategy[Any], ...] = (
        Evolution(population_size=n_candidates),
        RandomSearch(population_size=n_candidates),
    )
    print(f"{machine()}; {n_candidates} candidates, best of {repeats}\n")
    print("strategy        dimensions   ask + tell   a worker's row   peak memory   peak resident")
    for strategy in strategies:
        for n_dim in dimensions:
            cost = in_fresh_process(measure, strategy, n_dim, repeats)
            times = f"{cost.ask_tell_s * 1e3:9.2f} ms {cost.row_s * 1e3:13.3f} ms"
            print(f"{strategy.kind:15} {n_dim:10,} {times} {memory(cost)}")


def print_side_by_side(size: tuple[int, int], kinds: list[str], repeats: int) -> None:
    """One half of the second table: ours and others of one size."""
    n_dim, n_candidates = size
    print(f"\n{n_dim:,} dimensions, {n_candidates} candidates, best of {repeats}\n")
    print("search                       ask + tell      generation   peak memory   peak resident")
    for kind in kinds:
        measured = measure_kind if kind in STRATEGIES else measure_peer
        cost = in_fresh_process(measured, kind, n_dim, n_candidates, repeats)
        whole = cost.ask_tell_s + n_candidates * cost.row_s
        times = f"{cost.ask_tell_s * 1e3:12.2f} ms {whole * 1e3:12.2f} ms"
        print(f"{kind:23} {times} {memory(cost)}", flush=True)


def in_fresh_process(measured: Callable[..., Cost], *arguments: Any) -> Cost:
    """What the function returns in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as fresh_process:
        return fresh_process.apply(measured, arguments)


def memory(cost: Cost) -> str:
    """Both peaks, as columns."""
    return f"{cost.traced_mib:9.2f} MiB {cost.resident_mib:11.2f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[10, 1000, 1_000_000])
    parser.add_argument("--only", choices=("scaling", "small", "large"), help="one of the tables")
    arguments = parser.parse_args()

    if arguments.only in (None, "scaling"):
        print_scaling(arguments.candidates, arguments.repeats, arguments.dimensions)
    if arguments.only in (None, "small"):
        installed = [name for name in SMALL_PEERS if METHODS[name].installed()]
        print_side_by_side(SMALL, [*OURS, "grid", *installed], arguments.repeats)
    if arguments.only in (None, "large"):
        installed = [name for name in LARGE_PEERS if METHODS[name].installed()]
        print_side_by_side(LARGE, [*LARGE_STRATEGIES, *installed], min(arguments.repeats, 2))


if __name__ == "__main__":
    main()
