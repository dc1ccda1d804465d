"""What each choice of an example brings: short trainings in which one of them is taken back.

Run ``python benchmarks/studies/lsnn_choices.py``; it takes half an hour on one core
(``--choices`` and ``--episodes`` make it shorter). Each training is that of
``examples/lsnn_quadratic.toml`` with the same random numbers, cut to ``--episodes`` episodes with
its learning rate's decay, and with others of its settings in one respect; its weights then run on
1000 new functions, the same for all. The table has their mean squared error by the number of
samples seen, with 95 % intervals over functions, and the mean over all samples as a difference from
the example, paired by function. One training each: how much another seed would change is not in the
intervals (``--seed``).
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config import run_config
from spikeloop.coordinator.config.load import parse, read_tables
from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.interpretation.behaviour import prediction_errors
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.stats.bootstrap import N_RESAMPLES, draw_counts, mean_band
from spikeloop.coordinator.store import manifest
from spikeloop.tasks.base import FloatArray

EXAMPLE = Path(__file__).parents[2] / "examples" / "lsnn_quadratic.toml"
SAMPLES = (5, 10, 20, 30, 39)
N_FUNCTIONS = 1000

SLOW = {
    "learner.tau_membrane_ms": 20.0,
    "learner.input_scale": 9.6,
    "learner.recurrent_scale": 1.0,
}
"""Membranes of Bellec et al. 2018, with weights strong enough for the same drive in a time step."""
UNASKED = {"learner.objective.latent_cost": 0.0}
UNCENTRED = {"learner.centering_rate_hz": 0.0}
SPIKES = {**UNCENTRED, "learner.input": "spikes"}
"""Poisson's spike trains, which weights cannot be centred on."""
CHOICES: dict[str, dict[str, Any]] = {
    "the example": {},
    "membranes of 20 ms": SLOW,
    "not asked for coefficients": UNASKED,
    "weights on activity itself": UNCENTRED,
    "none of the three": {**SLOW, **UNASKED, **UNCENTRED},
    "spike trains of 1000 Hz": {**SPIKES, "learner.input_rate_hz": 1000.0},
    "spike trains of 200 Hz": {**SPIKES, "learner.input_rate_hz": 200.0},
}
"""Settings that are others than in the example. Rates of channels are those at their height."""


class Quiet:
    """A reporter that tells the name of a training and its held-out scores.

    Args:
        name: of the training.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def pool(self, description: str) -> None:
        """Is always this process."""

    def note(self, text: str) -> None:
        """Something that needs a line of its own."""
        print(f"{self.name}: {text}", flush=True)

    def started(self, what: str, n_episodes: int) -> None:
        """Is of no interest."""

    def episodes_done(self, n_episodes: int) -> None:
        """Is of no interest."""

    def generation(self, report: GenerationReport) -> None:
        if report.held_out is not None:
            print(f"{self.name}: generation {report.generation}, {report.held_out}", flush=True)


def configuration(changes: Mapping[str, Any], episodes: int, seed: int) -> run_config.RunConfig:
    tables = read_tables(EXAMPLE, run_config.TABLES, changes)
    generations = episodes // tables["run"]["tasks"]
    tables["run"] |= {"generations": generations, "seed": seed}
    tables["strategy"] |= {"decay_generations": generations}
    tables["transfer"] |= {"monitor_every": max(1, generations // 4)}
    tables["target"] = {"kind": "inline"}
    return parse(tables, str(EXAMPLE), None)


def squared_errors(settings: run_config.RunConfig, name: str) -> FloatArray:
    """(n_functions, n_steps) of the trained network, on new functions."""
    with TemporaryDirectory() as folder:
        run_session.start(settings, Path(folder) / "run", Quiet(name), StopSignal())
        known = learned.open_learned(Path(folder) / "run", trust=False)
    held = HeldOutEpisodes(known, N_FUNCTIONS, seed=0)
    tasks: Any = held.tasks
    return prediction_errors.squared_errors(tasks, held.actions(known.point))[
        prediction_errors.NETWORK
    ]


def table(errors: Mapping[str, FloatArray]) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    names = [f"{n} samples" for n in SAMPLES]
    yield f"| training | {' | '.join(names)} | all samples | less the example's |"
    yield "|" + " --- |" * (3 + len(SAMPLES))
    weights = draw_counts(N_FUNCTIONS, N_RESAMPLES, np.random.default_rng(0))
    first = next(iter(errors.values()))
    for name, values in errors.items():
        by_sample, whole = mean_band(values, weights), values.mean(axis=1, keepdims=True)
        cells = [str(by_sample.at(n)) for n in SAMPLES]
        cells.append(str(mean_band(whole, weights).at(0)))
        more = mean_band((values - first).mean(axis=1, keepdims=True), weights).at(0)
        paired = f"{more.value:+.3f} [{more.low:+.3f}, {more.high:+.3f}]"
        yield f"| {name} | {' | '.join(cells)} | {paired if values is not first else '–'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--choices", nargs="+", choices=CHOICES, default=list(CHOICES))
    parser.add_argument("--episodes", type=int, default=100_000, help="of each training")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(f"{manifest.processor()}, {os.cpu_count()} cores, of which one is used", flush=True)
    errors = {
        name: squared_errors(configuration(CHOICES[name], asked.episodes, asked.seed), name)
        for name in asked.choices
    }
    print()
    print("\n".join(table(errors)))


if __name__ == "__main__":
    main()
