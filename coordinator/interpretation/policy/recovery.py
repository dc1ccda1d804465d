"""Model recovery: is a model recognised from behaviour that it has simulated itself?

Without it the best of a list says little: another model may fit the behaviour of the true one as
well (Wilson and Collins 2019, eLife 8:e49547).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.policy.comparison import Compared, bic
from spikeloop.coordinator.interpretation.policy.fit import Fitter
from spikeloop.coordinator.interpretation.policy.simulate import simulate
from spikeloop.coordinator.interpretation.section import Note
from spikeloop.tasks.base import IntArray, TaskBatch

REPEATS = 5
"""Data sets that each model simulates."""
REPEATS_OF_BEST = 20
"""Data sets of the two models that predict the behaviour best, which may be claimed."""
EPISODES = 200
"""Episodes of each, at most; fewer than are interpreted, so that recovery is not flattered."""


@dataclass(frozen=True)
class Recovery:
    """How often each model was the best of all on data of each.

    Attributes:
        names: of the models, (n,).
        best: (n, n) data sets of the model of a row on which the model of a column had the least
            BIC.
        n_episodes: episodes of each data set.
    """

    names: tuple[str, ...]
    best: IntArray
    n_episodes: int

    def recognised(self, name: str) -> tuple[int, int]:
        """Give on how many data sets of a model it was the best itself, and how many there were."""
        row = self.names.index(name)
        return int(self.best[row, row]), int(self.best[row].sum())

    def rate(self, name: str) -> float:
        """Give the share of data sets of a model on which it was the best itself."""
        right, n = self.recognised(name)
        return right / n

    def confused(self, name: str, other: str) -> float:
        """Give the share of data sets of either of two models on which the other one was best."""
        rows = self.best[[self.names.index(name), self.names.index(other)]]
        columns = rows[:, [self.names.index(other), self.names.index(name)]]
        return float((np.diag(columns) / rows.sum(axis=1)).max())


def recover(
    compared: Sequence[Compared], tasks: TaskBatch, rng: np.random.Generator, note: Note
) -> Recovery:
    """Simulate every fitted model, and fit all models to what it does.

    Args:
        compared: the models, fitted to the behaviour in question, the best ones first.
        tasks: of that behaviour; the first ``EPISODES`` are simulated.
        rng: of the simulations.
        note: takes lines on the progress.
    """
    n, tasks = len(compared), tasks[:EPISODES]
    best = np.zeros((n, n), dtype=np.int64)
    for row, one in enumerate(compared):
        note(f"policy: recovery {row + 1} of {n}, {one.model.name}")
        for _ in range(REPEATS_OF_BEST if row < 2 else REPEATS):
            data = simulate(one.model, one.fit, tasks, rng)
            criteria = [
                bic(other.model, Fitter(other.model, data).fit(start=other.fit), data)
                for other in compared
            ]
            best[row, int(np.argmin(criteria))] += 1
    return Recovery(tuple(one.model.name for one in compared), best, tasks.n_tasks)
