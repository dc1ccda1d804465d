"""Families, a learner and strategies as users write them, each with one fault to be found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from spikeloop.coordinator.strategies.base import Evaluation, require_any_fitness
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.bandit import Bandit, BanditTasks
from spikeloop.tasks.base import (
    Chooser,
    FloatArray,
    IntArray,
    Interface,
    References,
    SeedArray,
    TaskBatch,
)
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.space import Parameters, ParameterSpace

BANDIT = Bandit(n_steps=40)
OWN_GENERATOR = np.random.default_rng(0)

FamilyFault = Literal["none", "halved", "halved, unknown policy", "generator", "slice", "feedback"]


@dataclass(frozen=True)
class Batch:
    """Bandits around those of the package."""

    inner: BanditTasks
    fault: FamilyFault

    @property
    def n_tasks(self) -> int:
        return self.inner.n_tasks

    @property
    def interface(self) -> Interface:
        return self.inner.interface

    def __getitem__(self, tasks: slice) -> "Batch":
        if self.fault == "slice" and tasks.start:
            tasks = slice(tasks.start - 1, tasks.stop and tasks.stop - 1)
        return Batch(self.inner[tasks], self.fault)

    def references(self) -> References:
        exact = self.inner.references()
        if "halved" in self.fault:
            return References(exact.random / 2, exact.optimal / 2)
        return exact

    def play(self, task: IntArray) -> Any:
        play = self.inner.play(task)
        if self.fault == "feedback":
            honest = play.step
            play.step = lambda actions, uniforms: (  # type: ignore[method-assign]
                reward := honest(actions, uniforms)[0],
                2 * reward,
            )
        return play


class KnownBatch(Batch):
    """The same with the policy behind its optimal reference."""

    def optimal_policy(self) -> Chooser:
        return self.inner.optimal_policy()


class Bandits(Settings):
    """Two arms, with one fault."""

    kind: Literal["bandits"] = "bandits"
    fault: FamilyFault = "none"

    @property
    def interface(self) -> Interface:
        return BANDIT.interface

    def sample(self, n_tasks: int, rng: np.random.Generator) -> TaskBatch:
        inner = BANDIT.sample(n_tasks, OWN_GENERATOR if self.fault == "generator" else rng)
        known = KnownBatch if "unknown" not in self.fault else Batch
        return known(inner, self.fault)


LearnerFault = Literal["none", "neighbours", "global", "writes", "curve", "raises"]


class Guesser(Settings):
    """Pulls arm 1 with probability p, whatever it gets, with one fault."""

    kind: Literal["guesser"] = "guesser"
    fault: LearnerFault = "none"

    def space(self, interface: Interface) -> ParameterSpace:
        del interface
        return ParameterSpace.of({"p": Real(0.0, 1.0)})

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        n_steps, returns = tasks.interface.n_steps, np.zeros(seeds.shape)
        for (candidate, task), seed in np.ndenumerate(seeds):
            if self.fault == "raises" and task:
                raise ArithmeticError("no second task")
            rng = np.random.default_rng(seeds[0, 0] + task if self.fault == "neighbours" else seed)
            if self.fault == "global":
                rng = OWN_GENERATOR
            play = tasks.play(np.array([task]))
            for _ in range(n_steps):
                action = (rng.random(1) < parameters["p"][candidate]).astype(np.int64)
                returns[candidate, task] += play.step(action, rng.random(1))[0][0]
        if self.fault == "writes":
            np.add(parameters.values, 1e-3, out=parameters.values)
        curve = returns[..., None] / n_steps
        if self.fault == "curve":
            curve = returns[..., None].copy()
        return Episodes(returns, curve, n_steps * seeds.size)


StrategyFault = Literal["none", "mutates", "order", "nan", "generator", "object"]


class Climber(Settings):
    """Moves to the best candidate of a few around it, with one fault."""

    @dataclass(frozen=True)
    class State:
        """Where it stands, and whether something is kept that cannot be saved."""

        point: FloatArray
        extra: Any = 0

    tunable: ClassVar[ParameterSpace] = ParameterSpace(())
    invariance: ClassVar[Literal["monotone"]] = "monotone"

    kind: Literal["climber"] = "climber"
    population_size: int = Field(default=6, ge=1, description="candidates")
    fault: StrategyFault = "none"

    def init(self, space: ParameterSpace, start: FloatArray, rng: np.random.Generator) -> State:
        del space, rng
        return self.State(start.copy(), {"notes": 1} if self.fault == "object" else 0)

    def ask(self, state: State, rng: np.random.Generator) -> Population:
        rng = OWN_GENERATOR if self.fault == "generator" else rng
        noise = rng.standard_normal((self.population_size, state.point.size))
        return Explicit(state.point + 0.1 * noise)

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        del rng
        alive = require_any_fitness(evaluation)
        points = population.rows(0, population.n_candidates)
        best = int(np.nanargmax(evaluation.fitness))
        if self.fault == "nan":  # as argmax does, which takes the failed candidate
            best = int(np.argmax(evaluation.fitness))
        if self.fault == "order":
            best = int(np.flatnonzero(alive)[0])
        if self.fault == "mutates":
            state.point[:] = points[best]
            return state
        return self.State(points[best], state.extra)

    def recommend(self, state: State) -> FloatArray:
        return state.point

    def summary(self, state: State) -> Mapping[str, float]:
        return {"first": float(state.point[0])}
