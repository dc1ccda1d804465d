"""What a search over a plain function has found."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spikeloop.coordinator.api.theta import LearnedTheta
from spikeloop.coordinator.search.evaluation import GridEpisodes
from spikeloop.coordinator.search.generation import HeldOut, count_failures
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Choice
from spikeloop.workers.space import ParameterSpace


@dataclass(frozen=True, repr=False)
class Optimum:
    """What a search over a function has found.

    Attributes:
        theta: the point that the strategy recommends, in units. Where evaluations are noisy it is
            the one to use.
        value: the mean of fresh evaluations there, with a 95 % interval and their number ``n``.
            They chose nothing, so the mean is no better than the function is.
        best_theta: the candidate with the best mean.
        best_value: this mean. With noise it is better than the function there, because its noise
            was chosen too.
        history: one row a candidate: generation, candidate, value (nan where it failed), n_failed,
            and its hyperparameters by name.
        failures: number of failed evaluations by reason, such as "raised".
        n_episodes: evaluations in all.
    """

    theta: LearnedTheta
    value: Interval
    best_theta: LearnedTheta
    best_value: float
    history: pd.DataFrame
    failures: dict[str, int]
    n_episodes: int

    def __repr__(self) -> str:
        failed = sum(self.failures.values())
        return (
            f"{self.value} in {self.value.n} fresh evaluations, {self.n_episodes} in all, "
            f"of which {failed} failed; best candidate {self.best_value:.6g}\n{self.theta}"
        )


@dataclass
class Record:
    """The generations of a search over a function.

    Attributes:
        space: of the hyperparameters.
        sign: of a value in its fitness: 1 where the largest is searched, -1 for the smallest.
    """

    space: ParameterSpace
    sign: float
    generations: list[pd.DataFrame] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    n_episodes: int = 0
    best: tuple[float, FloatArray] | None = None

    def add(self, generation: int, episodes: GridEpisodes, fitness: FloatArray) -> None:
        """Add a generation's candidates; at least one has a fitness, (n_candidates,)."""
        points = episodes.grid.population.rows()
        row = int(np.nanargmax(fitness))
        if self.best is None or fitness[row] > self.best[0]:
            self.best = float(fitness[row]), points[row]
        columns = dict(zip(self.space.columns, self.space.decode(points).values.T, strict=True))
        for parameter in self.space.parameters:
            if isinstance(parameter, Choice):
                options = np.array(parameter.options, dtype=object)
                columns[parameter.name] = options[columns[parameter.name].astype(np.int64)]
        own = {
            "generation": generation,
            "candidate": np.arange(fitness.size),
            "value": self.sign * fitness,
            "n_failed": (~episodes.ok).sum(axis=1),
        }
        self.generations.append(pd.DataFrame({**own, **columns}))
        self.failures += count_failures(episodes)
        self.n_episodes += episodes.n_evaluated

    def optimum(self, point: FloatArray, held_out: HeldOut) -> Optimum:
        """Give what was found, with the held-out evaluations of the recommended (n_dim,) point."""
        assert self.best is not None, "a search has at least one generation"
        fitness, best_point = self.best
        found = held_out.score
        low, high = sorted((self.sign * found.low, self.sign * found.high))
        return Optimum(
            theta=LearnedTheta(self.space, point),
            value=Interval(self.sign * found.value, low, high, found.n),
            best_theta=LearnedTheta(self.space, best_point),
            best_value=self.sign * fitness,
            history=pd.concat(self.generations, ignore_index=True),
            failures=dict(self.failures + count_failures(held_out.episodes)),
            n_episodes=self.n_episodes + held_out.episodes.n_evaluated,
        )
