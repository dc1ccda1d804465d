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
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from spikeloop.coordinator.strategies.ascent import Ascent, on_the_processor, step_of
from spikeloop.coordinator.strategies.base import Evaluation, counted
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Unavailable
from spikeloop.workers.job import Population
from spikeloop.workers.space import Choice, ParameterSpace, Real

Array32 = NDArray[np.float32]


@dataclass(frozen=True)
class BpttState:
    """Where the ascent stands. Its long arrays are float32, in which gradients are computed, too.

    Attributes:
        generation: generations told so far.
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


class Bptt(Settings):
    """Gradient ascent with Adam, for learners that are differentiable.

    A generation evaluates a single point, so its tasks are what a gradient is averaged over: tiles
    of them are differentiated in parallel. The learning rate is in units of the coordinates, which
    are weights over their scale. A gradient that is not finite, in single precision, is left out:
    point and moments stay, and it is counted.
    """

    State: ClassVar[type] = BpttState
    wants_gradient: ClassVar[bool] = True
    invariance: ClassVar[Literal["monotone", "affine", "none"]] = "none"
    tunable: ClassVar[ParameterSpace] = ParameterSpace(
        (
            Real("learning_rate", 0.001, 0.1, 0.01, scale="log"),
            Real("clip_norm", 0.1, 10.0, 1.0, scale="log"),
            Choice("beta2", ("0.9", "0.99", "0.999"), "0.999"),
        )
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

    @property
    def ascent(self) -> Ascent:
        """The settings that the compiled step depends on."""
        return Ascent(**{field.name: getattr(self, field.name) for field in fields(Ascent)})

    def init(self, space: ParameterSpace, start: FloatArray, rng: np.random.Generator) -> BpttState:
        """The point at its start, no moments yet; Unavailable without JAX and optax."""
        del rng
        for package in ("jax", "optax"):  # reading a configuration need not import them
            if importlib.util.find_spec(package) is None:
                raise Unavailable(f"bptt needs {package}: pip install 'spikeloop[lsnn]'")
        point = start.astype(np.float32)
        zeros = np.zeros_like(point)
        return BpttState(
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

    def ask(self, state: BpttState, rng: np.random.Generator) -> Explicit:
        """The point alone."""
        del rng
        return Explicit(state.point[None].astype(np.float64))

    def tell(
        self,
        state: BpttState,
        population: Population,
        evaluation: Evaluation,
        rng: np.random.Generator,
    ) -> BpttState:
        """One step uphill; none on a gradient that is not finite."""
        del population, rng
        counted(evaluation)
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
            stepped = step_of(self.ascent)(
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

    def recommend(self, state: BpttState) -> FloatArray:
        """(n_dim,) the point, or the average over points."""
        return (state.average if self.average else state.point).astype(np.float64)

    def summary(self, state: BpttState) -> Mapping[str, float]:
        """Rate, gradient and step of the last generation, and how many made no step."""
        return {
            "learning_rate": state.learning_rate,
            "gradient_norm": state.gradient_norm,
            "step_norm": state.step_norm,
            "not_finite": float(state.n_not_finite),
        }


def length(vector: Array32) -> float:
    """Euclidean length, in an order of summation that does not depend on the number of threads.

    It is infinite, or nan, where single precision cannot hold the squares.
    """
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.square(vector).sum(dtype=np.float64)))
