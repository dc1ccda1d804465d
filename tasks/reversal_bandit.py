"""Two-armed bandits whose better arm changes, at once and without notice.

Reversal learning is the classic test of behavioural flexibility (for models of it see Izquierdo et
al. 2017, Neuroscience 345:12). A learner has to find the better arm, and to notice from its rewards
alone when it has become the worse one. The chances, 0.8 and 0.2, and the hazards are our choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.bandit import COUNTS, FEEDBACK, Counts, require_expected
from spikeloop.tasks.base import Feedback, FloatArray, Interface
from spikeloop.tasks.settings import Settings
from spikeloop.tasks.tabular import TabularTasks

N_STATES = 4
"""States of the tables: twice the number of the better arm, plus 1 if the last pull paid."""

RATE = 0.2
"""Learning rate of two baselines."""


class ReversalBandit(Settings):
    """The family of two Bernoulli arms that swap their chances now and then.

    The better arm pays 1 with probability ``better``, the other with 1 − ``better``. After every
    pull they swap with the hazard of the episode, which is 0 or ``hazard`` with equal chances if
    ``volatility`` is mixed. The learner knows neither the hazard nor the better arm. Every
    observation is 0.

    The swaps are drawn within an episode, not with its task: the task is the hazard and the arm
    that is better at first.

    With ``feedback = "unrelated"`` a learner gets to know a reward that is drawn with a chance of
    one half whichever arm it pulled, while the return counts the expected reward of that arm: a
    negative control.
    """

    kind: Literal["reversal_bandit"] = "reversal_bandit"
    n_steps: int = Field(default=100, ge=1, le=1_000_000, description="pulls of one episode")
    better: float = Field(
        default=0.8, gt=0.5, le=1, description="chance that the better arm pays; else 1 minus it"
    )
    hazard: float = Field(
        default=0.06, gt=0, le=0.5, description="chance after a pull that the arms swap"
    )
    volatility: Literal["mixed", "stable", "volatile"] = Field(
        default="mixed", description="whether an episode has the hazard, or none, or either"
    )
    counts: Counts = Field(default="drawn", description=COUNTS)
    feedback: Feedback = Field(default="own", description=FEEDBACK)

    @model_validator(mode="after")
    def _has_hazards(self) -> Self:
        require_expected(self.feedback, self.counts)
        if self.volatility == "stable" and self.hazard != type(self).model_fields["hazard"].default:
            raise ValueError(
                f'hazard is not used where volatility is "stable", leave it out, got {self.hazard}'
            )
        return self

    @property
    def hazards(self) -> tuple[float, ...]:
        """Return the possible hazards of an episode, which have equal chances."""
        return {"mixed": (0.0, self.hazard), "stable": (0.0,), "volatile": (self.hazard,)}[
            self.volatility
        ]

    @property
    def interface(self) -> Interface:
        """Return an interface with one observation, two actions, and rewards 0 and 1."""
        return Interface(
            1, 2, "discrete", self.n_steps, feedback_values=(0.0, 1.0), n_states=N_STATES
        )

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "ReversalTasks":
        """Sample independent bandits; larger samples start with the same ones."""
        drawn = rng.random((n_tasks, 2))
        hazards = self.hazards
        hazard = np.array(hazards)[(drawn[:, 0] * len(hazards)).astype(np.int64)]
        first = (drawn[:, 1] < 0.5).astype(np.int64)

        # Axes: task, arm, better arm before, last paid, better arm after, paid.
        arm, before, _, after, paid = np.ogrid[:2, :2, :2, :2, :2]
        chance = np.where(arm == before, self.better, 1.0 - self.better)
        pays = 0.5 if self.feedback == "unrelated" else np.where(paid == 1, chance, 1.0 - chance)
        swaps = np.where(before != after, hazard[:, None, None, None, None, None], 0.0)
        stays = np.where(before == after, 1.0 - hazard[:, None, None, None, None, None], 0.0)
        shape = (n_tasks, 2, N_STATES, N_STATES)
        full = (n_tasks, 2, 2, 2, 2, 2)

        def table(values: FloatArray) -> FloatArray:
            return np.broadcast_to(values, full).reshape(shape).astype(np.float64)

        signal = table(paid)
        return ReversalTasks(
            transition=table((swaps + stays) * pays),
            reward=table(chance) if self.counts == "expected" else signal,
            start_state=2 * first,
            n_steps=self.n_steps,
            observation=(0,) * N_STATES,
            signal=signal,
            feedback_values=(0.0, 1.0),
            family=self,
        )


@dataclass(frozen=True)
class ReversalTasks(TabularTasks):
    """A batch of reversal bandits.

    The random reference earns half of what a pull pays in all, whatever the better arm is; the
    optimal policy of the references knows the better arm before every pull, which no learner does,
    so none gets a score of 1.

    Attributes:
        family: the settings that the tasks were drawn with.
    """

    family: ReversalBandit = field(default_factory=ReversalBandit)

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """Estimate (n_tasks,) expected returns of policies that know the family but not the task.

        "UCB1" assumes constant chances. "Rescorla-Wagner" moves the value of the pulled arm by a
        fifth of the way to each reward, "fictive" that of the other arm towards 1 minus it as well:
        the best fixed rate of both, of 0.1 to 0.7, on tasks that no table shows. "Bayes
        optimum" infers the better arm and the hazard and pulls the arm that is more probably the
        better one: a success of one arm means the same as a failure of the other, so exploration
        gains nothing, and no policy has a higher mean return over the family.

        All are estimated from episodes with ``rng``; ties are broken at random. With unrelated
        feedback no policy earns more than uniform pulls, and that is the only baseline.
        """
        if self.family.feedback == "unrelated":
            return {"Bayes optimum": self.references().random}
        # Scores need no baselines, so that neither the command line nor a worker waits for them.
        from spikeloop.tasks.references.bandit_indices import bernoulli_policies
        from spikeloop.tasks.references.restless_policies import RescorlaWagner
        from spikeloop.tasks.references.reversal_policies import ReversalFilter
        from spikeloop.tasks.references.simulation import IndexPolicy, Policy, simulated_return

        of_name: dict[str, Policy] = {
            "UCB1": IndexPolicy(bernoulli_policies()["UCB1"], 2),
            "Rescorla-Wagner": RescorlaWagner(2, RATE),
            "fictive": RescorlaWagner(2, RATE, fictive=True),
            "Bayes optimum": ReversalFilter(self.family.better, self.family.hazards),
        }
        expected = self.with_expected_rewards()
        return {
            name: simulated_return(expected, policy, rng, max_numbers=2**25)
            for name, policy in of_name.items()
        }

    def with_expected_rewards(self) -> Self:
        """Return the same bandits whose returns add expected rewards."""
        if self.family.counts == "expected":
            return self
        expected = (self.transition * self.feedback).sum(axis=-1, keepdims=True)
        return replace(self, reward=np.broadcast_to(expected, self.transition.shape).copy())
