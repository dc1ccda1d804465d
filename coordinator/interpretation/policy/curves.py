"""Curves of choices by pull: success, and switches after a reward and after none."""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.behaviour.pulls import best_arms
from spikeloop.coordinator.interpretation.policy.choices import Choices
from spikeloop.coordinator.stats.bootstrap import Band, mean_band, percentiles
from spikeloop.tasks.bandit import BanditTasks
from spikeloop.tasks.base import FloatArray, TaskBatch
from spikeloop.tasks.restless_bandit import RestlessTasks


@dataclass(frozen=True)
class Curves:
    """Shares of episodes by pull, the last two from the second pull on.

    Attributes:
        success: of episodes whose pull is of the better arm, or pays where tasks do not fix which
            arm is better.
        after_reward: of pulls after a reward that switch.
        after_none: of pulls after none that switch.
    """

    success: Band
    after_reward: Band
    after_none: Band


def success_name(tasks: TaskBatch) -> str:
    """Name the first curve."""
    return "better arm pulled" if isinstance(tasks, BanditTasks | RestlessTasks) else "pull pays"


def curves(choices: Choices, tasks: TaskBatch, counts: np.ndarray) -> Curves:
    """Compute the curves with bands; ``counts`` are (n_resamples, n_episodes) of the bootstrap."""
    hits = choices.rewards
    if isinstance(tasks, BanditTasks | RestlessTasks):
        hits = (choices.arms == best_arms(tasks)).astype(np.float64)
    return Curves(
        mean_band(hits, counts),
        switches(choices, True, counts),
        switches(choices, False, counts),
    )


def switches(choices: Choices, rewarded: bool, counts: np.ndarray) -> Band:
    """Compute the share of pulls that switch after a reward, or after none.

    A share is a ratio of numbers of episodes, resampled together; nan where none counts.
    """
    after = (choices.rewards[:, :-1] > 0) == rewarded
    switched = ~choices.stays() & after
    share = _ratio(switched.sum(axis=0), after.sum(axis=0))
    weights = counts.astype(np.float64)
    low, high = percentiles(_ratio(weights @ switched, weights @ after))
    return Band(share, low, high, choices.n_episodes)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    nowhere = np.full(np.shape(whole), np.nan)
    found: FloatArray = np.divide(part, whole, out=nowhere, where=np.asarray(whole) > 0)
    return found
