"""Rewards of one network with each lesion of its state."""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.closed_loop.simulation import ClosedLoop
from spikeloop.coordinator.interpretation.memory.lesions import StateLesion, lesions
from spikeloop.coordinator.interpretation.section import Note
from spikeloop.coordinator.stats.bootstrap import (
    N_RESAMPLES,
    Band,
    Interval,
    draw_counts,
    mean_band,
    percentile_interval,
    resampled_means,
)
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.seeding import Purpose, TaskSet, stream


@dataclass(frozen=True)
class Memory:
    """Rewards of the same episodes with each lesion.

    Attributes:
        intact: (n_episodes, n_decisions) rewards without a lesion.
        random: (n_episodes,) expected reward of a decision of the random policy.
        lesioned: (n_episodes, n_decisions) by lesion.
        repeated: of the intact network with other random numbers: the negative control.
        seed: of the bootstrap.
    """

    intact: FloatArray
    random: FloatArray
    lesioned: dict[StateLesion, FloatArray]
    repeated: FloatArray
    seed: int

    def loss(self, reward: FloatArray, first: int = 0) -> Interval:
        """Return the share of the gain that is lost, of the decisions from ``first`` on."""
        gain = (self.intact - self.random[:, None])[:, first:].sum(axis=1)
        lost = (self.intact - reward)[:, first:].sum(axis=1)
        columns = np.stack([lost, gain], axis=1)
        means = resampled_means(columns, self._counts())
        value = float(lost.sum() / gain.sum())
        return percentile_interval(value, means[:, 0] / means[:, 1], len(gain))

    def curve(self, reward: FloatArray) -> Band:
        """Return the mean of what is lost in each decision, of the mean gain of a decision."""
        gain = float((self.intact - self.random[:, None]).mean())
        return mean_band((self.intact - reward) / gain, self._counts())

    def _counts(self) -> "np.ndarray":
        rng = stream(self.seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, 0)
        return draw_counts(len(self.intact), N_RESAMPLES, rng)


def measure(loop: ClosedLoop, seed: int, note: Note) -> Memory:
    """Simulate the episodes of a loop with each lesion of the state."""
    n_decisions = loop.net.interface.n_steps
    chosen = [one for some in lesions(n_decisions).values() for one in some]
    intact, lesioned = loop.run().reward, {}
    for number, lesion in enumerate(chosen):
        note(f"memory: lesion {number + 1} of {len(chosen)}")
        rng = stream(seed, Purpose.EPISODES, TaskSet.TRANSFER, 1000 + number)
        lesioned[lesion] = lesion.run(loop, rng).reward
    random = loop.tasks.references().random / n_decisions
    return Memory(intact, random, lesioned, loop.with_other_random_numbers().run().reward, seed)
