"""Types of numbers in a configuration, with limits so that what it asks for fits in memory."""

from typing import Annotated

from pydantic import Field

MAX_COUNT = 1_000_000
"""Of generations, tasks and candidates."""
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
TwoOrMore = Annotated[int, Field(ge=2, le=MAX_COUNT)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Share = Annotated[float, Field(ge=0, le=1)]

MAX_GRID = 10_000_000
"""Episodes of one grid, points times tasks: with their curves they take 3 GB."""


def refuse_too_many(n_episodes: int, what: str) -> None:
    """ValueError for a grid of more than ``MAX_GRID`` episodes."""
    if n_episodes > MAX_GRID:
        raise ValueError(f"{what} must be at most {MAX_GRID} episodes, got {n_episodes}")


MAX_STORED_DIM = 1024
"""Longer points are not stored per candidate: they follow from the state and the seeds."""
