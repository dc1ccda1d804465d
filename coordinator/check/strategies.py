"""What a strategy promises: it is pure, resumable, and minds neither order nor failures."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.check.promises import CannotCheck, Promises, difference
from spikeloop.coordinator.check.reordered import n_groups, reorder
from spikeloop.coordinator.store.atomic_files import read_arrays, write_arrays
from spikeloop.coordinator.strategies.base import (
    Evaluation,
    from_arrays,
    n_candidates,
    to_arrays,
    wants_gradient,
)
from spikeloop.coordinator.strategies.population import MirroredGaussian
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.seeding import Purpose, stream
from spikeloop.workers.space import ParameterSpace

SEED = 5
ROUNDING = 1e-5
"""Relative difference of states that sums in another order may have."""

Maps = Mapping[str, Callable[[FloatArray], FloatArray]]
AFFINE: Maps = {"4 f − 2": lambda f: 4.0 * f - 2.0, "f / 4 + 1": lambda f: 0.25 * f + 1.0}
MONOTONE: Maps = {
    "arctan f": np.arctan,
    "(f + 1)³": lambda f: (f + 1) ** 3,
    "10⁶ f − 3": lambda f: 1e6 * f - 3,
}
MAPS: Mapping[str, Maps] = {"none": {}, "affine": AFFINE, "monotone": {**AFFINE, **MONOTONE}}
"""Increasing maps of fitness that change nothing, by ``Strategy.invariance``."""


@dataclass
class StrategyCase:
    """A strategy that searches a space in which fitness is highest at 0.6 in every coordinate.

    Attributes:
        strategy: a ``Strategy``; a user's own may lack ``n_candidates``.
        space: what it searches.
    """

    strategy: Any
    space: ParameterSpace

    def begin(self) -> Any:
        """Make the state before the first generation."""
        rng = stream(SEED, Purpose.INIT)
        return self.strategy.init(self.space, rng=rng, start=self.space.default_point())

    def ask(self, state: Any, generation: int) -> Population:
        """Ask for the candidates of a generation."""
        population: Population = self.strategy.ask(state, stream(SEED, Purpose.ASK, generation))
        return population

    def evaluate(self, population: Population) -> Evaluation:
        """Smooth fitness, different for every point, and its gradient where it is wanted."""
        points = population.rows()
        fitness = np.asarray(-((points - 0.6) ** 2).sum(axis=1))
        gradient = -2 * (points - 0.6) if wants_gradient(self.strategy) else None
        return Evaluation(fitness, gradient)

    def tell(
        self, state: Any, population: Population, evaluation: Evaluation, generation: int
    ) -> Any:
        """Tell the result of a generation, and return the new state."""
        rng = stream(SEED, Purpose.TELL, generation)
        return self.strategy.tell(state, population, evaluation, rng)

    def advance(self, state: Any, start: int, stop: int) -> Any:
        """Run the generations from ``start`` to before ``stop``."""
        for generation in range(start, stop):
            population = self.ask(state, generation)
            state = self.tell(state, population, self.evaluate(population), generation)
        return state


def states_differ(first: Any, second: Any, rtol: float = 0.0) -> str:
    """Say in which field two states differ, or ""."""
    one, two = to_arrays(first), to_arrays(second)
    for name in one:
        if found := difference(one[name], two[name], rtol):
            return f"{name}: {found}"
    return ""


def shaped(case: StrategyCase) -> Iterator[str]:
    """Populations and the recommended point have the shape of the space."""
    strategy, space, state = case.strategy, case.space, case.begin()
    for generation in range(5):
        point = np.asarray(strategy.recommend(state))
        if point.shape != (space.n_dim,) or not np.isfinite(point).all():
            yield f"recommend must give ({space.n_dim},) finite numbers, got {point.shape}"
            return
        population = case.ask(state, generation)
        n, expected = population.n_candidates, n_candidates(strategy, state)
        rows = population.rows(0, n)
        if n != expected:
            yield f"n_candidates(state) is {expected}, but ask gives {n} candidates"
        if rows.shape != (n, space.n_dim) or not np.isfinite(rows).all():
            yield f"ask must give ({n}, {space.n_dim}) finite numbers, got {rows.shape}"
            return
        if any(difference(population.rows(row, row + 1)[0], rows[row]) for row in range(n)):
            yield "rows(k, k + 1) of a population is not row k of all: a worker builds its own only"
            return
        summary = strategy.summary(state)
        if not all(np.isfinite(value) for value in summary.values()):
            yield f"summary must give finite numbers, got {dict(summary)}"
            return
        state = case.tell(state, population, case.evaluate(population), generation)


def pure(case: StrategyCase) -> Iterator[str]:
    """The same arguments give the same result, and none of them is changed."""
    state = case.advance(case.begin(), 0, 3)
    before = {name: array.copy() for name, array in to_arrays(state).items()}
    population, again = case.ask(state, 3), case.ask(state, 3)
    points = population.rows().copy()
    if found := difference(points, again.rows()):
        yield f"ask gave other candidates the second time ({found}); draw from the `rng` it gets"
        return
    evaluation = case.evaluate(population)
    fitness = evaluation.fitness.copy()
    after = [case.tell(state, population, evaluation, 3) for _ in range(2)]
    if found := states_differ(*after):
        yield f"tell gave another state the second time: {found}"
    for name, array in to_arrays(state).items():
        if found := difference(before[name], array):
            yield f"ask or tell has changed the state that it was given, {name}: {found}"
    if difference(fitness, evaluation.fitness):
        yield "tell has changed the fitness that it was given"
    if difference(points, population.rows()):
        yield "tell has changed the population that it was given"


def unordered(case: StrategyCase) -> Iterator[str]:
    """The order of candidates does not matter."""
    _require_many(case)
    state = case.advance(case.begin(), 0, 2)
    population = case.ask(state, 2)
    evaluation = case.evaluate(population)
    order = list(reversed(range(n_groups(population))))
    after = case.tell(state, population, evaluation, 2)
    shuffled = case.tell(state, *reorder(population, evaluation.fitness, order), 2)
    if found := states_differ(after, shuffled, ROUNDING):
        yield f"the same candidates and fitness in another order give another state: {found}"


def weightless(case: StrategyCase) -> Iterator[str]:
    """A failed candidate carries no weight: the state is as without it, or without its pair."""
    _require_many(case)
    state = case.begin()
    population = case.ask(state, 0)
    evaluation = case.evaluate(population)
    worst, best = int(np.argmin(evaluation.fitness)), int(np.argmax(evaluation.fitness))
    for lost in dict.fromkeys((0, best, worst)):
        fitness = evaluation.fitness.copy()
        fitness[lost] = np.nan
        group = lost // 2 if isinstance(population, MirroredGaussian) else lost
        rest = [other for other in range(n_groups(population)) if other != group]
        if not rest:
            raise CannotCheck("asks for a single candidate")
        after = case.tell(state, population, Evaluation(fitness), 0)
        without = case.tell(state, *reorder(population, fitness, rest), 0)
        if found := states_differ(after, without, ROUNDING):
            yield (
                f"a candidate without fitness (nan) moves the state, compared with a generation "
                f"without it: {found}"
            )
            return


def refusing(case: StrategyCase) -> Iterator[str]:
    """A generation that failed altogether is refused."""
    state = case.begin()
    population = case.ask(state, 0)
    try:
        case.tell(state, population, Evaluation(np.full(population.n_candidates, np.nan)), 0)
    except ValueError:
        return
    yield "tell must raise ValueError where no candidate has a fitness (require_any_fitness)"


def resumable(case: StrategyCase) -> Iterator[str]:
    """A state that was saved and loaded goes on as it would have done."""
    state = case.advance(case.begin(), 0, 3)
    arrays: dict[str, Any] = to_arrays(state)
    if objects := [name for name, array in arrays.items() if array.dtype.hasobject]:
        yield f"State.{objects[0]} is no number and no array of numbers, so it cannot be saved"
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        write_arrays(path, arrays)
        saved, _ = read_arrays(path)
    loaded = from_arrays(case.strategy.State, saved)
    if found := states_differ(case.advance(state, 3, 6), case.advance(loaded, 3, 6)):
        yield f"a saved state goes on otherwise than the one in memory: {found}"


def scaled(case: StrategyCase) -> Iterator[str]:
    """Increasing maps of fitness change nothing, as far as ``invariance`` says."""
    invariance = case.strategy.invariance
    if not MAPS[invariance]:
        raise CannotCheck(f"{case.strategy.kind} has invariance {invariance!r}")
    state = case.begin()
    population = case.ask(state, 0)
    evaluation = case.evaluate(population)
    after = case.tell(state, population, evaluation, 0)
    rtol = 0.0 if invariance == "monotone" else 1e-9  # a f + b rounds
    for name, increasing in MAPS[invariance].items():
        mapped = Evaluation(increasing(evaluation.fitness), evaluation.gradient)
        if found := states_differ(after, case.tell(state, population, mapped, 0), rtol):
            yield f"fitness f and {name} lead to other states, in spite of {invariance=}: {found}"
            return


STRATEGY_PROMISES: Promises[StrategyCase] = {
    "populations and recommended points fit the space": shaped,
    "ask and tell are pure": pure,
    "the order of candidates does not matter": unordered,
    "a failed candidate carries no weight": weightless,
    "a generation that failed altogether is refused": refusing,
    "a saved state goes on identically": resumable,
    "the scale of fitness does not matter, as invariance says": scaled,
}


def _require_many(case: StrategyCase) -> None:
    """Raise CannotCheck for a strategy that follows gradients, of a single candidate."""
    if wants_gradient(case.strategy):
        raise CannotCheck(f"{case.strategy.kind} follows the gradient of its candidates")
