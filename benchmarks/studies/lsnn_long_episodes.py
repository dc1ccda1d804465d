"""Errors of a trained network in episodes that are longer than those of its training.

Run ``python benchmarks/studies/lsnn_long_episodes.py examples/trained/lsnn_quadratic.npz``; it
takes a minute on a core. The file's network of the learner ``lsnn`` learns held-out quadratic
functions for 150 samples each, nothing else being other than in training.

The first table has mean squared errors on the scale of the functions after so many samples, the
second means over ten samples, which vary less, and their differences from the last ten samples of
the trained length, paired by function. These differences are the planned comparison. All intervals
are 95 %, bootstrap over functions; they say nothing about other trainings. Firing rates show
whether the network's activity drifts, too.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.behaviour.prediction_errors import (
    LINE,
    NETWORK,
    squared_errors,
)
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.stats.bootstrap import N_RESAMPLES, draw_counts, mean_band
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.learners.lsnn import tile

SAMPLES = (20, 30, 39, 60, 80, 100, 120, 149)
"""Seen before the answer."""
BLOCK = 10
"""Samples of a mean of the second table."""
RATED = 20
"""Episodes in which firing rates are measured."""


def lengthened(known: Learned, n_samples: int) -> Learned:
    """The same with held-out episodes of so many samples."""
    transfer = known.config.transfer
    longer = transfer.model_copy(update={"family": {**transfer.family, "n_steps": n_samples}})
    return replace(known, config=replace(known.config, transfer=longer))


def by_sample(errors: Mapping[str, FloatArray], weights: Any) -> Iterator[str]:
    """The lines of the table of single samples, in Markdown."""
    names = [NETWORK, LINE, "Bayes regression"]
    yield f"| samples | {' | '.join(names)} |"
    yield "|" + " --- |" * (1 + len(names))
    bands = [mean_band(errors[name], weights) for name in names]
    for k in SAMPLES:
        if k < errors[NETWORK].shape[1]:
            yield f"| {k} | {' | '.join(str(band.at(k)) for band in bands)} |"


def by_block(errors: FloatArray, rates_hz: FloatArray, trained: int, weights: Any) -> Iterator[str]:
    """The lines of the table of means over ten samples; ``trained`` is the trained length."""
    n_blocks = errors.shape[1] // BLOCK
    means = in_blocks(errors, n_blocks)
    last = trained // BLOCK - 1
    band = mean_band(means, weights)
    more = mean_band(means - means[:, [last]], weights)
    rates = in_blocks(rates_hz[None], n_blocks)[0]
    yield f"| samples | {NETWORK} | less that of the last {BLOCK} trained | mean rate, Hz |"
    yield "| --- | --- | --- | --- |"
    for k in range(n_blocks):
        change = more.at(k)
        paired = f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
        label = f"{k * BLOCK} to {(k + 1) * BLOCK - 1}"
        yield f"| {label} | {band.at(k)} | {paired if k != last else '–'} | {rates[k]:.1f} |"


def in_blocks(values: FloatArray, n_blocks: int) -> FloatArray:
    """(n, n_samples) as means over ten samples each, (n, n_blocks)."""
    whole = values[:, : n_blocks * BLOCK].reshape(len(values), n_blocks, BLOCK)
    return np.asarray(whole.mean(axis=2))


def rates_hz(held: HeldOutEpisodes) -> FloatArray:
    """(n_samples,) mean firing rate of all neurons, in the first episodes."""
    n, learner = min(RATED, held.n_tasks), held.learner
    parameters = held.learned.config.space.decode(held.learned.point[None])
    seeds = np.ascontiguousarray(held.seeds[:, :n])
    counts = tile.trace(learner, parameters, held.tasks[:n], seeds).counts[0]
    return np.asarray(counts.mean(axis=1) / (learner.window_ms * 1e-3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("weights", type=Path, help="run folder or weights file")
    parser.add_argument("--samples", type=int, default=150, help="of an episode")
    parser.add_argument("--functions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="which held-out functions")
    asked = parser.parse_args()
    known = learned.open_learned(asked.weights, trust=False)
    trained = known.config.family.interface.n_steps
    held = HeldOutEpisodes(lengthened(known, asked.samples), asked.functions, asked.seed)
    tasks: Any = held.tasks
    errors = squared_errors(tasks, held.actions(known.point))
    weights = draw_counts(asked.functions, N_RESAMPLES, np.random.default_rng(0))
    print(f"{known.origin}; {asked.functions} functions, trained for {trained} samples\n")
    print("\n".join(by_sample(errors, weights)), end="\n\n")
    print("\n".join(by_block(errors[NETWORK], rates_hz(held), trained, weights)))


if __name__ == "__main__":
    main()
