"""Statistics of pulls in bandits: roles of the arms, use of the informative arm, regret.

``actions`` are the arms that were pulled, (n_tasks, n_steps).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.interpretation.results import milestones
from spikeloop.coordinator.stats.bootstrap import (
    N_RESAMPLES,
    Band,
    Interval,
    draw_counts,
    mean_band,
    share,
)
from spikeloop.tasks.bandit import BanditTasks
from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.informative_bandit import InformativeTasks
from spikeloop.tasks.restless_bandit import RestlessTasks

Bandits = BanditTasks | InformativeTasks | RestlessTasks

INFORMATIVE, TARGET, BEST, OTHER = "informative arm", "target", "best arm", "another arm"
NETWORK, UNIFORM = "network", "uniform pulls"


@dataclass(frozen=True)
class Regret:
    """The expected return of the best arm of each step, minus that of a policy.

    Attributes:
        total: after the last pull, mean over bandits.
        ahead: the network's minus this policy's, paired by bandit; None for the network itself.
    """

    total: Interval
    ahead: Interval | None


@dataclass(frozen=True)
class Pulls:
    """Pulls of a network in bandits.

    Attributes:
        roles: share of episodes that pull an arm of each role, by role and number of the pull
            (``milestones``).
        program: share of episodes that follow each of some programs, by its description.
        regret: cumulative expected regret of the network, by pulls.
        totals: of the network and of other policies.
    """

    roles: Mapping[str, Mapping[int, Interval]]
    program: Mapping[str, Interval]
    regret: Band
    totals: Mapping[str, Regret]


def expected_rewards(tasks: Bandits) -> FloatArray:
    """Compute the expected reward of each arm in each step, (n_tasks, n_steps, n_arms)."""
    if isinstance(tasks, RestlessTasks):
        return tasks.mean
    if isinstance(tasks, BanditTasks):
        mean = tasks.mean
    else:
        family = tasks.family
        mean = np.full((tasks.n_tasks, family.n_arms), family.other_reward)
        mean[np.arange(tasks.n_tasks), tasks.target] = family.target_reward
        mean[:, -1] = tasks.clue
    n_tasks, n_arms = mean.shape
    return np.broadcast_to(mean[:, None, :], (n_tasks, tasks.family.n_steps, n_arms))


def best_arms(tasks: Bandits) -> IntArray:
    """Find the arm of the largest expected reward in each step, (n_tasks, n_steps)."""
    best: IntArray = expected_rewards(tasks).argmax(axis=2)
    return best


def roles(tasks: Bandits, actions: IntArray) -> dict[str, NDArray[np.bool_]]:
    """Mark pulls of arms of each role, (n_tasks, n_steps); the roles exclude each other."""
    best = actions == best_arms(tasks)
    if not isinstance(tasks, InformativeTasks):
        return {BEST: best, OTHER: ~best}
    informative = actions == tasks.family.n_arms - 1
    return {INFORMATIVE: informative, TARGET: best, OTHER: ~best & ~informative}


def program(of_role: Mapping[str, NDArray[np.bool_]]) -> dict[str, Interval]:
    """Count episodes that pull the informative arm first and its target then; {} without it."""
    if INFORMATIVE not in of_role:
        return {}
    asked, hit = of_role[INFORMATIVE], of_role[TARGET]
    found = {"the informative arm first": share(asked[:, 0])}
    if asked.shape[1] > 1:
        first = asked[:, 0]
        found["the target second, of episodes with the informative arm first"] = share(
            hit[first, 1]
        )
        found["the informative arm first, then the target to the end"] = share(
            first & hit[:, 1:].all(axis=1)
        )
    return found


def cumulative_regret(tasks: Bandits, actions: IntArray) -> FloatArray:
    """Sum the expected reward of the best arm minus that of the pulled one, (n_tasks, n_steps)."""
    expected = expected_rewards(tasks)
    pulled = np.take_along_axis(expected, actions[:, :, None], axis=2)[:, :, 0]
    regret: FloatArray = (expected.max(axis=2) - pulled).cumsum(axis=1)
    return regret


def summarise(
    tasks: Bandits,
    actions: IntArray,
    baselines: Mapping[str, FloatArray],
    rng: np.random.Generator,
) -> Pulls:
    """Summarise the pulls of a network, and its regret beside that of other policies.

    ``baselines`` are the expected returns of these policies, (n_tasks,) each.
    """
    weights = draw_counts(tasks.n_tasks, N_RESAMPLES, rng)
    regret, references = cumulative_regret(tasks, actions), tasks.references()
    missed = {
        NETWORK: regret[:, -1],
        **{name: references.optimal - earned for name, earned in baselines.items()},
        UNIFORM: references.optimal - references.random,
    }
    totals = {
        name: Regret(
            mean_band(total[:, None], weights).at(0),
            None
            if name == NETWORK
            else mean_band((missed[NETWORK] - total)[:, None], weights).at(0),
        )
        for name, total in missed.items()
    }
    of_role, shown = roles(tasks, actions), milestones(1, actions.shape[1])
    return Pulls(
        {
            role: {pull: share(hits[:, pull - 1]) for pull in shown}
            for role, hits in of_role.items()
        },
        program(of_role),
        mean_band(regret, weights),
        totals,
    )
