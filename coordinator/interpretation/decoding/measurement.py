"""What decoders read from the spikes of a network: by feature at one decision, and over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.interpretation.closed_loop.simulation import ClosedLoop, Simulated
from spikeloop.coordinator.interpretation.decoding import features as of
from spikeloop.coordinator.interpretation.decoding.decoders import Explained, Target, explain
from spikeloop.coordinator.interpretation.decoding.posteriors import posterior_mean
from spikeloop.coordinator.interpretation.section import Note
from spikeloop.coordinator.stats.bootstrap import (
    N_RESAMPLES,
    Interval,
    draw_counts,
    percentile_interval,
    resampled_means,
)
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.informative_bandit import InformativeTasks
from spikeloop.workers.seeding import Purpose, TaskSet, stream

TIMES_SHOWN = 6
"""Decisions at which spikes are read, at most."""
SHUFFLES = 3
"""Over which the losses with shuffled spikes are averaged."""
PERMUTED, UNTRAINED = "labels permuted", "untrained network"
LATENTS, POSTERIOR, ACTION, ANSWER = "latents", "posterior mean", "next action", "next answer"


@dataclass(frozen=True)
class Reading:
    """What is read of one target, of the same held-out episodes from all features.

    Attributes:
        target: its name.
        explained: by the features, and of the nulls.
        seed: of the bootstrap.
    """

    target: str
    explained: Mapping[str, Explained]
    seed: int

    def share(self, features: str) -> Interval:
        """Return the explained share."""
        one = self.explained[features]
        return self._ratio(one.without - one.loss, one.without)

    @property
    def in_times(self) -> Interval:
        """Return what times add: the share explained by bins less that by shuffled ones."""
        bins, shuffled = self.explained[of.BINS], self.explained[of.SHUFFLED]
        return self._ratio(shuffled.loss - bins.loss, bins.without)

    def _ratio(self, part: FloatArray, whole: FloatArray) -> Interval:
        columns = np.nan_to_num(np.stack([part, whole], axis=1))
        rng = stream(self.seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, 1)
        means = resampled_means(columns, draw_counts(len(part), N_RESAMPLES, rng))
        value = float(columns[:, 0].sum() / columns[:, 1].sum())
        n = int(np.isfinite(whole).sum())
        return percentile_interval(value, means[:, 0] / means[:, 1], n)


@dataclass(frozen=True)
class Decoding:
    """What decoders read.

    Attributes:
        planned: the decision, from 0, at which all features are compared.
        readings: of the targets there.
        decisions: from 0, at which the latents, or else the action, are read over time.
        over_time: (n, n) share explained by a decoder of counts that was fitted at the decision of
            the row and tested at that of the column; empty without such a target.
        about: the target over time.
        n_episodes: that ran.
    """

    planned: int
    readings: list[Reading]
    decisions: list[int]
    over_time: FloatArray
    about: str
    n_episodes: int


def decisions_shown(n_decisions: int) -> list[int]:
    """Return decisions from first to last, dense at first, and the one in the middle."""
    spaced = np.round(np.geomspace(1, n_decisions, TIMES_SHOWN)).astype(int) - 1
    return sorted({*map(int, spaced), n_decisions // 2})


def measure(loop: ClosedLoop, untrained: ClosedLoop, seed: int, note: Note) -> Decoding:
    """Run the episodes of a loop and of an untrained network, and read from their spikes."""
    n_decisions = loop.net.interface.n_steps
    planned, shown = n_decisions // 2, decisions_shown(n_decisions)
    trained, control = loop.run(keep=shown), untrained.run(keep=[planned])
    readings = []
    null = {target.name: target for target in targets(untrained, control, planned)}
    for target in targets(loop, trained, planned):
        note(f"decoding: {target.name} in decision {planned + 1}")
        found = by_features(trained.spikes[planned], target, seed)
        if (other := null.get(target.name)) is not None and other.varies:
            spikes = control.spikes[planned]
            rng = stream(seed, Purpose.EPISODES, TaskSet.TRANSFER, 2000)
            found[UNTRAINED] = explain(of.counts(spikes), [of.counts(spikes)], other, rng)[0]
        readings.append(Reading(target.name, found, seed))
    note("decoding: over decisions")
    over_time, about = _over_time(loop, trained, shown, seed)
    return Decoding(planned, readings, shown, over_time, about, len(loop.seeds))


def targets(loop: ClosedLoop, run: Simulated, decision: int) -> list[Target]:
    """Return what may be read in a decision: latents, posterior mean, and the action after it."""
    tasks, found = loop.tasks, []
    latents: Any = tasks.arrays().get("latents")
    if isinstance(tasks, InformativeTasks):
        latents = tasks.target
    if latents is not None:
        found.append(Target(LATENTS, latents))
    mean = posterior_mean(tasks, run.action, run.feedback, decision)
    if mean is not None and decision:
        found.append(Target(POSTERIOR, mean))
    action: NDArray[Any] = run.action[:, decision]
    found.append(Target(ACTION if action.ndim == 1 else ANSWER, action))
    return [target for target in found if target.varies]


def by_features(spikes: NDArray[np.bool_], target: Target, seed: int) -> dict[str, Explained]:
    """Read a target from each kind of features, and with permuted labels."""

    def read(features: FloatArray, wanted: Target = target) -> Explained:
        # The same folds for all features.
        rng = stream(seed, Purpose.EPISODES, TaskSet.TRANSFER, 2000)
        return explain(features, [features], wanted, rng)[0]

    rng = stream(seed, Purpose.EPISODES, TaskSet.TRANSFER, 2001)
    shuffles = [read(of.bins(of.shuffled(spikes, rng))) for _ in range(SHUFFLES)]
    permuted = Target(target.name, target.values[rng.permutation(len(target.values))])
    return {
        of.COUNTS: read(of.counts(spikes)),
        of.BINS: read(of.bins(spikes)),
        of.LATENCIES: read(of.latencies(spikes)),
        of.SHUFFLED: Explained(
            np.mean([one.loss for one in shuffles], axis=0), shuffles[0].without
        ),
        PERMUTED: read(of.bins(spikes), permuted),
    }


def _over_time(
    loop: ClosedLoop, run: Simulated, shown: list[int], seed: int
) -> tuple[FloatArray, str]:
    """Fit at each decision and test at all; of the first target that all decisions have."""
    at = {decision: {t.name: t for t in targets(loop, run, decision)} for decision in shown}
    common = [name for name in (LATENTS, ACTION, ANSWER) if all(name in at[d] for d in shown)]
    if not common:
        return np.empty((0, 0)), ""
    features = {decision: of.counts(run.spikes[decision]) for decision in shown}
    rows = []
    for fitted in shown:
        rng = stream(seed, Purpose.EPISODES, TaskSet.TRANSFER, 2000)
        target = at[fitted][common[0]]
        found = explain(features[fitted], [features[d] for d in shown], target, rng)
        rows.append([1 - np.nansum(one.loss) / np.nansum(one.without) for one in found])
    return np.array(rows), common[0]
