"""Time of one time step of a recurrent spiking network, forward and with its gradient, and others'.

Run ``python benchmarks/lsnn/lsnn_speed.py`` on an otherwise idle machine; it takes about a quarter
of an hour on two cores (``--libraries``, ``--batches``, ``--repeats`` and ``--samples`` make it
shorter). 200 neurons, half of them with adapting thresholds, for 400 time steps of 1 ms.
Spikeloop's times are those of the whole learner ``lsnn``: 40 samples of a quadratic function, 10
steps each, with environment, inputs and answers, by ``run_episodes`` and ``differentiate``, in one
thread; and once more with half of the episodes in each of two tiles, in two threads, as a worker
with two cores does it. What the others compute, which is less, is in ``lsnn_rivals.py``. Libraries
on PyTorch run with its own number of threads, and once more with one.

Times are medians over rounds, and in each round every row has its turn, so that a busy moment of
the machine meets all; of two calls in a turn the second counts. In brackets: how many times as long
as Spikeloop's first row. First rounds do not count; how long Spikeloop's first call takes, in which
XLA compiles, stands below the table. Libraries that are missing are left out; ``pip install
spikeloop[benchmark]`` brings them.

On a machine that is busy, ``--processor-time`` measures the time that the processor has worked for
the program, takes the least of all rounds, and leaves out rows with several threads.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import numpy as np
from lsnn_rivals import N_NEURONS, RIVALS, Passes

from spikeloop.coordinator.store.manifest import processor
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.learners.lsnn.learner import Lsnn

OURS = "**Spikeloop**"
PASSES = ("forward", "forward and gradient")


class Row(NamedTuple):
    """One way to compute.

    Attributes:
        name: of the library.
        threads: of JAX or PyTorch, or tiles at the same time; 0 for as many as PyTorch takes by
            itself.
    """

    name: str
    threads: int

    @property
    def on_torch(self) -> bool:
        return self.name != OURS and RIVALS[self.name].on_torch


def ours(n_episodes: int, n_samples: int, n_tiles: int) -> Passes:
    """Episodes of the learner, in so many tiles at the same time."""
    learner, family, rng = (
        Lsnn(n_neurons=N_NEURONS),
        Quadratic(n_steps=n_samples),
        rng_of(n_episodes),
    )
    space = learner.space(family.interface)
    # Not the default point, whose readouts are 0, and with them every gradient but theirs.
    parameters = space.decode(space.sample(1, rng))
    tasks = family.sample(n_episodes, rng)
    seeds = rng.integers(0, 2**64, (1, n_episodes), dtype=np.uint64)
    edges = [n_episodes * k // n_tiles for k in range(n_tiles + 1)]
    tiles = [slice(*edge) for edge in pairwise(edges)]

    def forward(tile: slice) -> object:
        return learner.run_episodes(parameters, tasks[tile], seeds[:, tile])

    def both(tile: slice) -> object:
        return learner.differentiate(parameters, tasks[tile], seeds[:, tile], 0.0)

    if n_tiles == 1:
        return Passes(lambda: forward(tiles[0]), lambda: both(tiles[0]))
    pool = ThreadPoolExecutor(n_tiles)
    return Passes(lambda: list(pool.map(forward, tiles)), lambda: list(pool.map(both, tiles)))


def rng_of(n_episodes: int) -> np.random.Generator:
    return np.random.default_rng(n_episodes)


def rows(libraries: list[str]) -> list[Row]:
    """Ours, and those libraries that are there."""
    there = [name for name in libraries if RIVALS[name].installed]
    if missing := [name for name in libraries if name not in there]:
        print(f"left out, not installed: {', '.join(missing)}\n")
    others = (Row(name, n) for name in there for n in ((0, 1) if RIVALS[name].on_torch else (1,)))
    return [Row(OURS, 1), Row(OURS, 2), *others]


def threads(row: Row, by_itself: int) -> int:
    """How many threads PyTorch is to take, or has taken."""
    return row.threads or by_itself


def seconds(call: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    call()
    return clock() - started


def measure(
    chosen: list[Row],
    batches: list[int],
    n_samples: int,
    n_repeats: int,
    by_itself: int,
    clock: Callable[[], float],
) -> tuple[dict[tuple[Row, int, str], list[float]], dict[int, float]]:
    """Seconds of each round, by row, batch and pass; and of our first gradient, by batch."""
    n_steps = n_samples * steps_of_a_sample()
    calls: dict[tuple[Row, int, str], Callable[[], object]] = {}
    for row in chosen:
        for batch in batches:
            if row.name == OURS and row.threads > batch:
                continue  # fewer episodes than tiles
            made = (
                ours(batch, n_samples, row.threads)
                if row.name == OURS
                else RIVALS[row.name].make(batch, n_steps)
            )
            calls |= {(row, batch, name): call for name, call in zip(PASSES, made, strict=True)}
    times: dict[tuple[Row, int, str], list[float]] = {key: [] for key in calls}
    first: dict[int, float] = {}
    for number in range(n_repeats + 1):
        for key, call in calls.items():
            row, batch, name = key
            if row.on_torch:
                set_threads(threads(row, by_itself))
            spent_s = seconds(call, clock)
            if number:  # once more, because what the row before has left behind is given back first
                times[key].append(seconds(call, clock))
            elif row == Row(OURS, 1) and name == PASSES[1]:
                first[batch] = spent_s
    return times, first


def steps_of_a_sample() -> int:
    learner = Lsnn()
    return round(learner.window_ms / learner.step_ms)


def set_threads(n: int) -> None:
    import torch

    torch.set_num_threads(n)


def own_threads(chosen: list[Row]) -> int:
    """As many as PyTorch takes by itself; 0 if no library needs it."""
    if not any(row.on_torch for row in chosen):
        return 0
    import torch

    return int(torch.get_num_threads())


def table(
    times: dict[tuple[Row, int, str], list[float]],
    batches: list[int],
    n_steps: int,
    by_itself: int,
    statistic: Callable[[list[float]], float],
) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "| library | threads | pass | " + " | ".join(f"batch {n}" for n in batches) + " |"
    yield "|" + " --- |" * (3 + len(batches))
    for name in PASSES:
        for row in dict.fromkeys(row for row, _, _ in times):
            cells = []
            for batch in batches:
                if (row, batch, name) not in times:
                    cells.append("–")
                    continue
                spent_s = statistic(times[row, batch, name])
                ratio = spent_s / statistic(times[Row(OURS, 1), batch, name])
                cells.append(f"{spent_s / n_steps * 1e6:.0f} ({ratio:.2g})")
            label = f"{row.name}, 2 tiles" if row == Row(OURS, 2) else row.name
            yield f"| {label} | {threads(row, by_itself)} | {name} | " + " | ".join(cells) + " |"


def versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for package in ("torch", *(rival.package for rival in RIVALS.values())):
        with suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    return ", ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--libraries", nargs="*", default=list(RIVALS), choices=list(RIVALS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 10, 50, 200])
    parser.add_argument("--samples", type=int, default=40, help="of an episode, 10 time steps each")
    parser.add_argument("--repeats", type=int, default=9, help="rounds after the first")
    parser.add_argument("--processor-time", action="store_true", help="for a busy machine")
    asked = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores; {versions()}\n")
    chosen = rows(asked.libraries)
    if asked.processor_time:
        chosen = [row for row in chosen if row.threads == 1]
    by_itself = own_threads(chosen)
    clock, statistic, words = (
        (time.process_time, min, "processor time, least")
        if asked.processor_time
        else (time.perf_counter, median, "medians")
    )
    times, first = measure(chosen, asked.batches, asked.samples, asked.repeats, by_itself, clock)
    n_steps = asked.samples * steps_of_a_sample()
    print(f"µs for each of {n_steps} time steps, {words} of {asked.repeats} rounds\n")
    print("\n".join(table(times, asked.batches, n_steps, by_itself, statistic)))
    compiled = ", ".join(f"{spent_s:.1f} (batch {batch})" for batch, spent_s in first.items())
    print(f"\nSpikeloop's first gradient, in which it is compiled, took in s: {compiled}")


if __name__ == "__main__":
    main()
