"""Liquid computing beside the trained network: the same one, untrained, whose readout learns.

Run ``python benchmarks/studies/lsnn_liquid.py CONFIG`` with the configuration of a run in which
``lsnn`` learns functions from a teacher (``--set table.key=value`` changes it, ``--learned RUN``
adds what a run folder or weights file has learned); 1000 functions of 40 samples take some minutes
on a core.

The liquid has the random weights that the run starts from, scales included, and sees all that the
trained network sees, the last target among it. Its spikes are filtered, and for each function anew
a linear readout with a bias learns from the teacher, sample by sample, by recursive least squares
(``workers/brian/least_squares_readout.py``): after each sample it is the ridge regression on all
samples so far, so the mean of Bayesian regression with independent Gaussian priors, and before the
first it answers the prior mean. Functions of their own tell it the mean of each feature, which is
taken off, and choose, by the error over all samples, the filter (or the plain number of a sample's
spikes) and the prior variances of bias and weights; one at the edge of its grid asks for a wider
grid. The trained network's weights are fixed instead, and what it learns of a function is in its
state.

The table has mean squared errors on the scale of the functions, before targets are squeezed into
[0.2, 0.8], after 0, 1, 2, ... samples of a function, and over all, on the held-out functions of the
run's transfer, with 95 % intervals (bootstrap over functions). Beside them are predictors that know
more, the family's baselines, the last of them the form of all functions and their distribution.
"""

import argparse
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spikeloop.coordinator.config import run_config
from spikeloop.coordinator.config.load import load, override
from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.stats.bootstrap import percentiles
from spikeloop.tasks.base import FloatArray, SeedArray
from spikeloop.tasks.quadratic import QuadraticTasks
from spikeloop.workers.brian.least_squares_readout import recursive_least_squares
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.learners.lsnn.neurons import decay
from spikeloop.workers.seeding import Purpose, TaskSet, seeds, stream
from spikeloop.workers.space import Parameters

SAMPLES = (0, 1, 2, 3, 5, 10, 20, 30, 39)
"""Of a function, seen before the answer."""
CHUNK = 50
"""Functions at once: the spikes of 200 neurons in 400 time steps take 320 kB a function."""
RIDGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse variances of the bias before any sample, if a target's noise has variance 1."""
GAINS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Lengths of the features of a sample, on average; squared, how much more the weights vary."""
N_RESAMPLES = 2000


class Functions(NamedTuple):
    """Functions and the seeds of the episodes in which they are met."""

    tasks: QuadraticTasks
    seeds: SeedArray


class EpisodeResult(NamedTuple):
    """What became of episodes.

    Attributes:
        features: by filter, (n_samples, n_functions, n_neurons) filtered spikes at a sample's end.
        errors: (n_functions, n_samples) squared errors of the network's own answers.
        rate_hz: mean firing rate.
    """

    features: dict[str, FloatArray]
    errors: FloatArray
    rate_hz: float


def functions(run: run_config.RunConfig, task_set: TaskSet, index: int, n: int) -> Functions:
    """Those that a run would meet there."""
    tasks = run.family.sample(n, stream(run.run.seed, Purpose.TASKS, task_set, index))
    if not isinstance(tasks, QuadraticTasks):
        raise SystemExit(f"[family] must be quadratic, got {run.family.kind}")
    return Functions(tasks, seeds(run.run.seed, Purpose.EPISODES, task_set, index, n=n))


def run_episodes(
    learner: Lsnn, parameters: Parameters, met: Functions, taus_ms: list[float]
) -> EpisodeResult:
    """Runs the network on all functions, some at a time."""
    chunks = []
    for start in range(0, met.tasks.n_tasks, CHUNK):
        some = slice(start, start + CHUNK)
        kept = tile.trace(learner, parameters, met.tasks[some], met.seeds[None, some])
        spikes = kept.spikes[0]
        features = {f"{tau:g} ms": filtered(spikes, tau, learner.step_ms) for tau in taus_ms}
        features["number"] = spikes.sum(axis=1, dtype=np.float64)
        errors = -kept.decisions.reward[0].T.astype(np.float64)
        chunks.append(EpisodeResult(features, errors, float(spikes.mean()) * 1e3 / learner.step_ms))
    return EpisodeResult(
        {
            name: np.concatenate([chunk.features[name] for chunk in chunks], axis=1)
            for name in chunks[0].features
        },
        np.concatenate([chunk.errors for chunk in chunks]),
        float(np.mean([chunk.rate_hz for chunk in chunks])),
    )


def filtered(spikes: FloatArray, tau_ms: float, step_ms: float) -> FloatArray:
    """Spikes after an exponential filter that adds 1 for each, at the end of each sample.

    Args:
        spikes: (n_samples, n_time_steps, n_functions, n_neurons).
        tau_ms: time constant of the filter.
        step_ms: length of a time step.
    """
    left, n_time_steps = decay(tau_ms, step_ms), spikes.shape[1]
    weights = left ** np.arange(n_time_steps - 1, -1, -1)
    ends: FloatArray = np.einsum("stfn,t->sfn", spikes, weights)
    for before, now in pairwise(ends):
        now += left**n_time_steps * before
    return ends


class Readout(NamedTuple):
    """How a readout sees the spikes, and how it learns.

    Attributes:
        name: of the filter.
        mean: (n_neurons,) of the filtered spikes, which is taken off.
        gain: that they are multiplied with then.
        ridge: inverse variance of each weight before any sample.
    """

    name: str
    mean: FloatArray
    gain: float
    ridge: float

    def errors(self, episodes_done: EpisodeResult, values: FloatArray) -> FloatArray:
        """(n_functions, n_samples) squared errors of readouts that learn on the way.

        Args:
            episodes_done: of the liquid.
            values: (n_functions, n_samples) of the functions, whose prior mean is 0.
        """
        n, n_neurons = len(values), self.mean.size
        answers = recursive_least_squares(
            self.gain * (episodes_done.features[self.name] - self.mean),
            values.T,
            np.full(n, n_neurons),
            np.full(n, self.ridge),
            np.ones(n),
        )
        squared: FloatArray = (answers.T - values) ** 2
        return squared


def choose(episodes_done: EpisodeResult, values: FloatArray) -> tuple[Readout, float]:
    """The readout that errs least over all samples, and its gain in terms of ``GAINS``."""
    best: tuple[float, Readout, float] | None = None
    for name, seen in episodes_done.features.items():
        mean = seen.mean(axis=(0, 1))
        length = float(np.sqrt(((seen - mean) ** 2).sum(axis=2).mean()))
        for gain, ridge in product(GAINS, RIDGES):
            readout = Readout(name, mean, gain / max(length, 1e-9), ridge)
            error = float(readout.errors(episodes_done, values).mean())
            if best is None or error < best[0]:
                best = error, readout, gain
    assert best is not None
    return best[1:]


def cells(errors: FloatArray, at: list[int], rng: np.random.Generator) -> list[str]:
    """Mean over the functions with its interval, after so many samples each."""
    n = len(errors)
    drawn = rng.multinomial(n, np.full(n, 1 / n), N_RESAMPLES) / n
    low, high = percentiles(drawn @ errors[:, at])
    bounds = zip(errors[:, at].mean(axis=0), low, high, strict=True)
    return [f"{value:.4f} [{a:.4f}, {b:.4f}]" for value, a, b in bounds]


def table(columns: dict[str, FloatArray], n_samples: int) -> Iterator[str]:
    """The lines of a table in Markdown."""
    at = [sample for sample in SAMPLES if sample < n_samples]
    # The same functions are drawn for every column.
    shown = [cells(errors, at, np.random.default_rng(0)) for errors in columns.values()]
    whole = [errors.mean(axis=1, keepdims=True) for errors in columns.values()]
    means = [cells(errors, [0], np.random.default_rng(0))[0] for errors in whole]
    yield "| samples seen | " + " | ".join(columns) + " |"
    yield "|" + " --- |" * (1 + len(columns))
    for label, row in zip([*at, "all"], [*zip(*shown, strict=True), means], strict=True):
        yield f"| {label} | " + " | ".join(row) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("config", type=Path, help="TOML file of a run")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE")
    parser.add_argument("--learned", type=Path, help="run folder or weights file of that run")
    parser.add_argument("--functions", type=int, default=1000, help="held-out ones")
    parser.add_argument("--choosing", type=int, default=200, help="functions to choose with")
    parser.add_argument("--taus", type=float, nargs="+", default=[5.0, 20.0, 100.0], help="in ms")
    asked = parser.parse_args()
    run = load(asked.config, dict(override(text) for text in asked.set))
    learner = run.learner
    if not isinstance(learner, Lsnn):
        raise SystemExit(f"[learner] must be lsnn, got {learner.kind}")
    point = run.space.default_point()
    liquid = run.space.decode(point[None])

    apart = functions(run, TaskSet.MONITOR, 0, asked.choosing)
    readout, gain = choose(run_episodes(learner, liquid, apart, asked.taus), apart.tasks.values())
    held_out = functions(run, TaskSet.TRANSFER, run.transfer.seed, asked.functions)
    episodes_done, values = (
        run_episodes(learner, liquid, held_out, asked.taus),
        held_out.tasks.values(),
    )
    columns = {"liquid, readout learns": readout.errors(episodes_done, values)}
    if asked.learned:
        found = learned.open_learned(asked.learned, trust=False)
        if not isinstance(found.config.learner, Lsnn):
            raise SystemExit(f"{asked.learned}: its learner must be lsnn")
        trained = found.config.space.decode(found.point[None])
        columns["trained"] = run_episodes(found.config.learner, trained, held_out, []).errors
    columns |= held_out.tasks.baseline_errors()
    print(
        f"{asked.config}: {asked.functions} functions; "
        f"the liquid fires at {episodes_done.rate_hz:.0f} Hz"
    )
    print(
        f"chosen on {asked.choosing} others: filter {readout.name}, gain {gain:g}, "
        f"ridge {readout.ridge:g}\n"
    )
    print("\n".join(table(columns, held_out.tasks.n_steps)))


if __name__ == "__main__":
    main()
