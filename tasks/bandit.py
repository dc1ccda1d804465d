"""Bandits: one state and several arms; the only thing to learn is which arm pays best.

Families and the 100 pulls of an episode are those of Wang et al. 2016 ("Learning to reinforcement
learn", arXiv 1611.05763) and of the second experiment on the chip (Bohnstingl et al. 2019, Front.
Neurosci. 13:483; repository Neuromorphic_Hardware_learns_to_learn, hardware/mab).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import Chooser, Feedback, FloatArray, IntArray, Interface, References
from spikeloop.tasks.program import Arrays, FamilyBatch, TaskProgram
from spikeloop.tasks.settings import Settings
from spikeloop.tasks.tabular import TabularTasks

Rewards = Literal["bernoulli", "gaussian"]
Arms = Literal["independent", "dependent", "dependent_easy", "dependent_medium", "dependent_hard"]
Counts = Literal["drawn", "expected"]

TWO_POINTS: dict[Arms, float] = {
    "dependent_easy": 0.1,
    "dependent_medium": 0.25,
    "dependent_hard": 0.4,
}
"""Chance of the worse of two arms in families in which only the better arm's number is unknown."""
COUNTS = "whether the return adds the reward that was drawn or its expectation"
FEEDBACK = (
    "whether a learner gets to know the reward of the arm that it pulled, or as a control one that "
    "says nothing of that arm"
)
LEAST_UNIFORM = 2.0**-54
"""Half the least positive number that a generator draws, in place of 0, whose quantile is −∞."""
USUAL = 3.0
"""Half the usual range of a Gaussian reward, in standard deviations."""


def require_expected(feedback: Feedback, counts: Counts) -> None:
    """Raise ValueError for unrelated feedback where the return is a sum of what was drawn."""
    if feedback == "unrelated" and counts != "expected":
        raise ValueError(
            'feedback = "unrelated" needs counts = "expected", because the reward that is drawn is '
            "not of the pulled arm"
        )


class Bandit(Settings):
    """The family of bandits of a given number of arms; the defaults are the chip experiment's.

    Each pull of arm a pays 1 with probability p[a], else 0; with Gaussian rewards it pays
    N(m[a], noise²). Chances of independent arms are U[0, 1], means N(0, mean_spread²). Dependent
    arms are two Bernoulli arms with p[1] = 1 − p[0]: p[0] is U[0, 1], or one of {.1, .9} (easy),
    {.25, .75} (medium), {.4, .6} (hard) with equal chances. Every observation is 0.

    With ``counts = "expected"`` a pull adds its expected reward to the return, as in the fitness of
    the chip experiment, so that the payouts add no noise to it; what the learner gets to
    know is the drawn reward in any case.

    With ``feedback = "unrelated"`` a learner gets to know a reward that is drawn with the mean of
    all arms' expected rewards, whichever arm it pulled, while the return counts the expected reward
    of that arm. Nothing can be learned then: it is a negative control for learners.
    """

    kind: Literal["bandit"] = "bandit"
    n_arms: int = Field(default=2, ge=2, le=1024, description="arms of one bandit")
    n_steps: int = Field(default=100, ge=1, le=1_000_000, description="pulls of one episode")
    rewards: Rewards = Field(default="bernoulli", description="law of one arm's rewards")
    arms: Arms = Field(default="independent", description="law of the arms of one bandit")
    mean_spread: float = Field(
        default=1.0, gt=0, le=1e6, description="standard deviation of the means of Gaussian arms"
    )
    noise: float = Field(
        default=1.0, gt=0, le=1e6, description="standard deviation of rewards of a Gaussian arm"
    )
    counts: Counts = Field(default="drawn", description=COUNTS)
    feedback: Feedback = Field(default="own", description=FEEDBACK)

    @model_validator(mode="after")
    def _has_a_law(self) -> Self:
        require_expected(self.feedback, self.counts)
        if self.arms != "independent" and self.rewards == "gaussian":
            raise ValueError(f'arms of Gaussian rewards must be "independent", got "{self.arms}"')
        if self.arms != "independent" and self.n_arms != 2:
            raise ValueError(f'n_arms must be 2 where arms is "{self.arms}", got {self.n_arms}')
        if self.rewards == "bernoulli" and (self.mean_spread, self.noise) != (1.0, 1.0):
            raise ValueError(
                "mean_spread and noise must be 1, their default, without Gaussian rewards, got "
                f"{self.mean_spread} and {self.noise}"
            )
        return self

    @property
    def interface(self) -> Interface:
        """Return an interface with one observation and one action per arm."""
        plain = Interface(1, self.n_arms, "discrete", self.n_steps)
        if self.rewards == "gaussian":
            usual = USUAL * float(np.hypot(self.mean_spread, self.noise))
            return replace(plain, feedback_range=(-usual, usual), tables=False)
        return replace(
            plain, feedback_values=(0.0, 1.0), n_latents=self.n_arms, tables=True, n_states=2
        )

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "BanditTasks":
        """Sample independent bandits."""
        if self.rewards == "gaussian":
            mean = self.mean_spread * rng.standard_normal((n_tasks, self.n_arms))
        elif self.arms == "independent":
            mean = rng.random((n_tasks, self.n_arms))
        else:
            first = rng.random(n_tasks)
            if (worse := TWO_POINTS.get(self.arms)) is not None:
                first = np.where(first < 0.5, worse, 1.0 - worse)
            mean = np.stack([first, 1.0 - first], axis=1)
        return BanditTasks(self, mean)


@dataclass(frozen=True)
class BanditTasks(FamilyBatch[Bandit]):
    """A batch of bandits.

    Attributes:
        mean: (n_tasks, n_arms) expected reward of a pull; a probability with Bernoulli rewards.
    """

    mean: FloatArray

    def references(self) -> References:
        """Return exact expected returns of uniform pulls, and of always pulling the best arm.

        The optimal policy knows the task, so no learner gets a score of 1: the score is 1 − regret
        / regret of the random policy. The best that can be learned is among the ``baselines``.
        """
        return References(
            random=self.family.n_steps * self.mean.mean(axis=1),
            optimal=self.family.n_steps * self.mean.max(axis=1),
        )

    def optimal_policy(self) -> Chooser:
        """Return the policy that always pulls the best arm."""
        return lambda step, task, observed: self.mean[task].argmax(axis=1)

    def program(self) -> "BanditProgram":
        """Return the rules."""
        noise = self.family.noise if self.family.rewards == "gaussian" else None
        return BanditProgram(noise, self.family.counts, self.family.feedback)

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """Return ``mean``, and the chances as ``latents``, scaled to −1 (never) to 1 (always)."""
        if self.family.rewards == "gaussian":
            return {"mean": self.mean}
        return {"mean": self.mean, "latents": 2 * self.mean - 1}

    def with_expected_rewards(self) -> Self:
        """Return the same bandits whose returns add expected rewards."""
        return replace(self, family=self.family.model_copy(update={"counts": "expected"}))

    def tables(self) -> TabularTasks:
        """Return bandits with Bernoulli rewards as tables of two states, which look the same.

        The last pull leads to state 1 where it paid, else to state 0.
        """
        if self.family.rewards == "gaussian":
            raise ValueError('only bandits with rewards = "bernoulli" can be given as tables')
        # Both states have the same rows: (n_tasks, n_arms, 2, 2).
        shape = (*self.mean.shape, 2, 2)
        own = self.family.feedback == "own"
        seen = self.mean if own else self.mean.mean(axis=1, keepdims=True)
        chance = np.broadcast_to(seen[..., None], shape[:3])
        paid = np.broadcast_to(np.array([0.0, 1.0]), shape)
        expected = np.broadcast_to(self.mean[..., None, None], shape)
        return TabularTasks(
            transition=np.stack([1.0 - chance, chance], axis=-1),
            reward=(expected if self.family.counts == "expected" else paid).copy(),
            start_state=np.zeros(self.n_tasks, dtype=np.int64),
            n_steps=self.family.n_steps,
            observation=(0, 0),
            signal=paid.copy(),
            feedback_values=(0.0, 1.0),
        )

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """Return (n_tasks,) expected returns of policies that start without knowledge of the task.

        "UCB1", "Thompson", "greedy posterior mean" and "Gittins" assume independent arms, whatever
        they are, with the family's own prior; ties are broken at random. With two Bernoulli arms
        and up to 200 pulls their returns are exact, else they are estimated from episodes with
        ``rng``. "Gittins" pulls the arm of the largest finite-horizon Gittins index, of Bernoulli
        arms with up to 200 pulls; it is left out elsewhere.

        "Bayes optimum" has the highest mean return over the family that a policy can have. It is
        exact, and left out where it is not known: for more than two arms, for Gaussian rewards,
        and for two independent arms with more pulls. With unrelated feedback it is the only one,
        and earns what uniform pulls do.
        """
        if self.family.feedback == "unrelated":
            return {"Bayes optimum": self.references().random}
        # Scores need no baselines, so that neither the command line nor a worker waits for them.
        from spikeloop.tasks.references import bandit_exact as exact
        from spikeloop.tasks.references import bandit_indices as indices
        from spikeloop.tasks.references.bandit_optimum import best_choices, majority_return
        from spikeloop.tasks.references.gittins import MAX_STEPS, gittins_policy
        from spikeloop.tasks.references.simulation import IndexPolicy, simulated_return

        family, mean = self.family, self.mean
        n_steps, n_arms = family.n_steps, family.n_arms
        gaussian, independent = family.rewards == "gaussian", family.arms == "independent"
        baselines: dict[str, FloatArray] = {}
        if not gaussian and n_arms == 2 and n_steps <= exact.MAX_STEPS:
            count_policies = exact.count_policies()
            count_policies["Gittins"] = exact.larger(gittins_policy(n_steps))
            if independent:
                count_policies["Bayes optimum"] = best_choices(n_steps)
            for name, choose in count_policies.items():
                baselines[name] = exact.expected_return(choose, mean, n_steps)
        else:
            policies = (
                indices.gaussian_policies(family.mean_spread, family.noise)
                if gaussian
                else indices.bernoulli_policies()
            )
            if not gaussian and n_steps <= MAX_STEPS:
                gittins = gittins_policy(n_steps)
                policies["Gittins"] = lambda total, pulls, step, rng: gittins(total, pulls, step)
            for name, index in policies.items():
                baselines[name] = simulated_return(
                    self.with_expected_rewards(),
                    IndexPolicy(index, n_arms),
                    rng,
                    max_numbers=2**25,
                    max_at_once=None,
                )
        if not independent:
            baselines["Bayes optimum"] = majority_return(mean, n_steps)
        return baselines


@dataclass(frozen=True)
class BanditProgram(TaskProgram):
    """The rules of bandits: rewards by inversion of their distribution function.

    A Bernoulli arm pays where the random number is below its chance. In single precision both are
    rounded: with a probability below 1e-7 a pull then pays otherwise than in double precision.

    Attributes:
        noise: standard deviation of Gaussian rewards; None where they are 0 or 1.
        counts: what the return is a sum of.
        feedback: what learners get to know.
    """

    noise: float | None
    counts: Counts = "drawn"
    feedback: Feedback = "own"

    def to_noise(self, uniform: FloatArray) -> FloatArray:
        """Return Gaussian deviations of rewards from their means, else the uniform numbers."""
        if self.noise is None:
            return uniform
        from scipy.special import ndtri

        deviation: FloatArray = self.noise * ndtri(np.maximum(uniform, LEAST_UNIFORM))
        return deviation

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Return what counts of the rewards of the pulled arms, and the feedback."""
        arms, task = arrays["mean"], state["task"]
        mean = arms[task, actions]
        seen = mean if self.feedback == "own" else arms[task].mean(axis=-1)
        reward = (noise < seen).astype(mean.dtype) if self.noise is None else seen + noise
        return state, mean if self.counts == "expected" else reward, reward
