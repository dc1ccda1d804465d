"""Reward-modulated STDP on the chip without a search: the table of docs/results/reward_stdp.md.

The best of a small grid on 12 MDPs is scored on 120 others, with one thing changed at a time.
Intervals are 95 %, over MDPs.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip.correlation import Correlation
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import RewardStdp
from spikeloop.workers.space import Parameters

FAMILY = RandomMdp()
SENSORS = Correlation(amplitude_lsb=2.0)
CHOSEN = ChipAgent(program=RewardStdp(credit="chosen"), correlation=SENSORS)
FIRED = ChipAgent(program=RewardStdp(credit="fired"), correlation=SENSORS)
GRID = {
    "learning_rate": (4.0, 8.0),
    "initial_weight": (45.0, 55.0),
    "baseline_rate": (0.2, 0.6),
    "inhibition": (20.0, 35.0, 50.0),
}


def scores(
    learner: ChipAgent, points: Sequence[Mapping[str, float]], n_tasks: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return (n_points,) scores and half-widths of their intervals; the rest of Θ is default."""
    space = learner.space(FAMILY.interface)
    defaults = space.decode(space.default_point()[None]).values[0]
    default = dict(zip(space.columns, defaults, strict=True))
    values = np.array([[{**default, **point}[c] for c in space.columns] for point in points])
    tasks = FAMILY.sample(n_tasks, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    seeds = rng.integers(0, 2**63, (len(points), n_tasks)).astype(np.uint64)
    gained = learner.run_episodes(Parameters(space, values), tasks, seeds).returns
    baseline = tasks.references()
    gained, span = gained - baseline.random, baseline.optimal - baseline.random
    score = gained.sum(axis=1) / span.sum()
    residual = gained - score[:, None] * span
    half = 1.96 * residual.std(axis=1, ddof=1) / np.sqrt(n_tasks) / span.mean()
    return score, half


def main() -> None:
    """Print the table."""
    grid = [
        {**dict(zip(GRID, values, strict=True)), "trace_decay": 0.0}
        for values in itertools.product(*GRID.values())
    ]
    best = grid[int(scores(CHOSEN, grid, 12, seed=7)[0].argmax())]
    print(best)
    for name, learner, point in (
        ("best of the grid", CHOSEN, best),
        ("λ = 0.5", CHOSEN, {**best, "trace_decay": 0.5}),
        ("credit to all that fired", FIRED, best),
        ("default Θ", CHOSEN, {}),
    ):
        score, half = scores(learner, [point], 120, seed=100)
        low, high = score[0] - half[0], score[0] + half[0]
        print(f"| {name} | {score[0]:.3f} [{low:.3f}, {high:.3f}] |")


if __name__ == "__main__":
    main()
