"""Baselines of random MDPs: exact where they are exact, and what learns finds what can be found."""

from dataclasses import replace

import numpy as np
import pytest
from support.statistical_asserts import assert_mean

from spikeloop.tasks import mdp
from spikeloop.tasks.base import FloatArray, References
from spikeloop.tasks.mdp import BANDIT_EPISODES, RandomMdp, RandomMdpTasks
from spikeloop.tasks.references.finite_horizon import myopic_return, optimal_return
from spikeloop.tasks.references.mdp_policies import (
    LearningPolicy,
    ModelWithBonus,
    SampleAverages,
    learned_return,
)
from spikeloop.tasks.tabular import TabularTasks

ALPHA = 1e-4


def tables(transition: FloatArray, reward: FloatArray, n_steps: int) -> TabularTasks:
    """One task; transition (n_actions, n_states, n_states), reward (n_actions, n_states)."""
    everywhere = np.broadcast_to(reward[..., None], transition.shape)
    start = np.zeros(1, dtype=np.int64)
    return TabularTasks(transition[None], everywhere[None], start, n_steps)


def corridor(n_steps: int) -> TabularTasks:
    """Four states in a row; action 1 goes on for nothing, at the end for 1, and begins anew.

    Action 0 goes back for 0.1, so the myopic policy never leaves; the best one earns 1 in 4 steps.
    """
    back, on = np.zeros((2, 4, 4))
    back[np.arange(4), [0, 0, 1, 2]] = 1.0
    on[np.arange(4), [1, 2, 3, 0]] = 1.0
    paid = np.array([[0.1] * 4, [0.0, 0.0, 0.0, 1.0]])
    return tables(np.stack([back, on]), paid, n_steps)


def of_one_state(rewards: list[float], n_steps: int) -> TabularTasks:
    return tables(np.ones((len(rewards), 1, 1)), np.array(rewards)[:, None], n_steps)


def earned(tasks: TabularTasks, policy: LearningPolicy, n_episodes: int = 1) -> FloatArray:
    expected, rng = tasks.expected_reward(), np.random.default_rng(2)
    return learned_return(tasks.play, expected, tasks.n_steps, policy, n_episodes, rng)


def test_the_myopic_policy_takes_what_pays_most_at_once() -> None:
    tasks = corridor(50)
    arguments = (tasks.transition, tasks.expected_reward(), tasks.start_state, 50)
    assert myopic_return(*arguments) == pytest.approx(5.0)
    assert optimal_return(*arguments) == pytest.approx(12.2)


def test_the_myopic_return_is_that_of_its_episodes() -> None:
    """Played step by step with sampled successors; the optimal return is rejected."""
    tasks = RandomMdp(n_steps=40).sample(30, np.random.default_rng(0))
    task = np.repeat(np.arange(30), 100)
    best = tasks.expected_reward().argmax(axis=1)
    rng, episodes, total = np.random.default_rng(1), tasks.play(task), np.zeros(task.size)
    for _ in range(40):
        total += episodes.step(best[task, episodes.observe()], rng.random(task.size))[0]
    difference = (total - tasks.baselines(rng)["myopic, knows task"][task]).reshape(30, 100)
    assert_mean(difference, 0.0, ALPHA)
    better = tasks.references().optimal - tasks.baselines(rng)["myopic, knows task"]
    with pytest.raises(AssertionError):
        assert_mean(difference - better[:, None], 0.0, ALPHA)


def test_a_bandit_per_state_tries_each_action_until_one_is_better_than_the_rest() -> None:
    """One imagined reward of 1: means are 1, .9 (of .8), .8 (.6), .7 (.4), then .87 (.8 twice).

    So the arms .8, .6, .4 are pulled once each, and the best one from then on, until its mean of
    (1 + .8 n) / (1 + n) is below .8, which never happens.
    """
    tasks = of_one_state([0.4, 0.6, 0.8], 20)
    assert earned(tasks, SampleAverages(1, 1, 3, 1.0)) == pytest.approx(0.4 + 0.6 + 0.8 * 18)
    # Without an imagined reward the first arm that is pulled replaces the 1 and is no better.
    assert earned(tasks, SampleAverages(1, 1, 3, 0.0)) == pytest.approx(0.4 + 0.6 + 0.8 * 18)
    # With 1000 imagined ones a pull lowers a mean by (1 − reward) / 1000 or a little less, so the
    # arms are pulled about as 1/.6 : 1/.4 : 1/.2; exact fractions give 4, 5 and 11 of 20 pulls.
    in_turn = 0.4 * 4 + 0.6 * 5 + 0.8 * 11
    assert earned(tasks, SampleAverages(1, 1, 3, 1000.0)) == pytest.approx(in_turn)


def test_a_model_finds_the_end_of_a_corridor_and_bandits_do_not() -> None:
    tasks = corridor(2000)
    assert earned(tasks, ModelWithBonus(1, 4, 2, 0.9, 0.1))[0] > 0.24 * 2000
    assert earned(tasks, ModelWithBonus(1, 4, 2, 0.0, 0.1))[0] < 0.13 * 2000
    assert earned(tasks, SampleAverages(1, 4, 2, 2.0))[0] < 0.13 * 2000


def test_a_model_solves_the_equations_of_its_estimates() -> None:
    """When nothing is added any more, the swept values are those of value iteration."""
    rng = np.random.default_rng(4)
    tasks = RandomMdp(n_states=3, n_actions=2, n_steps=300).sample(5, rng)
    policy = ModelWithBonus(5, 3, 2, 0.5, 0.3)
    earned(tasks, policy)
    value = np.zeros((5, 3, 2))
    seen = policy.visits > 0
    mean = policy.total / np.maximum(policy.visits, 1)
    for _ in range(100):
        ahead = np.einsum("nlsa,ln->lsa", policy.successors, value.max(axis=2))
        learned = mean + (0.5 * ahead / np.maximum(policy.visits, 1))
        bonus = 0.3 / np.sqrt(np.maximum(policy.visits, 1))
        value = np.where(seen, learned + bonus, 2.0)
    assert seen.sum() > 25
    np.testing.assert_allclose(policy.value, value, atol=0.02)
    assert policy.visits.sum() == 5 * 300


def score(returns: FloatArray, references: References) -> float:
    gain, span = returns - references.random, references.optimal - references.random
    return float(gain.sum() / span.sum())


SAMPLED = 100


@pytest.fixture(scope="module")
def chip_sized() -> RandomMdpTasks:
    return RandomMdp().sample(SAMPLED, np.random.default_rng(11))


def test_scores_are_those_of_an_independent_program(chip_sized: RandomMdpTasks) -> None:
    """Which found .917 to .932, .903 to .916 and .940 to .948 on 200 and 400 MDPs.

    The standard error of the first is .009 over 200 MDPs, of the others below .008, so the bounds
    are four standard errors at 100 MDPs beyond its ranges; the last program has other constants.
    """
    references = chip_sized.references()
    found = chip_sized.baselines(np.random.default_rng(3))
    of = {name: score(returns, references) for name, returns in found.items()}
    assert 0.87 < of["myopic, knows task"] < 0.98
    assert 0.86 < of["bandit per state"] < 0.96
    assert 0.93 < of["model with bonus"] < 0.98
    assert of["bandit per state"] < of["myopic, knows task"] < of["model with bonus"]


def test_learners_that_get_no_rewards_are_at_chance() -> None:
    """The control: what they earn comes from learning and from nothing else."""
    tasks = RandomMdp(n_steps=200).sample(40, np.random.default_rng(12))
    blind = replace(tasks, signal=np.zeros_like(tasks.reward))
    for policy in (SampleAverages(40, 6, 8, 2.0), ModelWithBonus(40, 6, 8, 0.9, 0.1)):
        assert_mean(earned(blind, policy) - tasks.references().random, 0.0, ALPHA)
    with pytest.raises(AssertionError):
        learner = SampleAverages(40, 6, 8, 2.0)
        assert_mean(earned(tasks, learner) - tasks.references().random, 0.0, ALPHA)


@pytest.mark.parametrize(
    ("most", "left"),
    [
        (5 * (10_000 + 100 * 8), 3),  # four episodes of a bandit in each of two tasks
        (5 * (10_000 + 100 * 8) - 1, 2),
        (5 * (10_000 + 100 * 2 + 96), 2),  # one model of 48 entries a task
        (5 * (10_000 + 100 * 2 + 96) - 1, 1),
    ],
)
def test_what_would_take_too_long_is_left_out(
    monkeypatch: pytest.MonkeyPatch, most: int, left: int
) -> None:
    tasks = RandomMdp(n_states=4, n_actions=3, n_steps=5).sample(2, np.random.default_rng(0))
    everything = tasks.baselines(np.random.default_rng(0))
    monkeypatch.setattr(mdp, "MAX_NUMBERS", most)
    names = ["myopic, knows task", "bandit per state", "model with bonus"]
    kept = names if left == 3 else [names[0], names[2]][:left]
    assert list(everything) == names
    assert list(tasks.baselines(np.random.default_rng(0))) == kept


def test_a_million_steps_are_too_many_for_the_smallest_tables() -> None:
    """They would take a minute and more, at 20 to 60 µs a step whatever the size."""
    family = RandomMdp(n_states=2, n_actions=2, n_steps=1_000_000)
    tasks = family.sample(1, np.random.default_rng(0))
    assert not tasks._affordable(1)
    assert replace(tasks, n_steps=2000)._affordable(200 * BANDIT_EPISODES, 200 * 8 * 36)
