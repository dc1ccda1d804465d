"""What a search loses at the bounds: reflected, clipped and redrawn candidates compared.

Run ``python benchmarks/studies/bounds.py``; it takes about a minute and prints two tables.

The first shows the estimate of the evolution strategy's gradient for a fitness that is linear with
slope 1 in one bounded coordinate, so the true gradient is 1 everywhere, at several distances of the
centre from the bound: its expectation by numerical integration and the mean over drawn pairs.

The second shows how high the strategy gets, with its defaults, on random bumps in seven dimensions
with 6 % noise whose tops lie inside the box, near a bound or on a bound in each coordinate, and
from a start in a corner. The same seeds give every setting the same bumps, noise and draws.
"""

import argparse
from collections.abc import Callable
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, stats

from spikeloop.coordinator.strategies import Evaluation
from spikeloop.coordinator.strategies.evolution import Evolution, estimate_gradients
from spikeloop.coordinator.strategies.population import Bounds, MirroredGaussian
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.space import ParameterSpace, fold

SETTINGS: tuple[Bounds, ...] = get_args(Bounds)
SIGMA = 0.15
DISTANCES = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Of the centre from the bound, in σ."""

N_DIM = 7
BOX = ParameterSpace(tuple(Real(0.0, 1.0, 0.5, name=f"x{i}") for i in range(N_DIM)))
NOISE = 0.06
GENERATIONS = (10, 30)


def expected_slope(bounds: Bounds, distance: float) -> float:
    """E[ε f(x + σ ε)] / σ for the value f that decoding gives, by numerical integration.

    Args:
        bounds: the setting.
        distance: of the centre from the lower bound, in σ.
    """

    def integrand(z: float) -> float:
        point = SIGMA * (distance + z)
        value = 1 - abs(1 - point % 2) if bounds == "reflect" else min(max(point, 0.0), 1.0)
        return float(value * z * stats.norm.pdf(z) / SIGMA)

    if bounds == "resample":
        inside = stats.norm.cdf(distance) - stats.norm.cdf(-distance)
        if inside == 0:
            return 0.0  # no room on one side, so no noise
        return float(integrate.quad(integrand, -distance, distance)[0] / inside)
    kinks = [-distance, 1 / SIGMA - distance]
    return float(integrate.quad(integrand, -8, 8, points=kinks, limit=200)[0])


def drawn_slope(bounds: Bounds, distance: float, n_pairs: int) -> tuple[float, float]:
    """Mean of the estimate over pairs, and half of its 95 % interval."""
    bounded = np.ones(1, dtype=np.bool_)
    estimates = np.empty(n_pairs)
    for seed in range(n_pairs):
        pop = MirroredGaussian(
            np.array([SIGMA * distance]), SIGMA, seed, n_pairs=1, bounds=bounds, bounded=bounded
        )
        value = fold(pop.rows(0, 2), bounded)[:, 0]
        estimates[seed] = estimate_gradients(pop, value, n=2)[0][0]
    return float(estimates.mean()), half_interval(estimates)


def heights(bounds: Bounds, place: str, seed: int) -> FloatArray:
    """Noise-free heights of the recommended point, 0 to 1, after ``GENERATIONS``."""
    rng = np.random.default_rng(seed)
    width = rng.uniform(0.3, 1.0, N_DIM)
    side = rng.integers(0, 2, N_DIM)
    inside = rng.uniform(0.25, 0.75, N_DIM)
    tops: dict[str, NDArray[np.float64]] = {
        "inside": inside,
        "near": np.abs(side - rng.uniform(0.0, 0.1, N_DIM)),
        "on": side.astype(np.float64),
        "inside, from a corner": inside,
    }
    start = side.astype(np.float64) if "corner" in place else BOX.default_point()
    height = bump(tops[place], width)

    strategy = Evolution(bounds=bounds)
    state = strategy.init(BOX, rng, start)
    reached = []
    for generation in range(1, GENERATIONS[-1] + 1):
        pop = strategy.ask(state, rng)
        noise = NOISE * rng.standard_normal(pop.n_candidates)
        fitness = height(pop.rows()) + noise
        state = strategy.tell(state, pop, Evaluation(fitness), rng)
        if generation in GENERATIONS:
            reached.append(height(strategy.recommend(state)[None])[0])
    return np.array(reached)


def bump(top: FloatArray, width: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """A smooth hill of height 1, of its own width in each coordinate."""

    def height(points: FloatArray) -> FloatArray:
        z = (BOX.decode(points).values - top) / width
        return np.asarray(np.exp(-0.5 * (z**2).sum(axis=1)))

    return height


def half_interval(samples: FloatArray) -> float:
    """Half of the 95 % interval of a mean, by Student's law."""
    n = samples.size
    return float(stats.t.ppf(0.975, n - 1) * samples.std(ddof=1) / np.sqrt(n))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=80)
    parser.add_argument("--pairs", type=int, default=4000)
    arguments = parser.parse_args()

    print("Estimated slope where the true one is 1: integral, and mean of drawn pairs\n")
    print("distance / sigma" + "".join(f"{bounds:>26}" for bounds in SETTINGS))
    for distance in DISTANCES:
        line = f"{distance:16.2f}"
        for bounds in SETTINGS:
            mean, half = drawn_slope(bounds, distance, arguments.pairs)
            line += f"{abs(expected_slope(bounds, distance)):10.3f} {abs(mean):7.3f} ± {half:5.3f}"
        print(line)

    print(f"\nHeight after {' and '.join(map(str, GENERATIONS))} generations, and what it is more")
    print(f"than under reflection, same {arguments.seeds} bumps and draws, with 95 % intervals\n")
    print(f"{'top':23} bounds   " + f"{'height':>9}{'more':>17}{'':8}" * len(GENERATIONS))
    for place in ("inside", "near", "on", "inside, from a corner"):
        reflected = None
        for bounds in SETTINGS:
            reached = np.array([heights(bounds, place, seed) for seed in range(arguments.seeds)])
            reflected = reached if reflected is None else reflected
            line = f"{place:23} {bounds:9}"
            for after, before in zip(reached.T, reflected.T, strict=True):
                more = after - before
                line += f"{after.mean():9.3f} ± {half_interval(after):5.3f}"
                line += f"{more.mean():+9.3f} ± {half_interval(more):5.3f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
