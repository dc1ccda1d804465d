"""How far our searches get beside other people's, all in one run and on the same instances.

Run ``python benchmarks/strategies/competence.py`` for a short version of some minutes, or with
``--full``, which takes hours; ``--out results.parquet`` keeps what is finished, and a second run
goes on from there. It prints Markdown: for each number of dimensions, without and with noise, one
table of all methods and two of paired differences, and at last where ours are worse than their
peers.

Functions and instances are those of ``problems.py``, methods and their settings those of
``peers.py``. Every method gets the same number of evaluations, ``BUDGETS``, and evaluates nothing
else; none of them fails. Noise is additive, normal, independent from evaluation to evaluation, with
a standard deviation of 5 % of that of the function over the initial law. The score is the true
value of the point that a method recommends at the end, in *digits*: −log10 of the share of the
initial gap that is left, so 2 means that 1 % of the gap is left; more is better. Tables show the
interquartile mean over instances with its bootstrap interval of 95 %.

Comparisons are paired by instance: the interquartile mean of the differences with its BCa interval
of 95 %. The peer is that of all candidates which does best against ours on these very instances,
so the choice favours it. An interval that excludes 0 is called better or worse, whatever its width;
one that includes it says that no difference was detected, not that there is none. Fewer than 8
instances get no verdict, as bootstrap intervals of so few are too narrow.
"""

import argparse
import importlib.metadata
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from ask_and_tell import machine
from one_search import search
from peers import METHODS, Task
from problems import FUNCTIONS, instance
from standings import print_cpu_seconds, print_standings

POPULATION_SIZE = 48
BUDGETS = {7: 20 * POPULATION_SIZE, 20: 40 * POPULATION_SIZE, 100: 100 * POPULATION_SIZE}
"""Evaluations by number of dimensions."""

NOISES = (0.0, 0.05)
"""Standard deviations, in units of the function's spread over the initial law."""

SLOW = ("nevergrad_ngopt", "optuna_tpe", "optuna_cma")
"""Methods that the short version leaves out."""

SAVE_EVERY = 30.0
"""Seconds between two savings of the results."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
"""Environment of the processes, of which each has a core of its own."""


class Cell(NamedTuple):
    """One run of one method."""

    method: str
    function: str
    noise: float
    n_dim: int
    seed: int


def run(cell: Cell) -> dict[str, Any]:
    """Digits of the recommended point and CPU seconds of the method, a row of the results.

    A method that breaks down has no digits, but its error; it must not end hours of work.
    """
    row: dict[str, Any] = cell._asdict() | {"evaluations": 0, "error": ""}
    try:
        budget = BUDGETS[cell.n_dim]
        task = Task(cell.n_dim, POPULATION_SIZE, budget, cell.noise > 0, cell.seed)
        problem = instance(cell.function, cell.n_dim, cell.seed)
        make = METHODS[cell.method].make
        digits, row["evaluations"], seconds = search(make, task, problem, cell.noise)
    except Exception as error:
        digits, seconds = np.nan, np.nan
        row["error"] = f"{type(error).__name__}: {error}"
    return row | {"digits": digits, "seconds": seconds}


def plan(arguments: argparse.Namespace) -> Iterator[Cell]:
    """The cells, seed by seed, so that an interrupted run has whole pairs."""
    for seed in range(arguments.seeds):
        for n_dim in arguments.dimensions:
            for method in arguments.methods:
                if n_dim > METHODS[method].max_dim or seed >= METHODS[method].max_seeds:
                    continue
                for function in arguments.functions:
                    for noise in NOISES:
                        yield Cell(method, function, noise, n_dim, seed)


def collect(cells: list[Cell], processes: int, out: Path | None) -> list[dict[str, Any]]:
    """Rows of all cells; those that ``out`` has already are not run again."""
    rows: list[dict[str, Any]] = []
    if out is not None and out.exists():
        rows = pd.read_parquet(out).to_dict("records")  # type: ignore[assignment]
    done = {cell_of(row) for row in rows}
    missing = [cell for cell in cells if cell not in done]

    os.environ.update(ONE_THREAD)
    saved = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for row in pool.imap_unordered(run, missing):
            rows.append(row)
            if row["error"]:
                print(f"{row['method']} on {row['function']}: {row['error']}", flush=True)
            if out is not None and time.monotonic() - saved > SAVE_EVERY:
                save(rows, out)
                saved = time.monotonic()
    if out is not None and missing:
        save(rows, out)
    wanted = set(cells)
    return [row for row in rows if cell_of(row) in wanted]


def cell_of(row: dict[str, Any]) -> Cell:
    """The cell that a row of the results belongs to."""
    return Cell(*(row[name] for name in Cell._fields))


def save(rows: list[dict[str, Any]], out: Path) -> None:
    """Replaces the file as a whole, so that it is whole at any moment."""
    partial = out.with_name(out.name + ".partial")
    pd.DataFrame(rows).to_parquet(partial)
    partial.replace(out)


def parsed() -> argparse.Namespace:
    """The command line, with the defaults of the short or the full version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--full", action="store_true", help="all dimensions, 15 seeds, all methods")
    parser.add_argument("--dimensions", type=int, nargs="+", choices=BUDGETS)
    parser.add_argument("--functions", nargs="+", choices=FUNCTIONS, default=list(FUNCTIONS))
    parser.add_argument("--seeds", type=int, help="instances of each function")
    parser.add_argument("--methods", nargs="+", choices=METHODS)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, help="Parquet file of finished runs, to go on from")
    arguments = parser.parse_args()

    full: bool = arguments.full
    arguments.dimensions = arguments.dimensions or (list(BUDGETS) if full else [7])
    arguments.seeds = arguments.seeds or (15 if full else 8)
    arguments.methods = arguments.methods or [m for m in METHODS if full or m not in SLOW]
    return arguments


def main() -> None:
    """Runs what is missing and prints the tables."""
    arguments = parsed()
    for method in arguments.methods:
        if not METHODS[method].installed():
            print(f"{method} is left out: {METHODS[method].package} is not installed")
    arguments.methods = [method for method in arguments.methods if METHODS[method].installed()]
    packages = sorted({METHODS[method].package for method in arguments.methods})
    versions = (f"{package} {importlib.metadata.version(package)}" for package in packages)
    print(f"{machine()}; {', '.join(versions)}")
    for method in arguments.methods:
        max_dim, max_seeds = METHODS[method].max_dim, METHODS[method].max_seeds
        if max_dim < max(arguments.dimensions) or max_seeds < arguments.seeds:
            n_seeds = min(max_seeds, arguments.seeds)
            print(f"{method} is slow: up to {max_dim} dimensions, {n_seeds} instances")
    rows = collect(list(plan(arguments)), arguments.processes, arguments.out)
    print_standings(rows, arguments.methods, arguments.functions, BUDGETS)
    print_cpu_seconds(rows, arguments.methods)


if __name__ == "__main__":
    main()
