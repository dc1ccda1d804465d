"""Imitation: which actions are imitated, and their gradient by hand."""

from typing import Any

import numpy as np
import pytest

from spikeloop.tasks import FAMILIES
from spikeloop.tasks.base import FloatArray, HasOptimalPolicy, TaskFamily
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.reversal_bandit import ReversalBandit
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.imitation import optimal_actions
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.philox import Stream, uniforms
from spikeloop.workers.space import Parameters

FAMILY = RandomMdp(n_states=3, n_actions=4, n_steps=6)
TASKS = FAMILY.sample(5, np.random.default_rng(3))
SEEDS = np.arange(5, dtype=np.uint64)[None]


HIDDEN = ReversalBandit()
"""States that look the same have different optimal actions."""
SUITABLE = [
    family
    for family in (cls() for cls in FAMILIES.values())
    if family.interface.actions == "discrete" and family != HIDDEN
]


@pytest.mark.parametrize("family", [FAMILY, *SUITABLE], ids=lambda family: family.kind)
def test_they_are_those_of_the_policy_that_knows_the_task(family: TaskFamily) -> None:
    tasks, seen = family.sample(3, np.random.default_rng(1)), family.interface.n_observations
    assert isinstance(tasks, HasOptimalPolicy)
    actions, policy = optimal_actions(tasks), tasks.optimal_policy()
    assert actions.shape == (3, family.interface.n_steps, seen)
    rng = np.random.default_rng(2)
    for step in rng.integers(family.interface.n_steps, size=20):
        task, observed = rng.integers(3, size=8), rng.integers(seen, size=8)
        expected = policy(int(step), task, observed)
        np.testing.assert_array_equal(actions[task, step, observed], expected)


def test_tasks_without_such_actions_are_refused() -> None:
    hidden = HIDDEN.sample(2, np.random.default_rng(4))
    learner = Lsnn.model_validate({"objective": {"imitation_cost": 1.0}})
    learner.check_tasks(TASKS)
    with pytest.raises(ValueError, match=r"imitation_cost must be 0 .*not observed"):
        learner.check_tasks(hidden)
    Lsnn().check_tasks(hidden)  # the negative control


def small(**objective: float) -> Lsnn:
    settings: dict[str, Any] = {"n_neurons": 10, "window_ms": 3.0, "precision": "float64"}
    settings["objective"] = {"rate_cost": 0.0, **objective}
    return Lsnn(**settings)


def untrained(learner: Lsnn) -> Parameters:
    space = learner.space(FAMILY.interface)
    return space.decode(space.default_point()[None])


def bias_gradient(learner: Lsnn) -> FloatArray:
    """(n_actions + 1,) gradient of the untrained network's readout biases, halfway."""
    gradient = learner.differentiate(untrained(learner), TASKS, SEEDS, 0.5).gradient
    assert gradient is not None
    parts = learner.space(FAMILY.interface).slices()
    place = next(place for parameter, place in parts if parameter.name == "readout_bias")
    found: FloatArray = gradient[0, place] * np.sqrt(learner.n_neurons) / learner.readout_scale
    return found


def test_gradient_of_imitation_by_hand() -> None:
    """For the uniform policy of readouts of 0: the share of optimal actions less 1 / n_actions."""
    added = (
        bias_gradient(small(imitation_cost=3.0, last_imitation_cost=1.0)) - bias_gradient(small())
    ) / 2.0  # halfway from 3 to 1
    acted = tile.actions(small(), untrained(small()), TASKS, SEEDS)[0]
    optimal, play, share = optimal_actions(TASKS), TASKS.play(np.arange(5)), np.zeros(4)
    for step, actions in enumerate(acted):
        best = optimal[np.arange(5), step, play.observe()]
        share += np.bincount(best, minlength=4) / acted.size
        play.step(actions, uniforms(SEEDS[0], Stream.ENVIRONMENT, step)[:, 0])
    np.testing.assert_allclose(added, [*(share - 0.25), 0.0], atol=1e-9)
    assert np.abs(added).max() > 0.01
