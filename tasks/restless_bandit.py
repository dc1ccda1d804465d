"""Bandits whose chances change while they are pulled, slowly in some episodes, quickly in others.

These are the restless bandits of Wang et al. 2016 ("Learning to reinforcement learn", arXiv
1611.05763, section 3.1, after Behrens et al. 2007, Nat. Neurosci. 10:1214): to do well a learner
must track the better arm, and infer from its rewards alone how quickly it has to forget.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.bandit import (
    COUNTS,
    FEEDBACK,
    LEAST_UNIFORM,
    Counts,
    require_expected,
)
from spikeloop.tasks.base import Chooser, Feedback, FloatArray, Interface, References
from spikeloop.tasks.listed_chances import ListedChances
from spikeloop.tasks.program import Arrays, FamilyBatch, TaskProgram
from spikeloop.tasks.settings import Settings

Volatility = Literal["low", "high", "mixed"]
Arms = Literal["dependent", "independent"]

MAX_CHANCES = 2**22
"""Limit for one task, which then takes 32 MiB."""


class RestlessBandit(Settings):
    """The family of Bernoulli bandits whose chances follow random walks.

    Each pull of arm a in step t pays 1 with probability p[t, a], else 0. A chance starts at U[0, 1]
    and takes a step of N(0, volatility²) after every pull, reflected at 0 and 1, so that it is
    U[0, 1] at all times. Of two dependent arms the first one walks and p[t, 1] = 1 − p[t, 0];
    independent arms walk separately with the same volatility. The volatility of an episode is the
    low or the high one, if they are mixed with equal chances; the learner is not given it. Every
    observation is 0.

    Two dependent arms, a Gaussian random walk, 100 pulls, and two unknown volatilities are those of
    Wang et al. 2016. Its text gives neither their sizes nor what happens at 0 and 1: these are our
    choice. A walk forgets its position in about 0.2 / volatility² pulls, which is 500 pulls at the
    low volatility and 20 at the high one.

    With ``feedback = "unrelated"`` a learner gets to know a reward that is drawn with the mean
    chance of all arms whichever arm it pulled, while the return counts the chance of that arm: a
    negative control.
    """

    kind: Literal["restless_bandit"] = "restless_bandit"
    n_arms: int = Field(default=2, ge=2, le=64, description="arms of one bandit")
    n_steps: int = Field(default=100, ge=1, le=100_000, description="pulls of one episode")
    arms: Arms = Field(default="dependent", description="whether two arms share one walk")
    volatility: Volatility = Field(default="mixed", description="which of the two an episode has")
    low_volatility: float = Field(
        default=0.02, gt=0, le=1, description="standard deviation of a step of a slow walk"
    )
    high_volatility: float = Field(
        default=0.1, gt=0, le=1, description="standard deviation of a step of a quick walk"
    )
    counts: Counts = Field(default="drawn", description=COUNTS)
    feedback: Feedback = Field(default="own", description=FEEDBACK)

    @model_validator(mode="after")
    def _has_a_law(self) -> Self:
        require_expected(self.feedback, self.counts)
        if self.arms == "dependent" and self.n_arms != 2:
            raise ValueError(f'n_arms must be 2 where arms is "dependent", got {self.n_arms}')
        if self.low_volatility >= self.high_volatility:
            raise ValueError(
                "low_volatility must be less than high_volatility, got "
                f"{self.low_volatility} and {self.high_volatility}"
            )
        if (n_chances := self.n_arms * self.n_steps) > MAX_CHANCES:
            raise ValueError(
                f"n_arms times n_steps must be at most {MAX_CHANCES}, the chances of a task, got "
                f"{n_chances}"
            )
        return self

    @property
    def interface(self) -> Interface:
        """Return an interface with one observation, one action per arm, and rewards 0 and 1."""
        return Interface(
            n_observations=1,
            n_actions=self.n_arms,
            actions="discrete",
            n_steps=self.n_steps,
            feedback_values=(0.0, 1.0),
            tables=False,
            n_listed=self.n_walks,
        )

    @property
    def n_walks(self) -> int:
        """Return the number of walks, which two dependent arms share."""
        return 1 if self.arms == "dependent" else self.n_arms

    @property
    def volatilities(self) -> tuple[float, ...]:
        """Return the possible standard deviations of a step, which have equal chances."""
        low, high = self.low_volatility, self.high_volatility
        return {"low": (low,), "high": (high,), "mixed": (low, high)}[self.volatility]

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "RestlessTasks":
        """Sample independent bandits with the chances of all steps.

        Larger samples start with the same tasks.
        """
        # Imported here, so that the command line does not wait for it.
        from scipy.special import ndtri

        possible = self.volatilities
        n_walks = self.n_walks
        drawn = rng.random((n_tasks, 1 + self.n_steps * n_walks))  # a row is a task
        volatility = np.array(possible)[(drawn[:, 0] * len(possible)).astype(np.int64)]
        walk = drawn[:, 1:].reshape(n_tasks, self.n_steps, n_walks)
        walk[:, 1:] = ndtri(np.maximum(walk[:, 1:], LEAST_UNIFORM)) * volatility[:, None, None]
        # A free walk that is folded into [0, 1] has the law of one that is reflected at every step.
        folded = walk.cumsum(axis=1) % 2.0
        mean = np.where(folded > 1.0, 2.0 - folded, folded)
        if self.arms == "dependent":
            mean = np.concatenate([mean, 1.0 - mean], axis=2)
        return RestlessTasks(self, mean)


@dataclass(frozen=True)
class RestlessTasks(FamilyBatch[RestlessBandit]):
    """A batch of restless bandits.

    Attributes:
        mean: (n_tasks, n_steps, n_arms) chance that a pull pays, in each step.
    """

    mean: FloatArray

    def references(self) -> References:
        """Return exact expected returns of uniform pulls, and of the best arm of each step.

        As with all bandits, the optimal policy knows the task, its future included, so no learner
        gets a score of 1; the best that can be learned is among the ``baselines``.
        """
        return References(
            random=self.mean.mean(axis=2).sum(axis=1), optimal=self.mean.max(axis=2).sum(axis=1)
        )

    def with_expected_rewards(self) -> Self:
        """Return the same bandits whose returns add expected rewards."""
        return replace(self, family=self.family.model_copy(update={"counts": "expected"}))

    def optimal_policy(self) -> Chooser:
        """Return the policy that pulls the best arm of each step."""
        return lambda step, task, observed: self.mean[task, step].argmax(axis=1)

    def listed_chances(self) -> ListedChances:
        """Return the chances of each step, of two dependent arms those of the first one."""
        family, seen = self.family, self.mean
        if family.feedback == "unrelated":
            seen = np.broadcast_to(seen.mean(axis=2, keepdims=True), seen.shape)
        expected = self.mean if family.counts == "expected" else None
        return ListedChances(self.interface, seen[:, :, : family.n_walks], expected)

    def program(self) -> "RestlessProgram":
        """Return the rules."""
        return RestlessProgram(self.family.counts, self.family.feedback)

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """Estimate (n_tasks,) expected returns of policies that know the family but not the task.

        "UCB1" assumes constant chances. "Rescorla-Wagner" moves an arm's value half the way to each
        reward, the best fixed rate of the paper, and pulls the arm of the larger value. "Thompson"
        and the last policy know how chances walk and infer the volatility: the former draws chances
        from its posterior, the latter takes their means. With dependent arms the latter is the
        "Bayes optimum": a success of one arm has the same meaning as a failure of the other, so
        exploration gains nothing, and no policy has a higher mean return over the family. With
        independent arms it is the "greedy posterior mean", and the optimum is not known.

        All are estimated from episodes with ``rng``; ties are broken at random. With unrelated
        feedback no policy earns more than uniform pulls on average, and that is the only baseline.
        """
        if self.family.feedback == "unrelated":
            return {"Bayes optimum": self.references().random}
        # Scores need no baselines, so that neither the command line nor a worker waits for them.
        from spikeloop.tasks.references import restless_policies as policies
        from spikeloop.tasks.references.bandit_indices import bernoulli_policies
        from spikeloop.tasks.references.simulation import IndexPolicy, Policy, simulated_return

        n_arms, dependent = self.family.n_arms, self.family.arms == "dependent"
        law = (self.family.n_walks, dependent, self.family.volatilities)
        of_name: dict[str, Policy] = {
            "UCB1": IndexPolicy(bernoulli_policies()["UCB1"], n_arms),
            "Rescorla-Wagner": policies.RescorlaWagner(n_arms),
            "Thompson": policies.Thompson(*law),
            "Bayes optimum" if dependent else "greedy posterior mean": policies.Greedy(*law),
        }
        expected = self.with_expected_rewards()
        return {name: simulated_return(expected, policy, rng) for name, policy in of_name.items()}


@dataclass(frozen=True)
class RestlessProgram(TaskProgram):
    """The rules of restless bandits: an arm pays where the random number is below its chance.

    The state has ``task`` and ``done``, (n_episodes,) the pulls so far.

    Attributes:
        counts: what the return is a sum of.
        feedback: what learners get to know.
    """

    counts: Counts = "drawn"
    feedback: Feedback = "own"

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        """Return the state before the first pull."""
        return {"task": task, "done": xp.zeros_like(task)}

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Return what counts of the rewards of the pulled arms, and the feedback."""
        arms, now = arrays["mean"], (state["task"], state["done"])
        mean = arms[*now, actions]
        seen = mean if self.feedback == "own" else arms[now].mean(axis=-1)
        reward = (noise < seen).astype(mean.dtype)
        counted = mean if self.counts == "expected" else reward
        return {**state, "done": state["done"] + 1}, counted, reward
