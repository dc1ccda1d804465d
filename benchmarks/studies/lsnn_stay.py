"""Stay probabilities of a trained network in the two-step task: does it credit actions or states?

Run ``python benchmarks/studies/lsnn_stay.py examples/trained/lsnn_two_step.npz``; it takes half a
minute on a core. The table has how often the first action of a trial is repeated in the next one,
by what came of the trial (``tasks/two_step.py`` explains it), in held-out episodes with the actions
drawn from the network's policy. The last two columns are the main effect of reward, which a policy
that credits actions has, and the interaction of reward and transition, which one that credits
states has. Intervals are 95 %, bootstrap over episodes, and say nothing about other trainings.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.interpretation.held_out_choices import HeldOutChoices, held_out_choices
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.philox import Stream, uniforms

OUTCOMES = ("rewarded, common", "rewarded, rare", "not, common", "not, rare")
N_RESAMPLES = 2000


def counted(done: HeldOutChoices, common: float) -> tuple[FloatArray, FloatArray]:
    """Count trials, and those after which the first action is repeated, (n_episodes, 4) each."""
    first, paid = done.actions[:, ::2], done.feedback[:, 1::2] > 0
    n_trials = first.shape[1]
    drawn = [uniforms(done.seeds, Stream.ENVIRONMENT, 2 * k)[:, 0] for k in range(n_trials)]
    uniform = np.stack(drawn, axis=1)
    outcome = 2 * ~paid + (uniform >= common)
    stays = first[:, 1:] == first[:, :-1]
    at = [outcome[:, :-1] == k for k in range(len(OUTCOMES))]
    return (
        np.stack([here.sum(axis=1) for here in at], axis=1),
        np.stack([(here & stays).sum(axis=1) for here in at], axis=1),
    )


def described(n: FloatArray, stayed: FloatArray) -> FloatArray:
    """Compute probabilities, effect of reward and interaction, (..., 6), of sums (..., 4)."""
    p = stayed / n
    reward = (p[..., 0] + p[..., 1] - p[..., 2] - p[..., 3]) / 2
    interaction = (p[..., 0] - p[..., 1] - p[..., 2] + p[..., 3]) / 2
    return np.concatenate([p, reward[..., None], interaction[..., None]], axis=-1)


def table(n: FloatArray, stayed: FloatArray) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    rng = np.random.default_rng(0)
    times = rng.multinomial(len(n), np.full(len(n), 1 / len(n)), N_RESAMPLES)
    low, high = np.quantile(described(times @ n, times @ stayed), (0.025, 0.975), axis=0)
    names = (*OUTCOMES, "effect of reward", "interaction")
    yield f"| {' | '.join(names)} |"
    yield "|" + " --- |" * len(names)
    values = described(n.sum(axis=0), stayed.sum(axis=0))
    cells = [f"{v:.3f} [{a:.3f}, {b:.3f}]" for v, a, b in zip(values, low, high, strict=True)]
    yield f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("weights", type=Path, help="run folder or weights file")
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="which held-out tasks")
    asked = parser.parse_args()
    known = learned.open_learned(asked.weights, trust=False)
    family: Any = known.config.held_out_family
    done = held_out_choices(known, asked.episodes, asked.seed)
    print("\n".join(table(*counted(done, family.common))))


if __name__ == "__main__":
    main()
