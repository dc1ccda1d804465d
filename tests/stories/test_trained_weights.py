"""Trained weights in examples/trained belong to the examples, and score what they state."""

from pathlib import Path

import numpy as np
import pytest
from support.paths import EXAMPLES
from support.statistical_asserts import assert_mean

from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.export import weights as learned
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import Parameters

TRAINED = sorted((EXAMPLES / "trained").glob("*.npz"))
assert len(TRAINED) >= 4
N_TASKS = 60
ALPHA = 1e-4
"""False alarms of the statistical test."""


def misses(known: learned.Learned, point: FloatArray) -> FloatArray:
    """(n_tasks,) return − random − score · (optimal − random), with the score that the file states.

    A score is the sum of return − random over the sum of optimal − random, so with the right score
    these values have the mean 0.
    """
    config, rng = known.config, np.random.default_rng(7)
    tasks = config.held_out_family.sample(N_TASKS, rng)
    seeds = rng.integers(0, 2**64, (1, N_TASKS), dtype=np.uint64)
    parameters: Parameters = config.space.decode(point[None])
    returns = config.held_out_learner.run_episodes(parameters, tasks, seeds).returns[0]
    assert known.transfer is not None
    score = known.transfer["scores"]["learned"]["value"]
    references = tasks.references()
    return np.asarray(
        returns - references.random - score * (references.optimal - references.random)
    )


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_trained_weights_belong_to_the_example_and_score_what_they_state(path: Path) -> None:
    known = learned.open_learned(path, trust=False)
    example = load(EXAMPLES / f"{path.stem}.toml")
    for table in ("family", "learner", "strategy"):
        assert getattr(known.config, table) == getattr(example, table)
    assert known.config.run.tasks == example.run.tasks
    assert known.config.run.curriculum == example.run.curriculum
    assert known.generation == example.run.generations
    assert_mean(misses(known, known.point), 0.0, ALPHA)
    with pytest.raises(AssertionError):  # the negative control
        assert_mean(misses(known, known.config.space.default_point()), 0.0, ALPHA)
