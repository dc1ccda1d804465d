"""Gradient ascent with Adam on the gradient that a differentiable learner gives.

The outer loop of networks trained by backpropagation through time: a generation evaluates one
point, on many tasks, and gets the gradient of what the learner is trained by. With its mean g over
all episodes, rate α_t of generation t and bounded coordinates kept in [0, 1], a step is

    g ← g · min(1, c / |g|)                                                               (1)
    m ← β₁ m + (1 − β₁) g,    v ← β₂ v + (1 − β₂) g²                                       (2)
    x ← x + α_t (m̂ / (√v̂ + ε) − λ x)                                                      (3)

with m̂ = m / (1 − β₁ᵏ), v̂ = v / (1 − β₂ᵏ) after k steps: clipping by the global norm (Pascanu,
Mikolov, Bengio 2013), Adam (Kingma, Ba 2015, Algorithm 1) and decoupled weight decay (Loshchilov,
Hutter 2019), all by the library ``optax``. With a decay δ of ``average`` what is recommended is

    x̄ ← x̄ + (1 − δ) / (1 − δᵏ) (x − x̄)                                                     (4)

which is the exponential moving average of the points, its bias towards the start corrected.
"""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from spikeloop.coordinator.strategies.base import (
    Evaluation,
    Invariance,
    require_any_fitness,
    starting_point,
)
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Unavailable
from spikeloop.workers.job import Population
from spikeloop.workers.parameter_types import Choice, Real
from spikeloop.workers.space import ParameterSpace
from spikeloop.workers.xla import jax, precision

Array32 = NDArray[np.float32]


class Bptt(Settings):
    """Gradient ascent with Adam, for learners that are differentiable.

    A generation evaluates a single point, so its tasks are what a gradient is averaged over: tiles
    of them are differentiated in parallel. The learning rate is in units of the coordinates, which
    are weights over their scale. A gradient that is not finite, in single precision, is left out:
    point and moments stay, and it is counted.
    """

    @dataclass(frozen=True)
    class State:
        """State of the ascent. Its long arrays are float32, as gradients are.

        Attributes:
            generation: number of generations evaluated so far.
            point: (n_dim,) x.
            first: (n_dim,) m, the first moment of the gradient.
            second: (n_dim,) v, its second moment.
            average: (n_dim,) x̄; (0,) where nothing is averaged.
            bounded: (n_bounded,) int32, which coordinates have bounds.
            n_steps: k, generations that made a step.
            n_not_finite: generations that made none, because their gradient was not finite.
            learning_rate: α of the last generation; 0 where it made no step.
            gradient_norm: |g| of the last generation before clipping; nan where it is not finite.
            step_norm: Euclidean length of the last generation's step.
        """

        generation: int
        point: Array32
        first: Array32
        second: Array32
        average: Array32
        bounded: NDArray[np.int32]
        n_steps: int
        n_not_finite: int
        learning_rate: float
        gradient_norm: float
        step_norm: float

    wants_gradient: ClassVar[bool] = True
    invariance: ClassVar[Invariance] = "none"
    tunable: ClassVar[ParameterSpace] = ParameterSpace.of(
        {
            "learning_rate": Real(0.001, 0.1, 0.01, scale="log"),
            "clip_norm": Real(0.1, 10.0, 1.0, scale="log"),
            "beta2": Choice(("0.9", "0.99", "0.999"), "0.999"),
        }
    )

    kind: Literal["bptt"] = "bptt"
    learning_rate: float = Field(
        default=0.01, gt=0, description="α, about the length of a step per coordinate"
    )
    schedule: Literal["constant", "cosine", "exponential"] = Field(
        default="constant", description="how the learning rate falls after the warm-up"
    )
    warmup_generations: int = Field(
        default=0, ge=0, description="generations in which the rate rises, linearly"
    )
    decay_generations: int = Field(
        default=0, ge=0, description="generations after the warm-up in which the rate falls"
    )
    final_share: float = Field(
        default=0.1, ge=0, le=1, description="share of the rate that is left when it has fallen"
    )
    beta1: float = Field(default=0.9, ge=0, lt=1, description="β₁, decay of the first moment")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="β₂, decay of the second moment")
    epsilon: float = Field(default=1e-8, gt=0, description="ε, keeps the division finite")
    clip_norm: float = Field(
        default=1.0, ge=0, description="c, length to which a longer gradient is cut; 0 never cuts"
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="λ, pull of weights towards 0, per unit of learning rate"
    )
    average: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="δ, decay of the average over points that is recommended; 0 takes the last one",
    )

    @model_validator(mode="after")
    def _an_end(self) -> Self:
        if self.schedule != "constant" and not self.decay_generations:
            raise ValueError(
                f"decay_generations must be at least 1 where schedule is {self.schedule!r}, got 0"
            )
        if self.schedule == "exponential" and not self.final_share:
            raise ValueError("final_share must be above 0 where schedule is 'exponential', got 0")
        return self

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> State:
        """Put the point at the start, without moments; Unavailable without JAX and optax."""
        for package in ("jax", "optax"):  # reading a configuration need not import them
            if importlib.util.find_spec(package) is None:
                raise Unavailable(f"bptt needs {package}: pip install 'spikeloop[lsnn]'")
        point = starting_point(space, start).astype(np.float32)
        zeros = np.zeros_like(point)
        return self.State(
            generation=0,
            point=point,
            first=zeros,
            second=zeros,
            average=point if self.average else point[:0],
            bounded=np.flatnonzero(space.bounded()).astype(np.int32),
            n_steps=0,
            n_not_finite=0,
            learning_rate=0.0,
            gradient_norm=0.0,
            step_norm=0.0,
        )

    def ask(self, state: State, rng: np.random.Generator) -> Explicit:
        """Propose the point alone."""
        return Explicit(state.point[None].astype(np.float64))

    def n_candidates(self, state: State) -> int:
        """Number of candidates of the next generation."""
        return 1

    def tell(
        self, state: State, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> State:
        """Take one step uphill; none for a gradient that is not finite."""
        require_any_fitness(evaluation)
        if evaluation.gradient is None:
            raise TypeError("bptt needs the gradient of fitness, from a differentiable learner")

        with np.errstate(over="ignore"):
            gradient = evaluation.gradient[0].astype(np.float32)
        norm, generation = length(gradient), state.generation + 1
        if not np.isfinite(norm):
            return replace(
                state,
                generation=generation,
                n_not_finite=state.n_not_finite + 1,
                learning_rate=0.0,
                gradient_norm=float("nan"),
                step_norm=0.0,
            )
        k = state.n_steps + 1
        with on_the_processor():
            stepped = step_of(self)(
                state.point,
                state.first,
                state.second,
                state.average,
                state.bounded,
                gradient=gradient,
                cut=np.float32(self.clip_norm / norm if 0 < self.clip_norm < norm else 1.0),
                share=np.float32((1 - self.average) / (1 - self.average**k)),
                generation=np.int32(state.generation),
                n_steps=np.int32(state.n_steps),
            )
        rate = float(stepped.pop("learning_rate"))
        arrays: dict[str, Any] = {name: np.asarray(array) for name, array in stepped.items()}
        return replace(
            state,
            generation=generation,
            n_steps=k,
            learning_rate=rate,
            gradient_norm=norm,
            step_norm=length(arrays["point"] - state.point),
            **arrays,
        )

    def recommend(self, state: State) -> FloatArray:
        """Give the point, or the average over points, (n_dim,)."""
        return (state.average if self.average else state.point).astype(np.float64)

    def summary(self, state: State) -> Mapping[str, float]:
        """Give rate, gradient and step of the last generation, and how many made no step."""
        return {
            "learning_rate": state.learning_rate,
            "gradient_norm": state.gradient_norm,
            "step_norm": state.step_norm,
            "not_finite": float(state.n_not_finite),
        }


@contextmanager
def on_the_processor() -> Iterator[None]:
    """Run programs in single precision and on no graphics card.

    So a run has the same bits whether the coordinator's machine has one or not.
    """
    module = jax("bptt")
    with precision("float32"), module.default_device(module.devices("cpu")[0]):
        yield


@lru_cache(maxsize=16)
def step_of(settings: "Bptt") -> Callable[..., dict[str, Any]]:
    """Compile equations (1) to (4) as a program, once for all generations.

    It takes the state's arrays in their order, the gradient, the factors ``cut`` of (1) and
    ``share`` of (4), and the counts before the step; it gives the new arrays and the rate, by the
    names of the state's fields. All is elementwise: sums, such as that of
    ``optax.clip_by_global_norm``, would depend on the number of threads.
    """
    module = jax("bptt")
    import optax

    rate_of = schedule(settings)

    def step(
        point: Any,
        first: Any,
        second: Any,
        average: Any,
        bounded: Any,
        *,
        gradient: Any,
        cut: Any,
        share: Any,
        generation: Any,
        n_steps: Any,
    ) -> dict[str, Any]:
        rate = rate_of(generation)
        ascent = optax.chain(
            optax.scale(cut),  # (1)
            optax.scale_by_adam(settings.beta1, settings.beta2, settings.epsilon),  # (2)
            optax.add_decayed_weights(-settings.weight_decay),
            optax.scale(rate),
        )
        tree = optax.tree_utils
        moments = tree.tree_set(ascent.init(point), count=n_steps, mu=first, nu=second)
        weights = point.at[bounded].set(0.0)  # bounded coordinates do not decay
        update, moments = ascent.update(gradient, moments, weights)
        there = point + update  # (3)
        there = there.at[bounded].set(module.numpy.clip(there[bounded], 0.0, 1.0))
        return {
            "point": there,
            "first": tree.tree_get(moments, "mu"),
            "second": tree.tree_get(moments, "nu"),
            "average": average + share * (there - average) if settings.average else average,  # (4)
            "learning_rate": rate,
        }

    compiled: Callable[..., dict[str, Any]] = module.jit(step)
    return compiled


def schedule(settings: "Bptt") -> Callable[[Any], Any]:
    """Make the learning rate as a function of the generation, counted from 0.

    In the warm-up it rises by equal parts, beginning with one part; then it falls to its final
    share and stays there.
    """
    import optax

    rate, n_down, share = settings.learning_rate, settings.decay_generations, settings.final_share
    fall: Callable[[Any], Any] = {
        "constant": lambda: optax.constant_schedule(rate),
        "cosine": lambda: optax.cosine_decay_schedule(rate, n_down, share),
        "exponential": lambda: optax.exponential_decay(rate, n_down, share, end_value=rate * share),
    }[settings.schedule]()
    if n_up := settings.warmup_generations:
        rise = optax.linear_schedule(rate / (n_up + 1), rate, n_up)
        fall = optax.join_schedules([rise, fall], [n_up])
    return fall


def length(vector: Array32) -> float:
    """Compute the Euclidean length, independently of the number of threads.

    It is infinite, or nan, where single precision cannot hold the squares.
    """
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.square(vector).sum(dtype=np.float64)))
