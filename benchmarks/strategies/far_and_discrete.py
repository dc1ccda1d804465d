"""Two places where the first standard deviation decides: far optima, and choices without order.

Run ``python benchmarks/strategies/far_and_discrete.py``; it takes one to two minutes of processor
time and prints Markdown. All searches begin at the default point of their space and have 48
candidates a generation.

**Far optima.** Weights of scale 1 whose fitness is a slope, or the negative squared distance to a
point 10 scales away in each coordinate, on a side that the seed draws. On the slope the table gives
how far the recommended point moves along it, in scales, and how often the width σ of the search
doubles; where fitness is noise alone no width should grow, which is the negative control. For a far
optimum it gives the share of the distance that is behind the search.

**Choices.** Options without an order, of which one is right and the others equally wrong; whole
numbers of which the nearer ones are better; and a mixture of real numbers, whole numbers and
choices. The optimum is drawn by the seed. The table gives 1 − loss / loss of the default: 0 where
the search began, 1 at the optimum.

Noise is normal and independent from evaluation to evaluation, in units of the fitness's spread over
the initial law. Numbers are means with their bootstrap interval of 95 % over seeds; the planned
comparisons are paired by seed, with exact Wilcoxon tests, p-values corrected by Holm.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ask_and_tell import machine
from catcma import share_of_catcma
from weights_and_choices import Problem, choices, far, mixed, no_relation, ordered, slope

from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.significance import (
    bootstrap_interval,
    holm,
    overall_mean,
    paired_differences,
    paired_interval,
    signed_rank,
)
from spikeloop.coordinator.strategies import STRATEGIES, Evaluation, Strategy
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Choice

POPULATION_SIZE = 48
"""Candidates of a generation, the default of all that is compared."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "evolution": ("evolution", {}),
    "evolution, log ranks": ("evolution", {"shaping": "log_ranks"}),
    "evolution, log ranks, sigma_rate = 3": (
        "evolution",
        {"shaping": "log_ranks", "sigma_rate": 3.0},
    ),
    "evolution, sigma = 0.3": ("evolution", {"sigma": 0.3}),
    "cma_es": ("cma_es", {}),
    "cross_entropy": ("cross_entropy", {}),
    "natural_evolution": ("natural_evolution", {}),
    "genetic": ("genetic", {}),
    "random_search": ("random_search", {}),
}
"""Kind and settings of what is compared."""


@dataclass(frozen=True)
class Column:
    """One column of a table: what is searched, and what is measured.

    Attributes:
        head: of the column.
        make: draws the problem.
        n_generations: of a search.
        noise: standard deviation, in units of the fitness's spread.
        measure: from the problem, the recommended point and the doublings of σ to a number.
    """

    head: str
    make: Callable[[np.random.Generator], Problem]
    n_generations: int
    noise: float
    measure: Callable[[Problem, FloatArray, float], float]


def share(problem: Problem, point: FloatArray, doublings: float) -> float:
    return problem.share(point)


def way(problem: Problem, point: FloatArray, doublings: float) -> float:
    """Share of the distance; the loss is its square."""
    return 1 - float(np.sqrt(1 - problem.share(point)))


TABLES: dict[str, tuple[Column, ...]] = {
    "Far optima": (
        Column("slope, 20 generations: scales moved", slope, 20, 0.0, lambda p, x, s: p.at(x)),
        Column("slope: doublings of σ", slope, 20, 0.0, lambda p, x, s: s),
        Column("noise alone: doublings of σ", no_relation, 20, 1.0, lambda p, x, s: s),
        Column("7 weights, 20 generations", partial(far, 7), 20, 0.0, way),
        Column("7 weights, 60 generations", partial(far, 7), 60, 0.0, way),
        Column("7 weights, 60 generations, 20 % noise", partial(far, 7), 60, 0.2, way),
        Column("100 weights, 200 generations, 20 % noise", partial(far, 100), 200, 0.2, way),
    ),
    "Choices": (
        Column("choices of 4", partial(choices, 4), 20, 0.0, share),
        Column("choices of 4, 30 % noise", partial(choices, 4), 20, 0.3, share),
        Column("choices of 8", partial(choices, 8), 20, 0.0, share),
        Column("4 levels in order", ordered, 20, 0.0, share),
        Column("4 levels in order, 30 % noise", ordered, 20, 0.3, share),
        Column("mixed, 30 % noise", mixed, 20, 0.3, share),
    ),
}

PLANNED: tuple[tuple[str, str, str], ...] = (
    ("7 weights, 20 generations", "evolution, log ranks", "evolution"),
    ("7 weights, 60 generations, 20 % noise", "evolution, log ranks, sigma_rate = 3", "evolution"),
    ("7 weights, 60 generations, 20 % noise", "cma_es", "evolution, log ranks, sigma_rate = 3"),
    ("100 weights, 200 generations, 20 % noise", "cma_es", "evolution, log ranks, sigma_rate = 3"),
    ("choices of 4, 30 % noise", "cross_entropy", "evolution"),
    ("choices of 4, 30 % noise", "genetic", "evolution"),
    ("mixed, 30 % noise", "cross_entropy", "evolution"),
    ("mixed, 30 % noise", "genetic", "cross_entropy"),
)
"""Column, and the two variants whose difference is tested there."""


def search(strategy: Strategy[Any], column: Column, seed: int) -> float:
    """The number that one search gives."""
    rng = np.random.default_rng((seed, 1))
    searched = column.make(np.random.default_rng((seed, 0)))
    state = strategy.init(searched.space, rng)
    first = strategy.summary(state).get("sigma", np.nan)
    for _ in range(column.n_generations):
        population = strategy.ask(state, rng)
        fitness = searched.fitness(searched.space.decode(population.rows()).values)
        noise = column.noise * searched.spread * rng.standard_normal(len(fitness))
        state = strategy.tell(state, population, Evaluation(fitness + noise), rng)
    doublings = float(np.log2(strategy.summary(state).get("sigma", np.nan) / first))
    return column.measure(searched, strategy.recommend(state), doublings)


def print_table(columns: Sequence[Column], n_seeds: int) -> dict[tuple[str, str], FloatArray]:
    """A row for each variant; the numbers of all seeds by column and variant."""
    print(f"| n = {n_seeds} | {' | '.join(column.head for column in columns)} |")
    print("| --- " * (len(columns) + 1) + "|")
    numbers = {}
    for variant, (kind, settings) in VARIANTS.items():
        made: Any = STRATEGIES[kind]
        cells = []
        for column in columns:
            found = np.array([search(made(**settings), column, seed) for seed in range(n_seeds)])
            numbers[column.head, variant] = found
            cells.append(text(found))
        print(f"| {variant} | {' | '.join(cells)} |", flush=True)
    return numbers


def catcma(columns: Sequence[Column], n_seeds: int) -> str:
    """The cells of the peer for mixed spaces, whose choices begin with equal probabilities."""
    cells = []
    for column in columns:
        problems = [column.make(np.random.default_rng((seed, 0))) for seed in range(n_seeds)]
        found = [
            share_of_catcma(one, POPULATION_SIZE, column.n_generations, column.noise, seed)
            for seed, one in enumerate(problems)
            if any(isinstance(p, Choice) for p in one.space.parameters)
        ]
        cells.append(text(np.array(found)) if found else "–")
    return " | ".join(cells)


def text(found: FloatArray) -> str:
    """The mean with its interval; – where the strategy has no width."""
    if not np.isfinite(found).all():
        return "–"
    interval = bootstrap_interval(found, overall_mean, np.random.default_rng(0))
    return figures(interval)


def figures(interval: Interval) -> str:
    """Three significant figures, as numbers of σ run from .1 to 10⁶."""
    return f"{interval.value:.3g} [{interval.low:.3g}, {interval.high:.3g}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=20, help="searches of each variant")
    arguments = parser.parse_args()
    print(machine())
    numbers: dict[tuple[str, str], FloatArray] = {}
    for title, columns in TABLES.items():
        print(f"\n## {title}\n")
        numbers |= print_table(columns, arguments.seeds)
    print(f"| CatCMA with margin | {catcma(TABLES['Choices'], arguments.seeds)} |")
    print("\n## Planned comparisons\n")
    print("| where | comparison | difference | p | p (Holm) |\n| --- | --- | --- | --- | --- |")
    differences = [
        paired_differences(numbers[head, one], numbers[head, other]) for head, one, other in PLANNED
    ]
    tests = [signed_rank(difference).p for difference in differences]
    for (head, one, other), difference, p, corrected in zip(
        PLANNED, differences, tests, holm(tests), strict=True
    ):
        interval = paired_interval(difference, np.random.default_rng(0))
        print(f"| {head} | {one} − {other} | {figures(interval)} | {p:.2g} | {corrected:.2g} |")


if __name__ == "__main__":
    main()
