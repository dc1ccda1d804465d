"""The two-step task: sampled tasks, steps, and strategies with and without a model."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.statistical_asserts import assert_mean, assert_rate

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.references.two_state_filter import updated
from spikeloop.tasks.two_step import TwoStep, TwoStepTasks

ALPHA = 1e-4


def sample(n_tasks: int, **settings: Any) -> TwoStepTasks:
    return TwoStep(**settings).sample(n_tasks, np.random.default_rng(0))


def baselines(tasks: TwoStepTasks, seed: int = 1) -> dict[str, FloatArray]:
    return dict(tasks.baselines(np.random.default_rng(seed)))


# The family


def test_the_good_state_is_drawn_at_first_and_reversed_at_its_rate() -> None:
    """The controls are a reversal rate of 0.03 and a first state that is never 1."""
    good = sample(1000).good
    assert good.shape == (1000, 100)
    assert set(np.unique(good)) == {0, 1}
    assert_rate(int(good[:, 0].sum()), 1000, 0.5, ALPHA)
    reversals = int(np.abs(np.diff(good, axis=1)).sum())
    assert_rate(reversals, 1000 * 99, 0.025, ALPHA, control=0.03)
    assert (np.diff(sample(100, reversal=0.0).good, axis=1) == 0).all()


# Steps


def test_a_trial_leads_to_a_state_and_pays_there() -> None:
    """Random numbers just below and at each chance, for either action and either state."""
    tasks = TwoStepTasks(TwoStep(n_steps=4), np.array([[0, 1], [1, 1]]))
    below, at = np.nextafter(0.75, 0), 0.75
    actions, noise = np.array([0, 0, 1, 1]), np.array([below, at, below, at])
    for task in (0, 1):
        play = tasks.play(np.full(4, task))
        for good in tasks.good[task]:
            np.testing.assert_array_equal(play.observe(), np.zeros(4))
            reward, feedback = play.step(actions, noise)
            np.testing.assert_array_equal(reward, np.zeros(4))
            np.testing.assert_array_equal(feedback, np.zeros(4))
            np.testing.assert_array_equal(play.observe(), [1, 2, 2, 1])
            # What is done at the second stage does not matter.
            spare = np.array([0, 1, 1, 0])
            few, many = np.full(4, 0.11), np.full(4, np.nextafter(0.9, 0))
            reward, feedback = play.step(spare, few if good else many)
            is_good = np.array([1, 2, 2, 1]) == good + 1
            np.testing.assert_array_equal(reward, is_good)
            np.testing.assert_array_equal(feedback, reward)


# References and baselines


def test_references_and_policies_that_remember_one_trial_by_hand() -> None:
    """The better action pays 0.75 · 0.9 + 0.25 · 0.1 = 0.7 a trial, uniform ones 0.5.

    The last trial is right with 0.9 by the state and 0.7 by the action, unless the state changed.
    """
    tasks = TwoStepTasks(TwoStep(n_steps=6), np.array([[0, 0, 1], [1, 1, 1]]))
    np.testing.assert_allclose(tasks.references().random, [1.5, 1.5])
    np.testing.assert_allclose(tasks.references().optimal, [2.1, 2.1])
    of_name = baselines(tasks)
    right, wrong = 0.3 + 0.4 * 0.9, 0.3 + 0.4 * 0.1
    np.testing.assert_allclose(of_name["stay by state"], [0.5 + right + wrong, 0.5 + 2 * right])
    right, wrong = 0.3 + 0.4 * 0.7, 0.3 + 0.4 * 0.3
    np.testing.assert_allclose(of_name["stay by action"], [0.5 + right + wrong, 0.5 + 2 * right])


def posterior(words: tuple[int, ...], agrees: float, reversal: float) -> float:
    """Belief in state 1 after some trials, by summing over all courses of the state."""
    weight = [0.0, 0.0]
    for course in product((0, 1), repeat=len(words) + 1):
        p = 0.5
        for before, after in pairwise(course):
            p *= reversal if before != after else 1 - reversal
        for word, state in zip(words, course, strict=False):
            p *= agrees if word == state else 1 - agrees
        weight[course[-1]] += p
    return weight[1] / sum(weight)


@pytest.mark.parametrize(("agrees", "reversal"), [(0.9, 0.025), (0.7, 0.2), (1.0, 0.1), (0.8, 0)])
def test_beliefs_are_those_of_brute_force(agrees: float, reversal: float) -> None:
    for words in product((0, 1), repeat=5):
        belief = np.full(1, 0.5)
        for trial, word in enumerate(words):
            belief = updated(belief, np.array([word == 1]), agrees, reversal)
            np.testing.assert_allclose(
                belief[0], posterior(words[: trial + 1], agrees, reversal), rtol=1e-12
            )


# Played


def played(
    tasks: TwoStepTasks, task: NDArray[Any], agrees: float, by_state: bool, filters: bool
) -> FloatArray:
    """(n_episodes,) returns of a policy.

    It guesses from the last trial, or if it ``filters``, from all of them.
    """
    rng = np.random.default_rng(4)
    play, belief, returns = tasks.play(task), np.full(len(task), 0.5), np.zeros(len(task))
    for _ in range(tasks.n_trials):
        tied = np.abs(belief - 0.5) < 1e-9
        action = np.where(tied, rng.integers(2, size=len(task)), belief > 0.5).astype(np.int64)
        play.step(action, rng.random(len(task)))
        state = play.observe() - 1
        reward, _ = play.step(rng.integers(2, size=len(task)), rng.random(len(task)))
        returns += reward
        says_1 = (state if by_state else action) == (reward > 0)
        prior = belief if filters else np.full_like(belief, 0.5)
        belief = updated(prior, says_1, agrees, tasks.family.reversal)
    return returns


POLICIES = {
    "stay by state": (0.9, True, False),
    "Bayes optimum": (0.9, True, True),
    "stay by action": (0.7, False, False),
    "blind to states": (0.7, False, True),
}


@pytest.mark.parametrize("name", POLICIES)
def test_baselines_are_what_the_policies_earn(name: str) -> None:
    """Sees a return that is off by 0.4; the control is the next better policy's baseline."""
    tasks = sample(20)
    task = np.repeat(np.arange(20), 200)
    returns = played(tasks, task, *POLICIES[name])
    of_name = baselines(tasks)
    assert_mean(returns - of_name[name][task], 0.0, ALPHA / 4)
    other = "Bayes optimum" if name != "Bayes optimum" else "stay by state"
    with pytest.raises(AssertionError):
        assert_mean(returns - of_name[other][task], 0.0, ALPHA / 4)
