"""What the Bayesian observer of an episode knows of its task before each decision.

The observer has the family's own law as its prior and sees what the learner sees.
"""

import numpy as np

from spikeloop.tasks.bandit import TWO_POINTS, BanditTasks
from spikeloop.tasks.base import FloatArray, IntArray, TaskBatch
from spikeloop.tasks.informative_bandit import InformativeTasks
from spikeloop.tasks.quadratic import COEFFICIENT_VARIANCE, N_COEFFICIENTS, QuadraticTasks

NOISE = 1e-9
"""Variance of targets, which have none, so that equations can be solved."""


def posterior_mean(
    tasks: TaskBatch, actions: IntArray, feedback: FloatArray, decision: int
) -> FloatArray | None:
    """Return the posterior means of what defines each task, (n_episodes, n); None if not known.

    Those are coefficients, with the Gaussian prior of their mean and variance; chances of arms; or
    of an informative bandit the chance of each arm to be the target.

    Args:
        tasks: one for each episode.
        actions: (n_episodes, n_decisions) arms pulled; not used of functions.
        feedback: (n_episodes, n_decisions) rewards; not used of functions.
        decision: before which, from 0.
    """
    if isinstance(tasks, QuadraticTasks):
        return _coefficients(tasks, decision)
    before = actions[:, :decision], feedback[:, :decision]
    if isinstance(tasks, InformativeTasks):
        return _target(tasks, *before)
    if isinstance(tasks, BanditTasks) and tasks.family.rewards == "bernoulli":
        return _chances(tasks, *before)
    return None


def _coefficients(tasks: QuadraticTasks, n_samples: int) -> FloatArray:
    """Solve the normal equations of Bayesian linear regression (Bishop 2006, equation 3.53)."""
    basis, y = tasks.basis()[:, :n_samples], tasks.values()[:, :n_samples]
    precision = basis.swapaxes(1, 2) @ basis + NOISE / COEFFICIENT_VARIANCE * np.eye(N_COEFFICIENTS)
    seen = (basis * y[:, :, None]).sum(axis=1)
    return np.asarray(np.linalg.solve(precision, seen[:, :, None])[:, :, 0])


def _chances(tasks: BanditTasks, arms: IntArray, rewards: FloatArray) -> FloatArray:
    """Chances of all arms: independent ones are Beta, of dependent ones the first one says all."""
    n_arms = tasks.family.n_arms
    pulls = np.stack([(arms == arm).sum(axis=1) for arm in range(n_arms)], axis=1)
    paid = np.stack([((arms == arm) * rewards).sum(axis=1) for arm in range(n_arms)], axis=1)
    if tasks.family.arms == "independent":
        return np.asarray((1.0 + paid) / (2.0 + pulls))
    # What speaks for the first arm: it paid, or the second did not.
    pro = paid[:, 0] + pulls[:, 1] - paid[:, 1]
    against = pulls.sum(axis=1) - pro
    worse = TWO_POINTS.get(tasks.family.arms)
    if worse is None:
        first = (1.0 + pro) / (2.0 + pro + against)
    else:
        odds = ((1.0 - worse) / worse) ** (pro - against)
        first = (worse + (1.0 - worse) * odds) / (1.0 + odds)
    return np.stack([first, 1.0 - first], axis=1)


def _target(tasks: InformativeTasks, arms: IntArray, rewards: FloatArray) -> FloatArray:
    """Chances of the arms to be the target: what was pulled and is none is out, clues say all."""
    family = tasks.family
    n, candidates = len(arms), family.n_arms - 1
    open_ = np.ones((n, candidates))
    for arm, reward in zip(arms.T, rewards.T, strict=True):
        informative = arm == candidates
        found = ~informative & (reward == family.target_reward)
        known = np.where(informative, tasks.target, arm)
        sure = np.zeros((n, candidates))
        sure[np.arange(n), np.minimum(known, candidates - 1)] = 1.0
        missed = np.ones((n, candidates)) - sure
        open_ *= np.where((informative | found)[:, None], sure, missed)
    chances: FloatArray = open_ / open_.sum(axis=1, keepdims=True)
    return chances
