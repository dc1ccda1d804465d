"""Bandits in which one pull that pays little tells which arm pays much.

This is the 11-armed bandit of Wang et al. 2016 ("Learning to reinforcement learn", arXiv
1611.05763, section 3.1, "Bandits with dependent arms (II)"): to do well a learner must give up
reward for information, which neither Thompson sampling nor UCB does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import Chooser, FloatArray, IntArray, Interface, References
from spikeloop.tasks.program import Arrays, FamilyBatch, TaskProgram
from spikeloop.tasks.settings import Settings

CLUES = 10
"""The informative arm pays the target's number, counted from 1, divided by this."""


class InformativeBandit(Settings):
    """The family of deterministic bandits with one target arm and one informative arm.

    The last arm is the informative one. The target is one of the others, each with the same
    chance; it pays ``target_reward``, the informative arm a tenth of the target's number, counted
    from 1, and every other arm ``other_reward``. Every observation is 0.

    Other arms pay 1 in the text of the paper, whose 1.4 for a first blind pull agrees with that,
    and 1.1 in a re-implementation (ThomasLecat/learning-to-learn-1).
    """

    kind: Literal["informative_bandit"] = "informative_bandit"
    n_arms: int = Field(default=11, ge=3, le=1024, description="arms, the informative one included")
    n_steps: int = Field(default=5, ge=1, le=1_000_000, description="pulls of one episode")
    target_reward: float = Field(default=5.0, gt=0, le=1e6, description="paid by the target")
    other_reward: float = Field(
        default=1.0, ge=0, le=1e6, description="paid by arms that are neither"
    )

    @model_validator(mode="after")
    def _target_is_best(self) -> Self:
        clue = (self.n_arms - 1) / CLUES
        if self.target_reward <= max(self.other_reward, clue):
            raise ValueError(
                f"target_reward must be more than other_reward and than {clue}, the most that the "
                f"informative one of {self.n_arms} arms pays, got {self.target_reward}"
            )
        return self

    @property
    def interface(self) -> Interface:
        """Return an interface with one observation, one action per arm, and few rewards."""
        clues = {number / CLUES for number in range(1, self.n_arms)}
        values = tuple(sorted(clues | {self.target_reward, self.other_reward}))
        return Interface(
            n_observations=1,
            n_actions=self.n_arms,
            actions="discrete",
            n_steps=self.n_steps,
            feedback_range=(values[0], values[-1]),
            feedback_values=values,
            tables=False,
        )

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "InformativeTasks":
        """Sample independent targets; larger samples start with the same ones."""
        target = (rng.random(n_tasks) * (self.n_arms - 1)).astype(np.int64)
        return InformativeTasks(self, target)


@dataclass(frozen=True)
class InformativeTasks(FamilyBatch[InformativeBandit]):
    """A batch of bandits with an informative arm.

    Attributes:
        target: (n_tasks,) the target arm, from 0 to n_arms − 2.
    """

    target: IntArray

    @property
    def clue(self) -> FloatArray:
        """Return (n_tasks,) rewards of the informative arm."""
        return (self.target + 1) / CLUES

    def references(self) -> References:
        """Return exact expected returns of uniform pulls, and of the target pulled from the start.

        As with all bandits, the optimal policy knows the task (its return is 25 with the defaults),
        so no learner gets a score of 1; the best that can be learned is among the ``baselines``.
        """
        family = self.family
        others = (family.n_arms - 2) * family.other_reward
        random = family.n_steps * (family.target_reward + others + self.clue) / family.n_arms
        return References(random, np.full(self.n_tasks, family.n_steps * family.target_reward))

    def optimal_policy(self) -> Chooser:
        """Return the policy that always pulls the target."""
        return lambda step, task, observed: self.target[task]

    def program(self) -> "InformativeProgram":
        """Return the rules."""
        family = self.family
        return InformativeProgram(family.n_arms, family.target_reward, family.other_reward)

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """Return (n_tasks,) exact returns of policies that know the family but not the task.

        "informative arm first" pulls that arm once and then the target. "blind search" pulls other
        arms, each once, in a random order, until it finds the target; that is what Thompson
        sampling with the right prior does. Its return is averaged over orders, so ``rng`` is not
        used.

        "Bayes optimum" has the highest mean return over the family that a policy can have. It is
        the better of the two, with the defaults the first: compared with pulling the informative
        arm now, one more blind pull before it pays the more, the fewer arms are left, so it is best
        to pull the informative arm at once or never.
        """
        family, numbers = self.family, np.arange(self.family.n_arms - 1)
        wrong = np.minimum(numbers, family.n_steps)
        right = family.n_steps - wrong
        # Of a mean over orders every task has the same.
        blind = float((wrong * family.other_reward + right * family.target_reward).mean())
        known = (family.n_steps - 1) * family.target_reward
        baselines = {
            "informative arm first": self.clue + known,
            "blind search": np.full(self.n_tasks, blind),
        }
        asks = (numbers + 1).mean() / CLUES + known > blind
        best = "informative arm first" if asks else "blind search"
        return {**baselines, "Bayes optimum": baselines[best]}


@dataclass(frozen=True)
class InformativeProgram(TaskProgram):
    """The deterministic rules of bandits with an informative arm.

    Attributes:
        n_arms: arms, the informative one included.
        target_reward: paid by the target.
        other_reward: paid by arms that are neither.
    """

    n_arms: int
    target_reward: float
    other_reward: float

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Return the rewards of the pulled arms."""
        target = arrays["target"][state["task"]]
        blind = xp.where(actions == target, self.target_reward, self.other_reward)
        reward = xp.where(actions == self.n_arms - 1, (target + 1) / CLUES, blind)
        return state, reward, reward
