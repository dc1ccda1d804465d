"""Quadratic functions of two inputs, learned from targets that arrive one sample late.

Hochreiter, Younger and Conwell 2001 ("Learning to learn using gradient descent", ICANN), with the
values of Maass' talk "Networks of spiking neurons learn to learn": y = a x1² + b x2² + c x1 x2 +
d x1 + e x2 + f, coefficients U[-1, 1], inputs U[-10, 10] in the talk and U[-1, 1] in the paper,
outputs scaled into [0.2, 0.8], and the input of a step is x(t) with the target of x(t - 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from spikeloop.tasks.base import Chooser, FloatArray, IntArray, Interface, References
from spikeloop.tasks.program import Arrays, FamilyBatch, ProgramPlay, TaskProgram
from spikeloop.tasks.references.least_squares import interpolation, regression, running_mean
from spikeloop.tasks.settings import Settings

N_COEFFICIENTS = 6
COEFFICIENT_VARIANCE = 1 / 3
"""Variance of U[-1, 1]."""
TARGET_RANGE = 0.2, 0.8
PRIOR_MEAN = 0.5
"""Expected target before anything of a task is known: coefficients have mean 0."""


class Quadratic(Settings):
    """The family of quadratic functions of two inputs.

    Each step shows two inputs and asks for the function's value there; after the answer the
    learner gets the target. The reward is minus the squared error on the scale of y, before it
    was squeezed into [0.2, 0.8], so −return / n_steps is the usual mean squared error: 0.726 for
    the prior mean if inputs are U[-1, 1].

    Score 0 is the policy that always answers the prior mean: it knows the family and learns
    nothing about the task, which is the natural zero of a prediction. A uniformly random answer
    would err 17.5 times as much and squeeze everything of interest into scores of 0.94 to 1.
    Score 1 is answers without error.
    """

    kind: Literal["quadratic"] = "quadratic"
    input_range: float = Field(
        default=1.0, gt=0, le=1e6, description="inputs lie between minus and plus this"
    )
    n_steps: int = Field(default=100, ge=1, le=100_000, description="samples of one episode")

    @property
    def interface(self) -> Interface:
        """Return an interface with two inputs, one answer, and targets as feedback."""
        return Interface(
            n_observations=2,
            n_actions=1,
            actions="continuous",
            n_steps=self.n_steps,
            observations="continuous",
            observation_range=(-self.input_range, self.input_range),
            action_range=TARGET_RANGE,
            feedback="target",
            feedback_range=TARGET_RANGE,
            tables=False,
            n_latents=N_COEFFICIENTS,
        )

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "QuadraticTasks":
        """Sample functions with their inputs; larger samples start with the same ones."""
        drawn = rng.uniform(-1.0, 1.0, (n_tasks, N_COEFFICIENTS + 2 * self.n_steps))
        inputs = drawn[:, N_COEFFICIENTS:].reshape(n_tasks, self.n_steps, 2)
        return QuadraticTasks(self, drawn[:, :N_COEFFICIENTS].copy(), inputs * self.input_range)


def _basis(inputs: FloatArray) -> FloatArray:
    """Return (..., 6) the terms x1², x2², x1 x2, x1, x2 and 1 of (..., 2) inputs."""
    x1, x2 = inputs[..., 0], inputs[..., 1]
    return np.stack([x1 * x1, x2 * x2, x1 * x2, x1, x2, np.ones_like(x1)], axis=-1)


@dataclass(frozen=True)
class QuadraticTasks(FamilyBatch[Quadratic]):
    """A batch of quadratic functions, each with the samples of an episode.

    Attributes:
        coefficients: (n_tasks, 6) a, b, c, d, e, f, in [-1, 1].
        inputs: (n_tasks, n_steps, 2) x1 and x2, between minus and plus ``input_range``.
    """

    coefficients: FloatArray
    inputs: FloatArray

    @property
    def n_steps(self) -> int:
        """Return the samples of one episode."""
        return int(self.inputs.shape[1])

    @property
    def scale(self) -> float:
        """Return target per y: |y| ≤ 3 r² + 2 r + 1 for input range r becomes at most 0.3."""
        largest = (3 * self.family.input_range + 2) * self.family.input_range + 1
        return (TARGET_RANGE[1] - TARGET_RANGE[0]) / 2 / largest

    def basis(self) -> FloatArray:
        """Return (n_tasks, n_steps, 6) terms by which the coefficients are multiplied."""
        return _basis(self.inputs)

    def values(self) -> FloatArray:
        """Return (n_tasks, n_steps) y, the functions' unscaled values."""
        basis = self.basis()
        # Term by term, so that a task's numbers do not depend on the shape of the batch.
        total = np.zeros(basis.shape[:2])
        for term in range(N_COEFFICIENTS):
            total += self.coefficients[:, None, term] * basis[..., term]
        return total

    def targets(self) -> FloatArray:
        """Return (n_tasks, n_steps) correct answers, in [0.2, 0.8]."""
        return PRIOR_MEAN + self.scale * self.values()

    def difficulty(self) -> FloatArray:
        """Return (n_tasks, n_steps) difficulties in [0, 1], from small inputs to large ones.

        The difficulty is the larger of |x1| and |x2| in units of the input range: near 0 the
        function is its constant, farther out the linear and then the quadratic terms matter.
        ``argsort`` along the last axis is a curriculum from easy to hard.
        """
        larger: FloatArray = np.abs(self.inputs).max(axis=-1)
        return larger / self.family.input_range

    def references(self) -> References:
        """Return exact returns of always answering the prior mean, and of answers without error."""
        return References(random=-(self.values() ** 2).sum(axis=1), optimal=np.zeros(self.n_tasks))

    def random_policy(self) -> Chooser:
        """Return the policy that always answers the prior mean."""
        return lambda step, task, observed: np.full((len(task), 1), PRIOR_MEAN)

    def optimal_policy(self) -> Chooser:
        """Return the policy that knows the function and answers its value."""

        def answer(step: int, task: IntArray, observed: FloatArray) -> FloatArray:
            values = (self.coefficients[task] * _basis(observed)).sum(axis=1)
            return np.asarray(PRIOR_MEAN + self.scale * values)[:, None]

        return answer

    def baseline_errors(self) -> dict[str, FloatArray]:
        """Return (n_tasks, n_steps) squared errors on the scale of y of online predictors.

        "running mean" answers the mean of the targets so far. "linear regression" is Bayesian on
        x1, x2 and 1, with the family's own variances. "Bayes regression" uses all six terms,
        without noise, and is exact from six samples on. Both priors are the Gaussians of the
        coefficients' mean and variance. For a curriculum's errors, put ``inputs`` in its order.
        """
        y, basis = self.values(), self.basis()
        squared = self.family.input_range**2
        # Off x² and x1 x2, the best line takes the mean r² / 3 of each x² into its constant. What
        # remains has variance 4 r⁴ / 45 for each x² and r⁴ / 9 for x1 x2; to a line it is noise.
        constant = 1 + 2 * (squared / 3) ** 2
        noise = (2 * 4 / 45 + 1 / 9) * squared**2
        line = regression(
            basis[..., 3:],
            y,
            COEFFICIENT_VARIANCE * np.array([1.0, 1.0, constant]),
            COEFFICIENT_VARIANCE * noise,
        )
        predictions = {
            "running mean": running_mean(y, first=0.0),
            "linear regression": line,
            "Bayes regression": interpolation(basis, y, np.full(6, COEFFICIENT_VARIANCE)),
        }
        return {name: (prediction - y) ** 2 for name, prediction in predictions.items()}

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """Return (n_tasks,) exact returns of the online predictors; ``rng`` is not used."""
        return {name: -errors.sum(axis=1) for name, errors in self.baseline_errors().items()}

    def program(self) -> "QuadraticProgram":
        """Return the rules."""
        return QuadraticProgram(self.scale)

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """Return ``inputs``, correct answers as ``targets``, and coefficients as ``latents``."""
        return {
            "inputs": self.inputs,
            "targets": self.targets(),
            "latents": self.coefficients,
        }

    def play(self, task: IntArray, order: IntArray | None = None) -> ProgramPlay:
        """Start episodes side by side.

        Args:
            task: (n_episodes,) task of each episode.
            order: (n_episodes, n_steps) permutation in which each episode meets the samples of its
                task; None for the order in which they were drawn.

        Raises:
            ValueError: ``order`` has another shape or is no permutation.
        """
        play = ProgramPlay.begin(self, task)
        if order is not None:
            shape = (len(task), self.n_steps)
            if order.shape != shape or (np.sort(order, axis=1) != np.arange(self.n_steps)).any():
                raise ValueError(
                    f"order must have the shape {shape} and permute range({self.n_steps}) in "
                    f"each row, got the shape {order.shape}"
                )
            play.state = {**play.state, "order": order}
        return play


@dataclass(frozen=True)
class QuadraticProgram(TaskProgram):
    """The rules of quadratic functions.

    The state has ``task`` and ``done``, (n_episodes,) the answers given so far. Episodes that meet
    their samples in another order also have ``order``, (n_episodes, n_steps).

    Attributes:
        scale: target per y.
    """

    scale: float

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        """Return the state before the first sample, in the order in which samples were drawn."""
        return {"task": task, "done": xp.zeros_like(task)}

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        """Return (n_episodes, 2) inputs to answer now, or the last ones after the last sample."""
        now = xp.minimum(state["done"], arrays["inputs"].shape[1] - 1)
        return arrays["inputs"][state["task"], _sample(xp, state, now)]

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Return minus the squared errors of (n_episodes, 1) answers in units of y, and targets.

        Answers beyond [0.2, 0.8] are taken as they are.
        """
        target = arrays["targets"][state["task"], _sample(xp, state, state["done"])]
        reward = -(((actions[:, 0] - target) / self.scale) ** 2)
        return {**state, "done": state["done"] + 1}, reward, target


def _sample(xp: Any, state: Arrays, step: Any) -> Any:
    """Return (n_episodes,) the sample that each episode meets in its given step."""
    if "order" not in state:
        return step
    return xp.take_along_axis(state["order"], step[:, None], axis=1)[:, 0]
