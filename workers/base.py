"""The interface between a learner and everything that runs it."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from spikeloop.tasks.base import FloatArray, Interface, SeedArray, TaskBatch
from spikeloop.workers.space import Parameters, ParameterSpace

N_CURVE_BINS = 40
"""Points of an inner-loop learning curve: 50 steps each in an episode of 2000."""


@dataclass(frozen=True)
class Episodes:
    """The results of candidates' episodes on tasks.

    Attributes:
        returns: (n_candidates, n_tasks) sum of rewards of each episode; nan where the episode
            failed.
        curve: (n_candidates, n_tasks, n_bins) mean reward per step in consecutive parts of an
            episode.
        n_simulated_steps: interactions simulated, over all episodes.
        gradient: (n_candidates, n_dim) from ``Differentiable.differentiate``, else None.
        action_values: (n_candidates, n_tasks, n_states, n_actions) the learner's estimates of the
            actions' values at the end of an episode; None where a learner has no such thing. They
            order the actions of a state; their size is the learner's own.
    """

    returns: FloatArray
    curve: FloatArray
    n_simulated_steps: int
    gradient: FloatArray | None = None
    action_values: FloatArray | None = None


class Unavailable(RuntimeError):
    """The learner needs a package or compiler that is not installed here.

    Its message is one line: what is missing and how to get it.
    """


class Package(NamedTuple):
    """A package of an optional extra.

    Attributes:
        module: the name that it is imported by.
        title: the name that messages give it.
        extra: of Spikeloop, with which it is installed.
    """

    module: str
    title: str
    extra: str


class Learner(Protocol):
    """An inner-loop model. Implementations are frozen settings with a ``kind``.

    A learner with a time of its own may have a property ``interaction_s``: seconds of chip time or
    biological time that an interaction stands for, which metrics report. One that needs packages of
    an optional extra names them in ``packages: ClassVar[tuple[Package, ...]]``, so that a missing
    one is found before workers are started.
    """

    @property
    def kind(self) -> str:
        """The name under which configuration files choose the learner."""

    def space(self, interface: Interface) -> ParameterSpace:
        """Return the hyperparameters Θ for a family.

        Raises:
            ValueError: the learner cannot run there.
            Unavailable: it needs something that is not installed here; so may ``run_episodes``.
        """

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Let every candidate run once on every task with Θ fixed.

        An episode's numbers depend on its own parameters, task and seed only, never on the other
        episodes of the call, and nothing outlives the call.

        Args:
            parameters: physical values of n_candidates candidates.
            tasks: n_tasks tasks.
            seeds: (n_candidates, n_tasks) seeds of the episodes' own randomness.
        """

    def model_dump(self, *, mode: Literal["json"]) -> Mapping[str, Any]:
        """Return the settings as plain values, as pydantic writes them."""


@runtime_checkable
class ChecksTasks(Learner, Protocol):
    """A learner whose requirements on tasks go beyond their interface."""

    def check_tasks(self, tasks: TaskBatch) -> None:
        """Raise ValueError, one line, for tasks that it cannot run in."""


@runtime_checkable
class ChecksHeldOut(Learner, Protocol):
    """A learner that cannot have every setting in held-out episodes."""

    def check_held_out(self, held_out: Any) -> None:
        """Raise ValueError, one line, for a learner that held-out episodes must not have."""


@runtime_checkable
class HasBonus(Learner, Protocol):
    """A learner whose returns in a search may contain more than rewards."""

    def without_bonus(self) -> Learner:
        """Return the learner whose returns are rewards alone, as held-out episodes have it."""


@runtime_checkable
class Differentiable(Learner, Protocol):
    """A learner that can compute gradients with respect to its point."""

    def differentiate(
        self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray, progress: float
    ) -> Episodes:
        """Run episodes like ``run_episodes``, and return ``Episodes.gradient`` besides.

        That is, per candidate, the gradient of the training objective with respect to the point, to
        be ascended: a mean over the episodes of the call. The objective may be a surrogate of the
        return and contain more, such as regularisation; ``progress`` is the share of the search
        that is done, in [0, 1), for what is annealed.
        """


def require_packages(learner: Learner) -> None:
    """Raise Unavailable if a package that a learner names is not installed here.

    Nothing is imported.
    """
    packages: tuple[Package, ...] = getattr(learner, "packages", ())
    for module, title, extra in packages:
        if importlib.util.find_spec(module) is None:
            raise Unavailable(f"{learner.kind} needs {title}: pip install 'spikeloop[{extra}]'")
