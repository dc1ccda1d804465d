"""A search on the chip's plasticity processor, one generation after the other.

The processor proposes candidates, makes their tasks, and moves x by their fitness, all in 32-bit
integers (``workers.chip.ppu.search``). Here these integers are computed one generation at a time,
so that a run writes, resumes and shows the search like any other, and workers share the emulation
of its episodes. What the host chooses is written before the search: settings, the first point, and
one 32-bit seed; tasks come from words of that seed, not from random numbers of the run.

The fitness of a candidate is the sum of its returns, which the processor adds up in whole numbers.
Outside runs there are no returns, and the rank of a fitness takes its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.strategies.base import (
    Evaluation,
    Invariance,
    require_any_fitness,
    starting_point,
)
from spikeloop.coordinator.strategies.population import Explicit, own_slots
from spikeloop.tasks.base import FloatArray, IntArray, TaskBatch, TaskFamily
from spikeloop.workers.chip.limits import REWARD_ONE_Q7
from spikeloop.workers.chip.ppu.coordinates import PER_UNIT, coordinates_of, points_of
from spikeloop.workers.chip.ppu.search_memory import (
    MAX_FITNESS,
    NOISE_DEVIATION,
    SearchMemory,
)
from spikeloop.workers.chip.ppu.search_settings import SearchSettings
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace


@dataclass(frozen=True)
class WordTasks:
    """The tasks of a generation, which the processor makes from words.

    Attributes:
        run: seed of the search, a word.
        generation: from 0.
    """

    run: int
    generation: int

    def draw(self, family: TaskFamily, n_tasks: int) -> TaskBatch:
        """Return the tasks."""
        from spikeloop.workers.chip.ppu.task_maker import task_words, tasks_from_words

        return tasks_from_words(family, *task_words(self.run, self.generation, n_tasks))


class OnChip(SearchSettings):
    """The search of the chip's plasticity processor, in 32-bit integers.

    It is for the learner ``chip`` with a program whose constants the processor can compute, and for
    random MDPs and Bernoulli bandits, whose tasks it can make.
    """

    @dataclass(frozen=True)
    class State:
        """State of the search.

        Attributes:
            generation: number of generations evaluated so far.
            run: seed of the search, a word.
            x: (n_dim,) coordinates in [0, 65535], the point to deploy.
            momentum: (n_dim,) m of evolution, 0 elsewhere.
            rates: (2,) σ in 256 / 147.8 coordinates, and α or the temperature.
            bounded: (n_dim,) which coordinates have bounds.
            trace: (2,) sum and largest of the last generation's fitness in Q7, which the processor
                keeps of every generation.
        """

        generation: int
        run: int
        x: IntArray
        momentum: IntArray
        rates: IntArray
        bounded: NDArray[np.bool_]
        trace: IntArray

        @property
        def memory(self) -> SearchMemory:
            """Return what the processor keeps of it."""
            return SearchMemory(self.x, self.momentum, self.rates)

    invariance: ClassVar[Invariance] = "monotone"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "population_size": Choice(("8", "16", "32", "64"), "32"),
            "sigma": Real(0.05, 0.28, 0.15, scale="log"),
            "learning_rate": Real(0.05, 0.8, 0.2, scale="log"),
        }
    )
    portable: ClassVar[bool] = True  # the same bits on every processor

    kind: Literal["on_chip"] = "on_chip"

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put x at the start, rounded to a coordinate, and draw the seed."""
        bounded = space.bounded()
        x = coordinates_of(starting_point(space, start), bounded)
        run = int(rng.integers(1 << 32))
        return self.State(0, run, *self.memory(x), bounded, trace=np.zeros(2, dtype=np.int64))

    def n_candidates(self, state: State) -> int:
        """Number of candidates of the next generation."""
        return self.candidates

    def ask(self, state: State, rng: np.random.Generator) -> Explicit:
        """Propose what the processor would evaluate, on tasks of its words."""
        from spikeloop.workers.chip.ppu.search import candidates

        x = candidates(self.constants(), state.run, state.generation, state.memory)
        return Explicit(
            points_of(x, state.bounded),
            np.arange(len(x)),
            WordTasks(state.run, state.generation),
        )

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Move x as the processor does."""
        from spikeloop.workers.chip.ppu.search import after

        _, slots = own_slots(population, self.kind)
        fitness = self._words(slots, evaluation)
        memory = after(self.constants(), state.run, state.generation, state.memory, fitness)
        return replace(
            state,
            generation=state.generation + 1,
            x=memory.x_u16,
            momentum=memory.m_i32,
            rates=memory.rates_u16,
            trace=np.array([fitness.sum(), fitness.max()]),
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the point of x, (n_dim,)."""
        return points_of(state.x, state.bounded)

    def summary(self, state: State) -> Mapping[str, float]:
        """Give the width of the search, the second rate, and what the processor records."""
        sigma, rate = (float(rate) for rate in state.rates)
        return {
            "sigma": sigma * NOISE_DEVIATION / 256 / PER_UNIT,
            "rate": rate,
            "recorded_sum": float(state.trace[0]),
            "recorded_best": float(state.trace[1]),
        }

    def _words(self, slots: NDArray[np.int64], evaluation: Evaluation) -> IntArray:
        """Return the processor's (n_candidates,) fitness, with what is lost made indifferent.

        A candidate without fitness, which only the emulation can lose, counts as much as the other
        one of its pair, so that the pair has no weight; beside x itself it is not taken.
        """
        alive = require_any_fitness(evaluation)
        words = np.full(self.candidates, -1)
        if evaluation.returns is not None:
            words[slots[alive]] = np.rint(evaluation.returns[alive] * REWARD_ONE_Q7)
        elif self.algorithm in ("evolution", "one_plus_one"):
            words[slots[alive]] = np.unique(evaluation.fitness[alive], return_inverse=True)[1]
        else:
            raise ValueError(f"{self.algorithm} needs returns, which a run on a chip has")
        pairs = words.reshape(-1, 2)
        lost = pairs < 0
        if self.algorithm in ("evolution", "spsa"):
            other = np.maximum(pairs[:, ::-1], 0)
        else:
            other = np.array([[MAX_FITNESS - 1, 0]])
            lost = np.broadcast_to(lost.any(axis=1, keepdims=True), lost.shape)
        return np.where(lost, other, pairs).ravel()
