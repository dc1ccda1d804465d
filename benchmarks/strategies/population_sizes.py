"""How many candidates a generation should have: few and many, with and without noise.

Run ``python benchmarks/strategies/population_sizes.py``; it takes some minutes on one core.
``--out sizes.parquet`` keeps what is finished, and a second run goes on from there. It prints
Markdown.

Functions and instances are those of ``problems.py``. Every size gets the same number of
evaluations, so a small population has many generations. Scores are digits, −log10 of the share of
the initial gap that is left, averaged over the six functions. One instance of each function is a
*seed*, and sizes are compared on the same seeds: the mean of the differences to a population of 48
with its BCa interval of 95 %. The planned comparison is 12 against 48, as 4 + ⌊3 ln d⌋, the default
of Hansen 2016 (arXiv 1604.00772, table 1), is 9 in 7 dimensions and 12 in 20. It is tested on the
digits averaged over the two places of 7 dimensions; p-values of the exact Wilcoxon test are
corrected by Holm over strategies and noises. A last table compares log ranks and a fast σ with the
defaults of ``evolution`` in the same way.
"""

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from ask_and_tell import machine
from one_search import search
from peers import Ours, Task
from problems import FUNCTIONS, instance

from spikeloop.coordinator.stats.significance import (
    holm,
    paired_differences,
    paired_interval,
    signed_rank,
)
from spikeloop.coordinator.strategies import STRATEGIES, Strategy
from spikeloop.tasks.base import FloatArray

SIZES = (12, 24, 48, 96)
"""Candidates of a generation; each divides the budgets."""

USUAL = 48
"""The size that the others are compared with, the default of most strategies."""

PLANNED = 12
"""The size of the planned comparison."""

NOISES = (0.0, 0.01, 0.05, 0.2)
"""Standard deviations, in units of the function's spread over the initial law."""

PLACES = {(7, 288): 10, (7, 960): 10, (20, 1920): 5}
"""Instances of each function, by dimensions and evaluations.

The last two places are those of ``competence.py``; the last has few instances, as it costs most.
"""

TESTED = 7
"""Dimensions of the places over which the planned comparisons are averaged."""

LOG_RANKS = "evolution, log ranks, sigma_rate = 3"
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "evolution": ("evolution", {}),
    LOG_RANKS: ("evolution", {"shaping": "log_ranks", "sigma_rate": 3.0}),
    "cross_entropy": ("cross_entropy", {}),
    "cma_es": ("cma_es", {}),
}
"""Kind and settings of what is compared."""

Digits: TypeAlias = "pd.Series[float]"
"""Digits by seed, averaged over functions."""

Case: TypeAlias = tuple[str, float]
"""Variant and noise."""


class Cell(NamedTuple):
    """One search."""

    variant: str
    size: int
    n_dim: int
    budget: int
    noise: float
    function: str
    seed: int


def cells(variant: str, place: tuple[int, int], seed: int) -> Iterator[Cell]:
    """The searches of a variant at a place, on a seed."""
    for noise in NOISES:
        for size in SIZES:
            for function in FUNCTIONS:
                yield Cell(variant, size, *place, noise, function, seed)


def digits(cell: Cell) -> float:
    """The digits that a search reaches."""
    kind, settings = VARIANTS[cell.variant]
    made: Any = STRATEGIES[kind]
    strategy: Strategy[Any] = made(population_size=cell.size, **settings)
    task = Task(cell.n_dim, cell.size, cell.budget, cell.noise > 0, cell.seed)
    problem = instance(cell.function, cell.n_dim, cell.seed)
    return search(lambda task: Ours(strategy, task), task, problem, cell.noise).digits


def collect(out: Path | None) -> pd.DataFrame:
    """A row for each search; what ``out`` has of a variant and seed is not run again."""
    found = pd.DataFrame(columns=[*Cell._fields, "digits"])
    if out is not None and out.exists():
        found = pd.read_parquet(out)
    key = ["seed", "n_dim", "budget", "variant"]
    done = set(found[key].itertuples(index=False, name=None))
    wanted = [(place, seed) for place, n_seeds in PLACES.items() for seed in range(n_seeds)]
    for (place, seed), variant in product(wanted, VARIANTS):
        if (seed, *place, variant) in done:
            continue
        searched = cells(variant, place, seed)
        rows = pd.DataFrame([{**cell._asdict(), "digits": digits(cell)} for cell in searched])
        found = pd.concat([found, rows], ignore_index=True)
        if out is not None:
            partial = out.with_name(out.name + ".partial")
            found.to_parquet(partial)
            partial.replace(out)
    return found


def print_sizes(found: pd.DataFrame) -> None:
    """Print what other sizes gain in few dimensions, with the planned comparisons."""
    tables = by_seed(found[found["n_dim"] == TESTED])
    p_values = corrected([(table[PLANNED], table[USUAL]) for table in tables.values()])
    print(f"\n## {TESTED} dimensions\n\n{head(tables)} p (Holm) of {PLANNED} − {USUAL} |")
    print("| --- " * (len(SIZES) + 3) + "|")
    for (case, table), p in zip(tables.items(), p_values, strict=True):
        print(f"{row(case, table)} {p:.2g} |")


def print_places(found: pd.DataFrame) -> None:
    """Print what other sizes gain at each place."""
    for n_dim, budget in PLACES:
        tables = by_seed(found[(found["n_dim"] == n_dim) & (found["budget"] == budget)])
        print(f"\n## {n_dim} dimensions, {budget} evaluations\n\n{head(tables)}")
        print("| --- " * (len(SIZES) + 2) + "|")
        for case, table in tables.items():
            print(row(case, table))


def print_log_ranks(found: pd.DataFrame) -> None:
    """Print what log ranks and a fast σ gain on the defaults, at the usual size."""
    tables = by_seed(found[found["n_dim"] == TESTED])
    pairs = [(tables[LOG_RANKS, x][USUAL], tables["evolution", x][USUAL]) for x in NOISES]
    print(f"\n## {LOG_RANKS} − evolution, both with {USUAL}, {TESTED} dimensions\n")
    print("| noise | difference | p (Holm) |\n| --- | --- | --- |")
    for noise, pair, p in zip(NOISES, pairs, corrected(pairs), strict=True):
        print(f"| {noise:.0%} | {gain(*pair)} | {p:.2g} |")


def by_seed(found: pd.DataFrame) -> dict[Case, pd.DataFrame]:
    """Mean digits, a row for each seed and a column for each size, by variant and noise."""
    return {
        (variant, noise): found[
            (found["variant"] == variant) & (found["noise"] == noise)
        ].pivot_table(index="seed", columns="size", values="digits")
        for variant, noise in product(VARIANTS, NOISES)
    }


def head(tables: dict[Case, pd.DataFrame]) -> str:
    """The head of a table of sizes."""
    n = len(tables["evolution", 0.0])
    gains = " | ".join(f"{size} − {USUAL}" for size in SIZES if size != USUAL)
    return f"| n = {n} | noise | {USUAL} | {gains} |"


def row(case: Case, table: pd.DataFrame) -> str:
    """One row of a table of sizes."""
    gains = " | ".join(gain(table[size], table[USUAL]) for size in SIZES if size != USUAL)
    return f"| {case[0]} | {case[1]:.0%} | {table[USUAL].mean():.2f} | {gains} |"


def corrected(pairs: list[tuple[Digits, Digits]]) -> FloatArray:
    """P-values of paired differences, corrected by Holm."""
    return holm([signed_rank(paired_differences(one, other)).p for one, other in pairs])


def gain(one: Digits, other: Digits) -> str:
    """The mean of paired differences with its interval, as text."""
    interval = paired_interval(paired_differences(one, other), np.random.default_rng(0))
    return f"{interval.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="Parquet file of finished seeds, to go on from")
    arguments = parser.parse_args()
    print(machine())
    found = collect(arguments.out)
    print_sizes(found)
    print_places(found)
    print_log_ranks(found)


if __name__ == "__main__":
    main()
