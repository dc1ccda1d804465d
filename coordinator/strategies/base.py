"""The joint between the outer loop and a strategy, and how a strategy's state is saved."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.space import ParameterSpace

S = TypeVar("S")


@dataclass(frozen=True)
class Evaluation:
    """What a population came to.

    Attributes:
        fitness: (n_candidates,) to be maximised; nan for a candidate of which no episode succeeded,
            which must carry no weight.
        gradient: (n_candidates, n_dim) to be ascended, for a strategy that ``wants_gradient``, else
            None; nan for a candidate of which no episode succeeded, and not finite where the
            learner's was not.
    """

    fitness: FloatArray
    gradient: FloatArray | None = None


class Strategy(Protocol[S]):
    """A search over points. Implementations are frozen settings with a ``kind``.

    Settings, state and randomness are three things: the state is a flat frozen dataclass of arrays
    and numbers and is returned new; generators are arguments. None of the methods changes its
    arguments.
    """

    State: ClassVar[type]
    tunable: ClassVar[ParameterSpace]
    """What a comparison may tune: settings named by their keys (``optimizer.momentum``).

    A ``Choice`` lists values as TOML writes them ("true", "40"), or plain words. Any point of this
    space must give valid settings; its defaults are the settings' own defaults.
    """

    invariance: ClassVar[Literal["monotone", "affine", "none"]]
    """Which increasing maps of fitness change nothing: all, those of the form a f + b, or none."""

    # A class that goes by gradients also has ``wants_gradient: ClassVar[bool] = True``.

    @property
    def kind(self) -> str:
        """The name under which configuration files choose the strategy."""
        ...

    def init(self, space: ParameterSpace, start: FloatArray, rng: np.random.Generator) -> S:
        """The state before the first generation of a search that begins at the point ``start``."""
        ...

    def ask(self, state: S, rng: np.random.Generator) -> Population:
        """The candidates of the next generation."""
        ...

    def tell(
        self, state: S, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> S:
        """The state after a generation; ValueError if no candidate has a fitness."""
        ...

    def recommend(self, state: S) -> FloatArray:
        """(n_dim,) the point to deploy."""
        ...

    def summary(self, state: S) -> Mapping[str, float]:
        """A few numbers that show how the search stands, for tables and progress."""
        ...

    def model_dump(self, *, mode: Literal["json"]) -> Mapping[str, Any]:
        """The settings as plain values, as pydantic writes them."""
        ...


def wants_gradient(strategy: Strategy[Any]) -> bool:
    """Whether a strategy goes by gradients, as its class says by ``wants_gradient = True``."""
    return bool(getattr(strategy, "wants_gradient", False))


def counted(evaluation: Evaluation) -> NDArray[np.bool_]:
    """(n_candidates,) which candidates have a fitness; ValueError if none has."""
    alive: NDArray[np.bool_] = np.isfinite(evaluation.fitness)
    if not alive.any():
        raise ValueError("at least one candidate must have a fitness, all failed")
    return alive


def to_arrays(state: Any) -> dict[str, NDArray[Any]]:
    """A state as named arrays, for ``numpy.savez``."""
    return {field.name: np.asarray(getattr(state, field.name)) for field in fields(state)}


def from_arrays(kind: type[S], arrays: Mapping[str, NDArray[Any]]) -> S:
    """The state back from its arrays; ValueError if the fields do not match.

    Arrays without dimension become Python numbers again.
    """
    expected = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if expected != set(arrays):
        raise ValueError(
            f"{kind.__name__} has the fields {sorted(expected)}, the file has {sorted(arrays)}"
        )
    return kind(**{name: a.item() if a.ndim == 0 else a for name, a in arrays.items()})
