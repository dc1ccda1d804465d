"""Do the references of tasks agree with episodes of their policies?

A mean of simulated returns is compared with its expectation by an empirical Bernstein bound (Maurer
and Pontil 2009, "Empirical Bernstein bounds and sample variance penalization", theorem 4): with
probability 1 − α the mean of n independent numbers within a range R is off by less than
sqrt(2 V ln(4/α) / n) + 7 R ln(4/α) / (3 (n − 1)), two-sided, V being their variance. It needs no
normal law, so rewards that are rare do not raise an alarm. R is the span of what was seen and of
the references.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from spikeloop.coordinator.check.playing import play_policy, random_actions, reference_policy
from spikeloop.tasks.base import Chooser, FloatArray, Interface, References, TaskBatch

FALSE_ALARMS = 1e-6
"""The probability that all checks of a right family together find a fault."""
MAX_STEPS = 4_000_000
"""Steps of all episodes that are played with one policy."""
MAX_EPISODES, MIN_EPISODES = 256, 16
"""Episodes of one task."""
MAX_CONSTANT = 8
"""Constant actions that are tried; of a family with more, the first."""


@dataclass
class ReferenceCase:
    """Tasks whose references are compared with episodes.

    Attributes:
        tasks: the batch.
        n_episodes: episodes of one task and policy; by default as many as ``MAX_STEPS`` allow.
    """

    tasks: TaskBatch
    n_episodes: int = 0
    _returns: dict[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Choose the number of episodes."""
        if not self.n_episodes:
            of_one = self.tasks.n_tasks * self.tasks.interface.n_steps
            self.n_episodes = int(np.clip(MAX_STEPS // of_one, MIN_EPISODES, MAX_EPISODES))

    def references(self) -> References:
        """Return the references of all tasks."""
        return self.tasks.references()

    def returns(self, reference: str) -> FloatArray:
        """(n_tasks, n_episodes) returns of the policy behind a reference, played once."""
        if reference not in self._returns:
            rng = np.random.default_rng(1)
            policy = reference_policy(self.tasks, reference, rng)
            self._returns[reference] = play_policy(self.tasks, policy, self.n_episodes, rng)
        return self._returns[reference]

    @property
    def alpha(self) -> float:
        """False alarms of one comparison: two references, pooled and task by task, and one more."""
        return FALSE_ALARMS / (2 * (1 + self.tasks.n_tasks) + 1)


def agreement(case: ReferenceCase, reference: str) -> Iterator[str]:
    """Compare the returns of a reference's policy with the reference, pooled and task by task."""
    returns, references = case.returns(reference), case.references()
    expected = getattr(references, reference)
    low, high = _range(references, returns)
    off = returns - expected[:, None]
    allowed = margin(off, float((high - expected).max() - (low - expected).min()), case.alpha)
    if abs(off.mean()) > allowed:
        yield (
            f"references().{reference} is {expected.mean():.6g} on average, but its policy earns "
            f"{returns.mean():.6g} ± {allowed:.2g} ({returns.size} episodes on {len(returns)} "
            "tasks); it must be the expected return of a whole episode from its start"
        )
        return
    for task, own in enumerate(off):
        if abs(own.mean()) > (allowed := margin(own, float(high[task] - low[task]), case.alpha)):
            yield (
                f"references().{reference} of task {task} is {expected[task]:.6g}, but its policy "
                f"earns {returns[task].mean():.6g} ± {allowed:.2g} ({own.size} episodes)"
            )
            return


def dominance(case: ReferenceCase) -> Iterator[str]:
    """Look for a policy that earns more than the optimal reference: random, or a constant action.

    Of each task the best such policy is chosen by the first half of the episodes and compared by
    the second half. This finds optimal references that are too low even where the optimal policy
    cannot be played.
    """
    tasks, references = case.tasks, case.references()
    rng = np.random.default_rng(2)
    policies = _simple_policies(tasks.interface, rng)
    n_episodes = 2 * max(case.n_episodes // len(policies), MIN_EPISODES)
    returns = np.stack([play_policy(tasks, policy, n_episodes, rng) for policy in policies])
    chosen, judged = np.split(returns, 2, axis=2)
    best = chosen.mean(axis=2).argmax(axis=0)
    earned = judged[best, np.arange(tasks.n_tasks)]
    low, high = _range(references, earned)
    above = earned - references.optimal[:, None]
    allowed = margin(
        above,
        float((high - references.optimal).max() - (low - references.optimal).min()),
        case.alpha,
    )
    if above.mean() > allowed:
        yield (
            f"references().optimal is {references.optimal.mean():.6g} on average, but taking "
            f"always the same action, or random ones, earns {earned.mean():.6g} ± {allowed:.2g} "
            f"({earned.size} episodes): it is too low, and scores come out too high"
        )


def _simple_policies(interface: Interface, rng: np.random.Generator) -> list[Chooser]:
    """Random actions and, where actions are discrete, the first of them all the time."""

    def constant(action: int) -> Chooser:
        return lambda step, task, observed: np.full(task.shape, action)

    n_constant = min(interface.n_actions, MAX_CONSTANT) if interface.actions == "discrete" else 0
    return [
        lambda step, task, observed: random_actions(interface, task.shape, rng),
        *map(constant, range(n_constant)),
    ]


def margin(samples: FloatArray, span: float, alpha: float) -> float:
    """The bound of the module's docstring, with room for rounding errors."""
    n, log = samples.size, np.log(4 / alpha)
    bound = np.sqrt(2 * samples.var(ddof=1) * log / n) + 7 * span * log / (3 * (n - 1))
    return float(bound + 1e-9 * np.abs(samples).max())


def _range(references: References, returns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n_tasks,) between which numbers the returns of a task can be expected to lie."""
    low = np.minimum(returns.min(axis=1), references.random)
    return low, np.maximum(returns.max(axis=1), references.optimal)
