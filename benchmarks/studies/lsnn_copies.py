"""Errors of a trained network whose answers are averaged over copies of it.

Run ``python benchmarks/studies/lsnn_copies.py examples/trained/lsnn_quadratic.npz``; it takes a
minute on a core. The file's network of the learner ``lsnn`` learns held-out quadratic functions,
alone and as several copies with the same weights, which begin at other potentials
(``learner.copies``). Nothing is trained.

The table has mean squared errors on the scale of the functions after so many samples, and the
differences from the single network over the last ten samples, paired by function. These differences
are the planned comparison. All intervals are 95 %, bootstrap over functions; they say nothing about
other trainings.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.behaviour.prediction_errors import NETWORK, squared_errors
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.stats.bootstrap import N_RESAMPLES, draw_counts, mean_band
from spikeloop.tasks.base import FloatArray

SAMPLES = (10, 20, 30, 39)
"""Seen before the answer."""
LAST = 10
"""Samples of the last column."""


def with_copies(known: Learned, copies: int) -> Learned:
    """The same with so many copies in held-out episodes."""
    transfer = known.config.transfer
    more = transfer.model_copy(update={"learner": {**transfer.learner, "copies": copies}})
    return replace(known, config=replace(known.config, transfer=more))


def table(errors: Mapping[int, FloatArray], weights: Any) -> Iterator[str]:
    """The lines of the table, in Markdown; ``errors`` are (n_functions, n_samples) by copies."""
    first = next(iter(errors))
    n_samples = errors[first].shape[1]
    shown = [k for k in SAMPLES if k < n_samples]
    yield f"| copies | {' | '.join(map(str, shown))} | last {LAST} | less {first} |"
    yield "|" + " --- |" * (3 + len(shown))
    late = {n: each[:, -LAST:].mean(axis=1, keepdims=True) for n, each in errors.items()}
    for n, each in errors.items():
        band, last = mean_band(each, weights), mean_band(late[n], weights)
        change = mean_band(late[n] - late[first], weights).at(0)
        paired = f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
        cells = [*(str(band.at(k)) for k in shown), str(last.at(0)), paired if n != first else "–"]
        yield f"| {n} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("weights", type=Path, help="run folder or weights file")
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 2, 3, 4, 6, 8])
    parser.add_argument("--functions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="which held-out functions")
    asked = parser.parse_args()
    known = learned.open_learned(asked.weights, trust=False)
    errors = {}
    for copies in asked.copies:
        held = HeldOutEpisodes(with_copies(known, copies), asked.functions, asked.seed)
        tasks: Any = held.tasks
        errors[copies] = squared_errors(tasks, held.actions(known.point))[NETWORK]
    weights = draw_counts(asked.functions, N_RESAMPLES, np.random.default_rng(0))
    print(f"{known.origin}; {asked.functions} functions\n")
    print("\n".join(table(errors, weights)))


if __name__ == "__main__":
    main()
