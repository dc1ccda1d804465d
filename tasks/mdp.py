"""Random Markov decision processes, sampled as in the published chip experiment.

The generator is ``rand`` of pymdptoolbox, used by Bohnstingl et al. 2019 (Front. Neurosci. 13:483;
repository Neuromorphic_Hardware_learns_to_learn): for each action and state a threshold r ~ U[0, 1]
is drawn, and a successor is allowed if its own U[0, 1] draw exceeds r, so the branching factor
varies from row to row; one successor is forced where none is allowed. Allowed successors get
U[0, 1] masses, normalised to 1, and rewards U[-1, 1], which the hardware experiment maps to [0, 1].
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import Feedback, FloatArray, IntArray, Interface
from spikeloop.tasks.settings import Settings
from spikeloop.tasks.tabular import TabularTasks

MAX_ENTRIES = 2**24
"""Limit for one table of one task, which then takes 128 MiB."""

IMAGINED_REWARDS = 2.0
DISCOUNT, BONUS = 0.9, 0.1
"""Numbers of the baselines that learn: the best of 0 to 4 imagined rewards, and of discounts
of 0.5 to 0.95 and bonuses of 0.05 to 0.4, on MDPs of the default size that no table shows."""

BANDIT_EPISODES = 4
"""Episodes per task of the bandit per state; they differ little beside the tasks."""

MAX_NUMBERS = 2**31
"""Limit of what one baseline that learns computes, in entries of models: about ten seconds."""

NUMBERS_PER_STEP, NUMBERS_PER_EPISODE = 10_000, 100
"""What a step takes whatever the size, and what each episode adds to it, in such entries."""


class RandomMdp(Settings):
    """The family of random MDPs of a given size; the defaults are those of the chip experiment.

    An episode starts in state 0 and takes ``n_steps`` transitions without a reset. The reward
    depends on action, state and successor. Rewards of forbidden successors are 0.5 and never paid.

    With ``feedback = "unrelated"`` a learner gets to know the rewards of another MDP with the same
    transitions, while the return counts its own. Whatever it learns, its own rewards are
    independent of its actions, so that it earns what the uniform policy does, on average over MDPs:
    it is a negative control for learners.
    """

    kind: Literal["random_mdp"] = "random_mdp"
    portable: ClassVar[bool] = True  # the same bits on every processor
    n_states: int = Field(default=6, ge=2, le=1024, description="states of one MDP")
    n_actions: int = Field(default=8, ge=2, le=1024, description="actions in every state")
    n_steps: int = Field(default=2000, ge=1, le=1_000_000, description="steps of one episode")
    feedback: Feedback = Field(
        default="own",
        description="whether a learner gets to know the rewards of its MDP, or as a control those "
        "of another MDP with the same transitions",
    )

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        if (n_entries := self.n_actions * self.n_states**2) > MAX_ENTRIES:
            raise ValueError(
                f"n_actions times n_states squared must be at most {MAX_ENTRIES}, the entries of "
                f"a task's table, got {n_entries}"
            )
        return self

    @property
    def interface(self) -> Interface:
        """Return an interface with discrete states and actions; expected rewards are latents."""
        n_latents = self.n_states * self.n_actions
        return Interface(
            self.n_states, self.n_actions, "discrete", self.n_steps, n_latents=n_latents
        )

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "RandomMdpTasks":
        """Sample independent MDPs, which have the same rewards with either feedback."""
        shape = (n_tasks, self.n_actions, self.n_states, self.n_states)
        allowed = rng.random(shape) > rng.random(shape[:-1])[..., None]
        forced = rng.integers(self.n_states, size=shape[:-1])
        none_allowed = ~allowed.any(axis=-1)
        allowed[none_allowed, forced[none_allowed]] = True

        mass = np.where(allowed, rng.random(shape), 0.0)
        rewards = [
            (np.where(allowed, rng.uniform(-1.0, 1.0, shape), 0.0) + 1.0) / 2.0
            for _ in range(1 if self.feedback == "own" else 2)
        ]
        return RandomMdpTasks(
            transition=mass / mass.sum(axis=-1, keepdims=True),
            reward=rewards[0],
            start_state=np.zeros(n_tasks, dtype=np.int64),
            n_steps=self.n_steps,
            signal=None if self.feedback == "own" else rewards[1],
        )


@dataclass(frozen=True)
class RandomMdpTasks(TabularTasks):
    """A batch of random MDPs."""

    @property
    def interface(self) -> Interface:
        """Return that of the family."""
        return replace(super().interface, n_latents=self.n_states * self.n_actions)

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """Return the tables, and expected rewards in [−1, 1] by state and action as ``latents``."""
        expected = self.expected_reward().transpose(0, 2, 1)
        latents = expected.reshape(self.n_tasks, self.n_states * self.n_actions)
        return {**super().arrays(), "latents": 2.0 * latents - 1.0}

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """Return (n_tasks,) expected returns of policies that no outer loop has made.

        "myopic, knows task" knows rewards and transitions and takes what pays most at once; exact.
        The others begin without knowledge of the task, and their returns are estimated from
        episodes with ``rng``: "bandit per state" takes the action whose rewards in the state were
        largest on average, "model with bonus" estimates rewards and transitions and plans with
        them. Each of these two is left out where it would take too long.
        """
        # Scores need no baselines, so that neither the command line nor a worker waits for them.
        from spikeloop.tasks.references.finite_horizon import myopic_return
        from spikeloop.tasks.references.mdp_policies import (
            ModelWithBonus,
            SampleAverages,
            learned_return,
        )

        sizes, expected = (self.n_states, self.n_actions), self.expected_reward()
        baselines = {
            "myopic, knows task": myopic_return(
                self.transition, expected, self.start_state, self.n_steps
            )
        }
        if self._affordable(self.n_tasks * BANDIT_EPISODES):
            bandits = SampleAverages(self.n_tasks * BANDIT_EPISODES, *sizes, IMAGINED_REWARDS)
            baselines["bandit per state"] = learned_return(
                self.play, expected, self.n_steps, bandits, BANDIT_EPISODES, rng
            )
        if self._affordable(self.n_tasks, self.transition.size):
            models = ModelWithBonus(self.n_tasks, *sizes, DISCOUNT, BONUS)
            baselines["model with bonus"] = learned_return(
                self.play, expected, self.n_steps, models, 1, rng
            )
        return baselines

    def _affordable(self, n_episodes: int, n_entries: int = 0) -> bool:
        per_step = NUMBERS_PER_STEP + NUMBERS_PER_EPISODE * n_episodes + n_entries
        return self.n_steps * per_step <= MAX_NUMBERS
