"""Tasks as pure functions of arrays, written once for NumPy and for libraries that trace arrays.

A learner that is one compiled program needs its environment inside it. The rules of a family are
therefore written once, as a ``TaskProgram`` over an array library ``xp``: episodes in NumPy
(``ProgramPlay``) run it with ``numpy``, a compiled learner traces it with ``jax.numpy``. Programs
use only what both libraries have: no assignment into arrays, and no Python control flow that
depends on their values.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Interface, TaskFamily

Arrays = Mapping[str, Any]
"""Arrays by name, of NumPy or of a library that traces."""

F = TypeVar("F", bound=TaskFamily)


class TaskProgram(Protocol):
    """The rules of a batch of tasks. Implementations are frozen dataclasses of plain values.

    Two batches with equal programs and arrays of equal shapes are played by the same compiled code,
    so a program holds what the code depends on, such as the kind of rewards, and nothing else.

    Written out here is what a program does that inherits from this class and says nothing else.
    """

    def __hash__(self) -> int:
        """Return a hash of the plain values, as frozen dataclasses do."""
        return hash(type(self))

    def to_noise(self, uniform: FloatArray) -> FloatArray:
        """Transform uniform random numbers in [0, 1) into what a step needs, elementwise, in NumPy.

        Here belongs what array libraries compute differently, such as quantiles.
        """
        return uniform

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        """Return the state of new episodes: arrays with first axis n_episodes.

        Args:
            xp: the array library.
            arrays: of the batch, first axis n_tasks.
            task: (n_episodes,) task of each episode; part of the state if later steps need it.
        """
        return {"task": task}

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        """Return (n_episodes,) indices of observations, or (n_episodes, n_observations) vectors."""
        return xp.zeros_like(state["task"])

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Advance every episode by one step.

        Args:
            xp: the array library.
            arrays: of the batch.
            state: of the episodes.
            actions: (n_episodes,) indices, or (n_episodes, n_actions) vectors.
            noise: (n_episodes,) what the method ``to_noise`` gives.

        Returns:
            The next state with the same keys, shapes and types, (n_episodes,) rewards, and
            (n_episodes,) feedback to the learners.
        """
        ...


@runtime_checkable
class ProgrammedTasks(Protocol):
    """A batch of tasks whose rules are a program."""

    def program(self) -> TaskProgram:
        """Return the rules."""
        ...

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """Return the sampled tasks as float64 or int64 arrays with first axis n_tasks.

        Where the interface names ``n_latents``, one of them is ``latents``, (n_tasks, n_latents)
        in [-1, 1]: numbers that define each task. The rules need not use them.
        """
        ...


@dataclass
class ProgramPlay:
    """Episodes in progress, side by side, in NumPy: a ``Play``."""

    program: TaskProgram
    arrays: Arrays
    state: Arrays

    @classmethod
    def begin(cls, tasks: ProgrammedTasks, task: IntArray) -> "ProgramPlay":
        """Start episodes; ``task`` (n_episodes,) is the task of each."""
        program, arrays = tasks.program(), tasks.arrays()
        return cls(program, arrays, program.start(np, arrays, task))

    def observe(self) -> Any:
        """Return (n_episodes,) indices of observations, or (n_episodes, n_observations) vectors."""
        return self.program.observe(np, self.arrays, self.state)

    def step(
        self, actions: IntArray | FloatArray, uniforms: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Advance every episode by one step; return (n_episodes,) rewards and feedback."""
        prepared = self.program.to_noise(uniforms)
        self.state, reward, feedback = self.program.step(
            np, self.arrays, self.state, actions, prepared
        )
        return reward, feedback


@dataclass(frozen=True)
class ProgramBatch(ABC):
    """Base of batches: arrays among the fields have n_tasks rows, all else is shared."""

    @property
    def n_tasks(self) -> int:
        """Return the number of tasks."""
        return len(next(iter(self._rows().values())))

    def __getitem__(self, tasks: slice) -> Self:
        """Return the tasks of a slice as a batch."""
        return replace(self, **{name: rows[tasks] for name, rows in self._rows().items()})

    @abstractmethod
    def program(self) -> TaskProgram:
        """Return the rules."""

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """Return the sampled tasks, see ``ProgrammedTasks``: the arrays among the fields."""
        return self._rows()

    def play(self, task: IntArray) -> ProgramPlay:
        """Start episodes side by side; ``task`` (n_episodes,) is the task of each."""
        return ProgramPlay.begin(self, task)

    def _rows(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


@dataclass(frozen=True)
class FamilyBatch(ProgramBatch, Generic[F]):
    """Base of batches that need no more than arrays and the settings of their family.

    Attributes:
        family: the settings that the tasks were drawn with.
    """

    family: F

    @property
    def interface(self) -> Interface:
        """Return the interface of the family."""
        return self.family.interface
