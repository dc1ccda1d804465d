"""What a learner promises: an episode depends on its own parameters, task and seed only."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.check.promises import CannotCheck, Promises, difference
from spikeloop.tasks.base import SeedArray, TaskBatch, TaskFamily
from spikeloop.workers.base import Differentiable, Episodes, Learner
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.space import Parameters

N_CANDIDATES, N_TASKS = 3, 4
PARTS = (
    ("an episode in the middle alone", slice(1, 2), slice(N_TASKS - 1, N_TASKS)),
    ("an episode of the last candidate alone", slice(N_CANDIDATES - 1, None), slice(1, 2)),
    ("a tile of the last tasks", slice(None), slice(1, None)),
    ("the tile with its candidates in reverse order", slice(None, None, -1), slice(None)),
)
"""Candidates and tasks that are run apart from the others."""


@dataclass
class LearnerCase:
    """A learner and the arguments of its ``run_episodes``."""

    learner: Learner
    parameters: Parameters
    tasks: TaskBatch
    seeds: SeedArray

    @classmethod
    def draw(cls, learner: Learner, family: TaskFamily) -> "LearnerCase":
        """Draw three candidates of the initial law, four tasks, and a seed for each episode."""
        rng = np.random.default_rng(3)
        space = learner.space(family.interface)
        parameters = space.decode(space.sample(N_CANDIDATES, rng))
        tasks = family.sample(N_TASKS, rng)
        seeds = rng.integers(0, 2**64, (N_CANDIDATES, N_TASKS), dtype=np.uint64)
        return cls(learner, parameters, tasks, seeds)

    @cached_property
    def episodes(self) -> Episodes:
        """The episodes, run once."""
        return self.run_episodes()

    def run_episodes(self) -> Episodes:
        """Run the episodes anew."""
        return self.learner.run_episodes(self.parameters, self.tasks, self.seeds)

    def part(self, candidates: slice, tasks: slice) -> "LearnerCase":
        """Some of the candidates on some of the tasks; reversed candidates have a step of −1."""
        rows = self.parameters.rows(candidates)
        return LearnerCase(self.learner, rows, self.tasks[tasks], self.seeds[candidates, tasks])

    @property
    def inputs(self) -> dict[str, NDArray[Any]]:
        """The arrays that the learner gets."""
        batch = {k: v for k, v in vars(self.tasks).items() if isinstance(v, np.ndarray)}
        return {"parameters": self.parameters.values, "seeds": self.seeds, **batch}


def shaped(case: LearnerCase) -> Iterator[str]:
    """Returns and curves have the stated shapes and finite values."""
    episodes, shape = case.episodes, case.seeds.shape
    returns, curve = np.asarray(episodes.returns), np.asarray(episodes.curve)
    if returns.shape != shape or curve.ndim != 3 or curve.shape[:2] != shape:
        yield (
            f"run_episodes must give returns {shape} and a curve {(*shape, 'n_bins')}, got "
            f"{returns.shape} and {curve.shape}"
        )
        return
    if {returns.dtype, curve.dtype} != {np.dtype(np.float64)}:
        yield f"returns and curve must be float64, got {returns.dtype} and {curve.dtype}"
    failed = ~(np.isfinite(returns) & np.isfinite(curve).all(axis=2))
    if failed.any():
        yield f"{int(failed.sum())} of {failed.size} episodes have returns or curves not finite"
    interface, values = case.tasks.interface, episodes.action_values
    if values is not None:
        wanted = (*shape, interface.n_observations, interface.n_actions)
        if values.shape != wanted:
            yield f"action_values must have the shape {wanted}, got {values.shape}"
        elif not np.isfinite(values).all():
            yield "action_values are not finite"


def counted(case: LearnerCase) -> Iterator[str]:
    """The number of simulated steps is that of all episodes, or larger where they hold others."""
    least = case.seeds.size * case.tasks.interface.n_steps
    if case.episodes.n_simulated_steps < least:
        yield (
            f"n_simulated_steps must be at least {least}, the steps of {case.seeds.size} episodes, "
            f"got {case.episodes.n_simulated_steps}"
        )


def spread(case: LearnerCase) -> Iterator[str]:
    """The curve is the return spread over consecutive parts of an episode."""
    curve, returns = case.episodes.curve, case.episodes.returns
    n_bins, n_steps = curve.shape[2], case.tasks.interface.n_steps
    lengths = np.bincount(np.arange(n_steps) * n_bins // n_steps, minlength=n_bins)
    if found := difference(curve @ lengths, returns, 1e-9):
        yield (
            "the mean rewards of curve, times the steps of each of its parts, do not sum to "
            f"returns: {found}"
        )


def repeated(case: LearnerCase) -> Iterator[str]:
    """The same seeds give the same numbers."""
    first, again = case.episodes, case.run_episodes()
    for name in ("returns", "curve"):
        if found := difference(getattr(first, name), getattr(again, name)):
            yield (
                f"the same call gave other {name} the second time ({found}); draw all random "
                "numbers from generators that are made from `seeds`"
            )
            return


def independent(case: LearnerCase) -> Iterator[str]:
    """An episode depends on its own parameters, task and seed only: not on neighbours or tiles."""
    for name, candidates, tasks in PARTS:
        episodes = case.part(candidates, tasks).run_episodes()
        for array in ("returns", "curve"):
            whole = getattr(case.episodes, array)[candidates, tasks]
            if found := difference(getattr(episodes, array), whole):
                yield (
                    f"{name} gives other {array} than within the whole tile ({found}): an episode "
                    "may depend on its own parameters, task and seed only"
                )
                return


def unwritten(case: LearnerCase) -> Iterator[str]:
    """Parameters, tasks and seeds are not written to."""
    before = {name: array.copy() for name, array in case.inputs.items()}
    case.run_episodes()
    for name, array in case.inputs.items():
        if found := difference(before[name], array):
            yield f"run_episodes has written into {name}: {found}"


def centred(case: LearnerCase) -> Iterator[str]:
    """The space is always the same, and its default point has the default values."""
    space = case.parameters.space
    if case.learner.space(case.tasks.interface) != space:
        yield "space() gave another space the second time"
        return
    values = space.decode(space.default_point()[None])
    for parameter in space.parameters:
        if isinstance(parameter, Weights):
            continue
        default: Any = parameter.default
        if isinstance(default, str):
            default = parameter.options.index(default)  # type: ignore[union-attr]
        if not np.isclose(values[parameter.name][0], default, rtol=1e-9):
            yield (
                f"the default of {parameter.name} is {default:.6g} and comes out as "
                f"{values[parameter.name][0]:.6g}"
            )


def differentiated(case: LearnerCase) -> Iterator[str]:
    """Gradients have the stated shape, and the same seeds give the same ones."""
    learner = case.learner
    if not isinstance(learner, Differentiable):
        raise CannotCheck(f"{learner.kind} gives no gradients")
    gradients = [
        learner.differentiate(case.parameters, case.tasks, case.seeds, 0.5).gradient
        for _ in range(2)
    ]
    first, again = gradients
    wanted = case.parameters.values.shape
    if first is None or first.shape != wanted:
        given = None if first is None else first.shape
        yield f"differentiate must give gradients of the shape {wanted}, got {given}"
    elif found := difference(first, again):
        yield f"the same call gave other gradients the second time: {found}"


LEARNER_PROMISES: Promises[LearnerCase] = {
    "the space is the same whenever it is asked, with its defaults": centred,
    "returns and curves have the stated shapes and finite values": shaped,
    "simulated steps are counted": counted,
    "the curve is the return spread over the episode": spread,
    "the same seeds give the same numbers": repeated,
    "an episode depends on its own parameters, task and seed only": independent,
    "parameters, tasks and seeds are not written to": unwritten,
    "gradients are those of the same seeds": differentiated,
}
