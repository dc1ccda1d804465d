"""The two-step task, which tells whether a learner credits its action or the state it reached.

Daw et al. 2011 (Neuron 69:1204), in the simpler form of Wang et al. 2016 ("Learning to
reinforcement learn", arXiv 1611.05763, section 3.2.1): an action at the first stage leads to one of
two states, usually to its own and sometimes to the other one, and one of these states pays often,
the other one rarely. Which state pays often has to be learned.

**Stay probabilities.** How often the first-stage action of a trial is repeated in the next one, by
whether the trial was rewarded and whether its transition was the common one, tells strategies
apart. A strategy that credits the action (model-free) stays after rewards and changes after none,
whatever the transition: a main effect of reward. A strategy that credits the state (model-based)
stays after a reward that followed a common transition or after none that followed a rare one, and
changes in the other two cases: an interaction of reward and transition. The policies behind
``baselines`` that remember one trial show both patterns purely. One that credits actions over many
trials shows an interaction as well, though a smaller one than its effect of reward, because its
belief at the start of a trial and what happens in it are correlated (Akam, Costa, Dayan 2015, PLoS
Comput. Biol. 11:e1004648).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import Chooser, FloatArray, IntArray, Interface, References
from spikeloop.tasks.program import Arrays, FamilyBatch, TaskProgram
from spikeloop.tasks.settings import Settings


class TwoStep(Settings):
    """The family of two-step tasks.

    A trial takes two steps. In the first one the observation is 0; action a leads to state a + 1
    with probability ``common`` and else to the other one, and pays nothing. In the second one the
    observation is that state, 1 or 2, and every action pays 1 with the state's chance, else 0:
    ``reward`` in the good state and 1 − ``reward`` in the other one. The good state of the first
    trial is drawn with equal chances; before every further trial the two change places with
    probability ``reversal``.

    Transitions and rewards are those of Wang et al. 2016, where the good state is drawn once an
    episode: ``reversal = 0``. Reversals of 0.025 a trial are in reproductions of the same authors'
    later version (Wang et al. 2018, "Prefrontal cortex as a meta-reinforcement learning system");
    they are the default, so that there is something to learn throughout an episode. Its step of
    fixation before each trial is left out. The 100 trials of an episode are our choice.
    """

    kind: Literal["two_step"] = "two_step"
    n_steps: int = Field(
        default=200, ge=2, le=100_000, description="steps of one episode, two a trial; even"
    )
    common: float = Field(
        default=0.75, gt=0.5, le=1, description="probability of an action's usual transition"
    )
    reward: float = Field(
        default=0.9, gt=0.5, le=1, description="chance of a reward in the good state"
    )
    reversal: float = Field(
        default=0.025, ge=0, le=0.5, description="chance before a trial that the states swap"
    )

    @model_validator(mode="after")
    def _whole_trials(self) -> Self:
        if self.n_steps % 2:
            raise ValueError(f"n_steps must be even, as a trial has two steps, got {self.n_steps}")
        return self

    @property
    def interface(self) -> Interface:
        """Return an interface with three observations, two actions, and rewards 0 and 1."""
        return Interface(3, 2, "discrete", self.n_steps, feedback_values=(0.0, 1.0), tables=False)

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "TwoStepTasks":
        """Sample independent tasks; larger samples start with the same ones."""
        drawn = rng.random((n_tasks, self.n_steps // 2))
        swapped = drawn < self.reversal
        swapped[:, 0] = drawn[:, 0] < 0.5
        good = swapped.cumsum(axis=1) % 2
        return TwoStepTasks(self, good)


@dataclass(frozen=True)
class TwoStepTasks(FamilyBatch[TwoStep]):
    """A batch of two-step tasks.

    Attributes:
        good: (n_tasks, n_trials) the good state of each trial: 0 for state 1, 1 for state 2, which
            is also the better action.
    """

    good: IntArray

    @property
    def n_trials(self) -> int:
        """Return the trials of one episode."""
        return int(self.good.shape[1])

    @property
    def right_pays(self) -> float:
        """Return the chance of a reward in a trial with the better action; else it is 1 − this."""
        common, reward = self.family.common, self.family.reward
        return common * reward + (1.0 - common) * (1.0 - reward)

    def references(self) -> References:
        """Return exact expected returns of uniform actions, and of knowing each trial's good state.

        They are the same for all tasks: half a reward per trial, and ``right_pays`` per trial.
        """
        trials = np.full(self.n_tasks, float(self.n_trials))
        return References(random=trials / 2, optimal=trials * self.right_pays)

    def optimal_policy(self) -> Chooser:
        """Return the policy that always chooses the good state's action."""
        return lambda step, task, observed: self.good[task, step // 2]

    def program(self) -> "TwoStepProgram":
        """Return the rules."""
        return TwoStepProgram(self.family.common, self.family.reward)

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """Return (n_tasks,) expected returns of policies that know the family but not the task.

        A trial is evidence for one of the states: a reward for the state that was reached, no
        reward for the other one. "stay by state" takes the usual action of the state that the last
        trial favoured; "Bayes optimum" that of the more probable state after all trials. No policy
        has a higher mean return: the evidence of a trial does not depend on its action, so
        exploration gains nothing.

        "stay by action" and "blind to states" are the same two policies without the observation of
        the state, which is model-free: a reward is evidence for the action that was taken, no
        reward for the other one. No policy that treats a trial as a pull of one of two arms does
        better.

        Those that remember one trial are exact, the others estimated from episodes with ``rng``.
        """
        from spikeloop.tasks.references.two_state_filter import filtered_return, last_return

        baselines: dict[str, FloatArray] = {}
        for agrees, last, best in (
            (self.family.reward, "stay by state", "Bayes optimum"),
            (self.right_pays, "stay by action", "blind to states"),
        ):
            baselines[last] = last_return(self.good, agrees, self.right_pays)
            baselines[best] = filtered_return(
                self.good, agrees, self.family.reversal, self.right_pays, rng
            )
        return baselines


@dataclass(frozen=True)
class TwoStepProgram(TaskProgram):
    """The rules of two-step tasks, which use uniform numbers for transitions and rewards in turn.

    The state has ``task``, ``trial`` and ``place``, (n_episodes,) what each episode observes: 0 at
    the first stage, 1 or 2 at the second one.

    Attributes:
        common: probability of an action's usual transition.
        reward: chance of a reward in the good state.
    """

    common: float
    reward: float

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        """Return the first stage of the first trial."""
        return {"task": task, "trial": xp.zeros_like(task), "place": xp.zeros_like(task)}

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        """Return the stage or state of each episode."""
        return state["place"]

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """Move from the first stage to the second one, or from there to the next trial."""
        task, trial, place = state["task"], state["trial"], state["place"]
        second = place > 0
        reached = xp.where(noise < self.common, actions, 1 - actions) + 1
        is_good = place - 1 == arrays["good"][task, trial]
        pays = noise < xp.where(is_good, self.reward, 1.0 - self.reward)
        reward = xp.where(second & pays, 1.0, 0.0)
        after = {
            "task": task,
            "trial": trial + second,
            "place": xp.where(second, 0, reached).astype(place.dtype),
        }
        return after, reward, reward
