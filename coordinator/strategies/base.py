"""The interface between the outer loop and a strategy, and how a strategy's state is saved."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population
from spikeloop.workers.space import ParameterSpace

S = TypeVar("S")

Invariance: TypeAlias = Literal["monotone", "affine", "none"]
"""Which increasing maps of fitness change nothing: all, those of the form a f + b, or none."""


@dataclass(frozen=True)
class Evaluation:
    """The result of evaluating a population.

    Attributes:
        fitness: (n_candidates,) to be maximised; nan for a candidate of which no episode succeeded,
            which must carry no weight.
        gradient: (n_candidates, n_dim) to be ascended, for a strategy that ``wants_gradient``, else
            None; nan for a candidate of which no episode succeeded, and not finite where the
            learner's was not.
        returns: (n_candidates,) sum of each candidate's returns, on the same tasks for all; None
            outside runs, and where not all candidates met all tasks.
    """

    fitness: FloatArray
    gradient: FloatArray | None = None
    returns: FloatArray | None = None


class Strategy(Protocol[S]):
    """A search over points. Implementations are frozen settings with a ``kind``.

    Settings, state and randomness are three things: the state is a flat frozen dataclass of arrays
    and numbers and is returned new; generators are arguments. None of the methods changes its
    arguments.
    """

    tunable: ClassVar[ParameterSpace]
    """What a comparison may tune: settings named by their keys (``optimizer.momentum``).

    A ``Choice`` lists values as TOML writes them ("true", "40"), or plain words. Any point of this
    space must give valid settings; its defaults are the settings' own defaults.
    """

    invariance: ClassVar[Invariance]

    # A class that uses gradients also has ``wants_gradient: ClassVar[bool] = True``.

    @property
    def State(self) -> type[S]:
        """The class of states, which stands inside the settings."""
        ...

    @property
    def kind(self) -> str:
        """The name under which configuration files choose the strategy."""
        ...

    def init(
        self, space: ParameterSpace, rng: np.random.Generator, start: FloatArray | None = None
    ) -> S:
        """Make the state before the first generation.

        The search begins at the point ``start``, (n_dim,), or else at the space's default.
        """
        ...

    def ask(self, state: S, rng: np.random.Generator) -> Population:
        """Propose the candidates of the next generation."""
        ...

    def n_candidates(self, state: S) -> int:
        """Number of candidates that ``ask`` gives in this state, whatever its random numbers."""
        ...

    def tell(
        self, state: S, population: Population, evaluation: Evaluation, rng: np.random.Generator
    ) -> S:
        """Give the state after a generation; ValueError if no candidate has a fitness."""
        ...

    def recommend(self, state: S) -> FloatArray:
        """Give the point to deploy, (n_dim,)."""
        ...

    def summary(self, state: S) -> Mapping[str, float]:
        """Give a few numbers on the progress of the search, for tables."""
        ...

    def model_dump(self, *, mode: Literal["json"]) -> Mapping[str, Any]:
        """Give the settings as plain values, as pydantic writes them."""
        ...


def starting_point(space: ParameterSpace, start: FloatArray | None) -> FloatArray:
    """Give the point that a search begins at, (n_dim,): a given one, or the space's default."""
    return space.default_point() if start is None else start


def wants_gradient(strategy: Strategy[Any]) -> bool:
    """Tell whether a strategy uses gradients, as its class says by ``wants_gradient = True``."""
    return bool(getattr(strategy, "wants_gradient", False))


def n_candidates(strategy: Strategy[S], state: S) -> int:
    """Count the candidates of the next generation.

    A user's own strategy may lack the method ``n_candidates``; it is then asked for a population.
    """
    if hasattr(strategy, "n_candidates"):
        return strategy.n_candidates(state)
    return strategy.ask(state, np.random.default_rng(0)).n_candidates


def require_any_fitness(evaluation: Evaluation) -> NDArray[np.bool_]:
    """Tell which candidates have a fitness, (n_candidates,); ValueError if none has."""
    alive: NDArray[np.bool_] = np.isfinite(evaluation.fitness)
    if not alive.any():
        raise ValueError("at least one candidate must have a fitness, all failed")
    return alive


def to_arrays(state: Any) -> dict[str, NDArray[Any]]:
    """Turn a state into named arrays, for ``numpy.savez``."""
    return {field.name: np.asarray(getattr(state, field.name)) for field in fields(state)}


def from_arrays(kind: type[S], arrays: Mapping[str, NDArray[Any]]) -> S:
    """Make a state of its arrays; ValueError if the fields do not match.

    Arrays without dimensions become Python numbers. Fields with a default may be missing, as they
    are in states of earlier versions.
    """
    known = fields(kind)  # type: ignore[arg-type]
    expected = {field.name for field in known}
    needed = {f.name for f in known if f.default is MISSING and f.default_factory is MISSING}
    if not needed <= set(arrays) <= expected:
        raise ValueError(
            f"{kind.__qualname__} has the fields {sorted(expected)}, the file has {sorted(arrays)}"
        )
    return kind(**{name: a.item() if a.ndim == 0 else a for name, a in arrays.items()})
