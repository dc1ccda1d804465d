"""The two-step task: does a learner credit what it did, or the state that it came to?

Daw et al. 2011 (Neuron 69:1204), in the simpler form of Wang et al. 2016 ("Learning to
reinforcement learn", arXiv 1611.05763, section 3.2.1): an action at the first stage leads to one of
two states, usually to its own and sometimes to the other one, and one of these states pays often,
the other one rarely. Which one that is has to be learned.

**Stay probabilities.** How often the first-stage action of a trial is repeated in the next one, by
whether the trial was rewarded and whether its transition was the common one, tells strategies
apart. Who credits the action (model-free) stays after rewards and changes after none, whatever the
transition: a main effect of reward. Who credits the state (model-based) stays after a reward that
followed a common transition or after none that followed a rare one, and changes in the other two
cases: an interaction of reward and transition. The policies behind ``baselines`` that remember one
trial show both patterns pure. One that credits actions over many trials shows an interaction as
well, though a smaller one than its effect of reward, because what it believes at the start of a
trial and what happens in it go together (Akam, Costa, Dayan 2015, PLoS Comput. Biol. 11:e1004648).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from spikeloop.tasks.base import FloatArray, IntArray, Interface, References
from spikeloop.tasks.program import Arrays, ProgramPlay
from spikeloop.tasks.settings import Settings


class TwoStep(Settings):
    """The family of two-step tasks.

    A trial takes two steps. In the first one the observation is 0; action a leads to state a + 1
    with probability ``common`` and else to the other one, and pays nothing. In the second one the
    observation is that state, 1 or 2, and every action pays 1 with the state's chance, else 0:
    ``reward`` in the good state and 1 − ``reward`` in the other one. Which state is good when a
    episode begins is drawn with equal chances; before every further trial the two change places
    with probability ``reversal``.

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
        """Three observations, two actions, rewards 0 and 1."""
        return _interface(self.n_steps)

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "TwoStepTasks":
        """Draws ``n_tasks`` independent tasks; more tasks begin with the same ones."""
        drawn = rng.random((n_tasks, self.n_steps // 2))
        swapped = drawn < self.reversal
        swapped[:, 0] = drawn[:, 0] < 0.5
        good = swapped.cumsum(axis=1) % 2
        return TwoStepTasks(good, self.common, self.reward, self.reversal)


def _interface(n_steps: int) -> Interface:
    return Interface(3, 2, "discrete", n_steps, feedback_values=(0.0, 1.0), tables=False)


@dataclass(frozen=True)
class TwoStepTasks:
    """A batch of two-step tasks.

    Attributes:
        good: (n_tasks, n_trials) which state is good in each trial: 0 where it is state 1, 1 where
            it is state 2, which is also the better action.
        common: probability of an action's usual transition.
        reward: chance of a reward in the good state.
        reversal: chance of a reversal before a trial, which ``good`` was drawn with.
    """

    good: IntArray
    common: float
    reward: float
    reversal: float

    @property
    def n_tasks(self) -> int:
        """Number of tasks in the batch."""
        return len(self.good)

    @property
    def n_trials(self) -> int:
        """Trials of one episode."""
        return int(self.good.shape[1])

    @property
    def interface(self) -> Interface:
        """That of the family."""
        return _interface(2 * self.n_trials)

    def __getitem__(self, tasks: slice) -> "TwoStepTasks":
        """The tasks of a slice, as a batch of its own."""
        return replace(self, good=self.good[tasks])

    @property
    def right_pays(self) -> float:
        """Chance that a trial with the better action is rewarded; with the other, 1 minus this."""
        return self.common * self.reward + (1.0 - self.common) * (1.0 - self.reward)

    def references(self) -> References:
        """Exact expected returns of uniform actions, and of who knows the good state in each trial.

        They are the same for all tasks: half a reward a trial, and ``right_pays`` a trial.
        """
        trials = np.full(self.n_tasks, float(self.n_trials))
        return References(random=trials / 2, optimal=trials * self.right_pays)

    def program(self) -> "TwoStepProgram":
        """The rules."""
        return TwoStepProgram(self.common, self.reward)

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """``good``."""
        return {"good": self.good}

    def play(self, task: IntArray) -> ProgramPlay:
        """Begins episodes side by side."""
        return ProgramPlay.begin(self, task)

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """(n_tasks,) expected returns of policies that know the family but not the task.

        A trial speaks for one of the states: a reward for that which was reached, none for the
        other one. "stay by state" takes the usual action of the state that the last trial spoke
        for; "Bayes optimum" the more probable one after all trials. No policy has a higher mean
        return: what a trial tells does not depend on its action, so there is nothing to explore.

        "stay by action" and "blind to states" are the same two policies without a look at the
        state, which is model-free: a reward speaks for the action that was taken, none for the
        other one. No policy does better that treats a trial as a pull of one of two arms.

        Those that remember one trial are exact, the others estimated from episodes drawn with
        ``rng``.
        """
        from spikeloop.tasks.references.two_state_filter import filtered_return, last_return

        baselines: dict[str, FloatArray] = {}
        for agrees, last, best in (
            (self.reward, "stay by state", "Bayes optimum"),
            (self.right_pays, "stay by action", "blind to states"),
        ):
            baselines[last] = last_return(self.good, agrees, self.right_pays)
            baselines[best] = filtered_return(
                self.good, agrees, self.reversal, self.right_pays, rng
            )
        return baselines


@dataclass(frozen=True)
class TwoStepProgram:
    """The rules of two-step tasks; all rewards are told.

    The state has ``task``, ``trial`` and ``place``, (n_episodes,) what each episode sees: 0 at the
    first stage, 1 or 2 at the second one.

    Attributes:
        common: probability of an action's usual transition.
        reward: chance of a reward in the good state.
    """

    common: float
    reward: float

    def to_noise(self, uniform: FloatArray) -> FloatArray:
        """The uniform numbers themselves: of transitions and of rewards in turn."""
        return uniform

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        """At the first stage of the first trial."""
        return {"task": task, "trial": xp.zeros_like(task), "place": xp.zeros_like(task)}

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        """Where each episode is."""
        return state["place"]

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        """From the first stage to the second one, or from there to the next trial."""
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
