"""Limits of numbers in a configuration, so that what it asks for fits in memory."""

MAX_COUNT = 1_000_000
"""Of generations, tasks and candidates."""
MAX_GRID = 10_000_000
"""Episodes of one grid, points times tasks: with their curves they take 3 GB."""


def refuse_too_many(n_episodes: int, what: str) -> None:
    """ValueError for a grid of more than ``MAX_GRID`` episodes."""
    if n_episodes > MAX_GRID:
        raise ValueError(f"{what} must be at most {MAX_GRID} episodes, got {n_episodes}")


MAX_STORED_DIM = 1024
"""Longer points are not stored per candidate: they follow from the state and the seeds."""
