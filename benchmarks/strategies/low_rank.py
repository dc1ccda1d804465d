"""Time that perturbations of weights take: of full rank, and of low rank.

Run ``python benchmarks/strategies/low_rank.py``; it takes half a minute. The weights are those of a
spiking network on the bandit with an informative arm, the population has 500 candidates. *Rows* are
made by the workers, once for each candidate, *sums* by the coordinator once a generation. The table
has processor time in seconds, the smallest of several rounds, and its share of that of full rank.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np

from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.tasks.informative_bandit import InformativeBandit
from spikeloop.workers.learners.lsnn.learner import Lsnn

N_CANDIDATES, TILE = 500, 10


def least_s(work: Callable[[], object], rounds: int) -> float:
    """Processor time of the quickest of several rounds."""
    spent = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    return min(spent)


def lines(n_neurons: int, ranks: list[int], rounds: int) -> Iterator[str]:
    """The rows of the table for networks of one size."""
    space = Lsnn(n_neurons=n_neurons).space(InformativeBandit().interface)
    rng, first = np.random.default_rng(0), (0.0, 0.0)
    for rank in ranks:
        evolution = Evolution(population_size=N_CANDIDATES, rank=rank)
        population = evolution.ask(evolution.init(space, rng), rng)
        weights = rng.standard_normal(N_CANDIDATES // 2)

        def rows() -> None:
            for start in range(0, N_CANDIDATES, TILE):
                population.rows(start, start + TILE)  # noqa: B023

        rows_s = least_s(rows, rounds)
        sums_s = least_s(lambda: population.noise_sums(weights, weights), rounds)  # noqa: B023
        first = first if rank else (rows_s, sums_s)
        shares = f"{rows_s / first[0]:.2f} | {sums_s:.3f} | {sums_s / first[1]:.2f}"
        yield f"| {n_neurons} | {space.n_dim:,} | {rank or 'full'} | {rows_s:.3f} | {shares} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--neurons", type=int, nargs="+", default=[50, 200, 500])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print("| neurons | weights | rank | rows, s | share | sums, s | share |")
    print("|" + " --- |" * 7)
    for n_neurons in asked.neurons:
        print("\n".join(lines(n_neurons, [0, *asked.ranks], asked.rounds)), flush=True)


if __name__ == "__main__":
    main()
