"""Bandits on the chip: restless ones, many arms, other lengths, and feedback that says nothing."""

from typing import Any

import numpy as np
import pytest
from support.statistical_asserts import assert_mean

from spikeloop.tasks.bandit import Bandit, BanditTasks
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.restless_bandit import RestlessBandit, RestlessTasks
from spikeloop.tasks.reversal_bandit import ReversalBandit
from spikeloop.workers.chip.limits import FULL
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.tabular.learner import TabularTd
from spikeloop.workers.plasticity import PROGRAMS, Incremental

ALPHA = 1e-4
RULES = [
    "fictive",
    pytest.param("formula", marks=pytest.mark.exhaustive),  # kernels that no other test has
    "incremental",
    "plasticity_network",
    pytest.param("posterior_mean", marks=pytest.mark.exhaustive),
]
"""Programs for any number of arms; the published network has two."""


def agent(program: Any, **settings: Any) -> ChipAgent:
    return ChipAgent.model_validate({"coding": "first", "program": program, **settings})


def episodes(learner: Any, tasks: Any, seed: int = 3) -> Any:
    space = learner.space(tasks.interface)
    seeds = np.random.default_rng(seed).integers(0, 2**64, (1, tasks.n_tasks), dtype=np.uint64)
    return learner.run_episodes(space.decode(space.default_point()[None]), tasks, seeds)


@pytest.mark.parametrize("learner", [agent(Incremental()), TabularTd()], ids=lambda one: one.kind)
def test_chances_that_stand_still_are_a_bandit_bit_for_bit(learner: Any) -> None:
    """Chances that both number formats hold; the control is one step of one walk."""
    chance = np.array([[0.2, 0.8], [0.6, 0.4], [0.0, 1.0]])
    if learner.kind == "tabular_td":
        chance = np.rint(chance * 64) / 64
    mean = np.repeat(chance[:, None, :], 30, axis=1)
    still = RestlessTasks(RestlessBandit(n_steps=30), mean)
    bandit = BanditTasks(Bandit(n_steps=30, arms="dependent"), chance)
    assert (np.rint(chance * FULL) == chance * FULL).all() or learner.kind == "tabular_td"
    found, wanted = episodes(learner, still), episodes(learner, bandit)
    np.testing.assert_array_equal(found.curve, wanted.curve)
    np.testing.assert_array_equal(found.action_values, wanted.action_values)
    mean[:, 3] = 1.0 - mean[:, 3]
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(
            episodes(learner, RestlessTasks(still.family, mean)).curve, wanted.curve
        )


def ahead(family: Any, learner: Any, n_tasks: int = 300) -> FloatArray:
    """Returns above those of uniform pulls, (n_tasks,)."""
    tasks = family.sample(n_tasks, np.random.default_rng(5))
    earned: FloatArray = episodes(learner, tasks).returns[0] - tasks.references().random
    return earned


@pytest.mark.parametrize("family", [Bandit, ReversalBandit, RestlessBandit])
def test_the_chip_learns_and_with_unrelated_feedback_falls_to_uniform_pulls(family: Any) -> None:
    """The control is the same agent with its own feedback. Sees .6 of a reward in 50 pulls."""
    learner = agent(Incremental())
    assert_mean(
        ahead(family(n_steps=50, counts="expected", feedback="unrelated"), learner), 0.0, ALPHA
    )
    earned = ahead(family(n_steps=50, counts="expected"), learner)
    assert earned.mean() > 5 * earned.std(ddof=1) / earned.size**0.5


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize(("n_arms", "n_steps"), [(2, 25), (5, 200), (10, 500)])
def test_every_rule_runs_with_many_arms_and_other_lengths(
    kind: str, n_arms: int, n_steps: int
) -> None:
    """Θ is the same whatever the arms and pulls are, so that one Θ runs on all of them."""
    family, learner = Bandit(n_arms=n_arms, n_steps=n_steps), agent(PROGRAMS[kind]())
    assert learner.space(family.interface) == learner.space(Bandit().interface)
    found = episodes(learner, family.sample(2, np.random.default_rng(0)))
    assert found.action_values.shape == (1, 2, 1, n_arms)
    assert ((found.returns >= 0) & (found.returns <= n_steps)).all()


@pytest.mark.parametrize("kind", RULES)
def test_every_rule_runs_restless_bandits_of_500_pulls(kind: str) -> None:
    family, learner = RestlessBandit(n_steps=500), agent(PROGRAMS[kind]())
    assert episodes(learner, family.sample(1, np.random.default_rng(0))).returns.shape == (1, 1)


@pytest.mark.parametrize(
    ("kind", "fits", "too_many"),
    [
        ("incremental", 1750, 1790),
        ("plasticity_network", 760, 780),
        ("plasticity_network_published", 305, 315),
    ],
)
def test_the_longest_walks_that_the_memory_holds_are_those_of_the_page(
    kind: str, fits: int, too_many: int
) -> None:
    learner = agent(PROGRAMS[kind]())
    learner.space(RestlessBandit(n_steps=fits).interface)
    with pytest.raises(ValueError, match="fewer steps of a restless bandit"):
        learner.space(RestlessBandit(n_steps=too_many).interface)
    agent(PROGRAMS[kind](), check_memory=False).space(RestlessBandit(n_steps=too_many).interface)
