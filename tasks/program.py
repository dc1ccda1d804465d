"""Playing tasks as pure functions of arrays: once for NumPy and for libraries that trace arrays.

A learner that is one compiled program needs its environment inside it. So that there is no second
truth, the rules of a family are written once, as a ``Program`` over an array library ``xp``:
episodes under way in NumPy (``ProgramPlay``) run it with ``numpy``, a compiled learner traces it
with ``jax.numpy``. Programs use what both have: no assignment into arrays, no Python control flow
that depends on their values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray

Arrays = Mapping[str, Any]
"""Arrays by name, of NumPy or of the library that traces."""


class Program(Protocol):
    """The rules of a batch of tasks. Implementations are frozen dataclasses of plain values.

    Two batches with equal programs and arrays of equal shapes are played by the same compiled code,
    so a program holds what the code depends on, such as the kind of rewards, and nothing else.
    """

    def __hash__(self) -> int:
        """Of the plain values."""
        ...

    def to_noise(self, uniform: FloatArray) -> FloatArray:
        """What a step needs of its uniform random numbers in [0, 1), elementwise, in NumPy.

        Here belongs what array libraries compute differently, such as quantiles.
        """
        ...

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        """The state of episodes that begin.

        Args:
            xp: the array library.
            arrays: of the batch, first axis n_tasks.
            task: (n_episodes,) which task of the batch each episode is for.

        Returns:
            Arrays whose first axis is n_episodes. The task belongs to it, if it is needed.
        """
        ...

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        """(n_episodes,) index of what each sees now, or (n_episodes, n_observations) vector."""
        ...

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Lets every episode take one step.

        Args:
            xp: the array library.
            arrays: of the batch.
            state: of the episodes.
            actions: (n_episodes,) indices, or (n_episodes, n_actions) vectors.
            noise: (n_episodes,) one number each of what ``to_noise`` gives.

        Returns:
            The state after it with the same keys, shapes and types, (n_episodes,) rewards, and
            (n_episodes,) what each learner is told.
        """
        ...


@runtime_checkable
class Programmed(Protocol):
    """A batch of tasks whose rules are a program."""

    def program(self) -> Program:
        """The rules."""
        ...

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """The drawn problems: float64 or int64, first axis n_tasks.

        Where the interface names ``n_latents``, one of them is ``latents``, (n_tasks, n_latents)
        in [-1, 1]: numbers that define each task. The rules need not use them.
        """
        ...


@dataclass
class ProgramPlay:
    """Episodes under way, side by side, in NumPy: a ``Play``.

    Attributes:
        program: the rules.
        arrays: of the batch.
        state: of the episodes.
    """

    program: Program
    arrays: Arrays
    state: Arrays

    @classmethod
    def begin(cls, tasks: Programmed, task: IntArray) -> "ProgramPlay":
        """Episodes that begin; ``task`` says which one of the batch each is for."""
        program, arrays = tasks.program(), tasks.arrays()
        return cls(program, arrays, program.start(np, arrays, task))

    def observe(self) -> Any:
        """(n_episodes,) index of what each sees now, or (n_episodes, n_observations) vector."""
        return self.program.observe(np, self.arrays, self.state)

    def step(
        self, actions: IntArray | FloatArray, uniforms: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Lets every episode take one step; gives (n_episodes,) rewards and what each is told."""
        prepared = self.program.to_noise(uniforms)
        self.state, reward, feedback = self.program.step(
            np, self.arrays, self.state, actions, prepared
        )
        return reward, feedback
