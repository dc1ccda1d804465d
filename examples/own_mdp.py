"""A family of tasks of your own: random MDPs in which most transitions pay nothing."""

from dataclasses import replace

import numpy as np
from pydantic import Field

import spikeloop as sl


class SparseMdp(sl.Settings):
    """Random MDPs in which a share of the transitions pays nothing."""

    unpaid: float = Field(
        default=0.8, ge=0, lt=1, description="share of transitions without reward"
    )
    n_steps: int = Field(default=2000, ge=1, le=100_000, description="decisions of one episode")

    @property
    def kind(self) -> str:
        """Name the family in messages."""
        return "sparse_mdp"

    @property
    def interface(self) -> sl.Interface:
        """Observe and act as in random MDPs."""
        return sl.RandomMdp(n_steps=self.n_steps).interface

    def sample(self, n_tasks: int, rng: np.random.Generator) -> sl.TabularTasks:
        """Draw random MDPs, then which of their transitions pay."""
        tasks = sl.RandomMdp(n_steps=self.n_steps).sample(n_tasks, rng)
        paid = rng.random(tasks.reward.shape) >= self.unpaid
        return replace(tasks, reward=np.where(paid, tasks.reward, 0.0))
