"""Bandits with an informative arm: the figures of the paper, and baselines against all policies."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from support.statistical_asserts import assert_frequencies

from spikeloop.tasks.informative_bandit import InformativeBandit, InformativeTasks

ALPHA = 1e-4


def every_task(**settings: Any) -> InformativeTasks:
    """Each task of a family once, so that means over the batch are means over the family."""
    family = InformativeBandit(**settings)
    return InformativeTasks(family, np.arange(family.n_arms - 1))


def baselines(tasks: InformativeTasks) -> dict[str, Any]:
    return dict(tasks.baselines(np.random.default_rng(0)))


# The family


def test_every_arm_but_the_last_is_the_target_equally_often() -> None:
    """The control is a family of one arm more."""
    drawn = InformativeBandit().sample(5000, np.random.default_rng(1)).target
    counts = np.bincount(drawn, minlength=11)
    assert counts[10] == 0
    assert_frequencies(counts[:10], np.full(10, 0.1), ALPHA)
    with pytest.raises(AssertionError):
        assert_frequencies(counts, np.full(11, 1 / 11), ALPHA)


def test_rewards_are_those_of_the_settings_and_not_random() -> None:
    tasks = every_task()
    for noise in (0.0, 0.999):
        play = tasks.play(np.repeat(np.arange(10), 11))
        for _ in range(2):
            np.testing.assert_array_equal(play.observe(), np.zeros(110))
            reward, feedback = play.step(np.tile(np.arange(11), 10), np.full(110, noise))
            np.testing.assert_array_equal(reward, feedback)
            paid = reward.reshape(10, 11)
            expected = np.ones((10, 10)) + 4.0 * np.eye(10)
            np.testing.assert_array_equal(paid[:, :10], expected)
            np.testing.assert_array_equal(paid[:, 10], np.arange(1, 11) / 10)
            assert set(feedback) == set(tasks.interface.feedback_values)


# References and baselines


@pytest.mark.parametrize(
    ("other", "random", "blind"), [(1.0, 5 * 14.55 / 11, 11.0), (1.1, 5 * 15.45 / 11, 11.35)]
)
def test_references_and_baselines_by_hand(other: float, random: float, blind: float) -> None:
    """6.61 and 7.02 an episode of uniform pulls, 25 with the target known.

    20.1 … 21.0 after asking first, 20.55 on average; 11.0 or 11.35 without asking.
    """
    tasks = every_task(other_reward=other)
    references, of_name = tasks.references(), baselines(tasks)
    np.testing.assert_allclose(references.random.mean(), random, rtol=1e-12)
    assert round(random, 2) in (6.61, 7.02)
    np.testing.assert_array_equal(references.optimal, np.full(10, 25.0))
    asked = np.arange(1, 11) / 10 + 20.0
    np.testing.assert_allclose(of_name["informative arm first"], asked, rtol=1e-12)
    np.testing.assert_allclose(of_name["blind search"], blind, rtol=1e-12)
    np.testing.assert_array_equal(of_name["Bayes optimum"], of_name["informative arm first"])


def test_a_first_pull_is_worth_what_the_paper_says() -> None:
    """0.55 of the informative arm, 1.4 of any other one."""
    of_name = baselines(every_task(n_steps=1))
    np.testing.assert_allclose(of_name["informative arm first"].mean(), 0.55, rtol=1e-12)
    np.testing.assert_allclose(of_name["blind search"].mean(), 1.4, rtol=1e-12)
    np.testing.assert_allclose(of_name["Bayes optimum"].mean(), 1.4, rtol=1e-12)


@cache
def best_mean(possible: frozenset[int], steps: int, n_arms: int, other: float) -> float:
    """Highest expected return of any policy, by trying all arms in all states of knowledge.

    ``possible`` are the targets that the rewards so far allow; a target pays 2.
    """
    if not steps:
        return 0.0
    best = -np.inf
    for arm in range(n_arms):
        # What each possible target would pay here sorts the targets into those told apart.
        feedback: dict[float, set[int]] = {}
        for target in possible:
            pays = (target + 1) / 10 if arm == n_arms - 1 else (2.0 if arm == target else other)
            feedback.setdefault(pays, set()).add(target)
        best = max(
            best,
            sum(
                len(targets)
                / len(possible)
                * (pays + best_mean(frozenset(targets), steps - 1, n_arms, other))
                for pays, targets in feedback.items()
            ),
        )
    return best


@pytest.mark.parametrize("n_arms", [3, 7])
@pytest.mark.parametrize("n_steps", [1, 3, 6])
@pytest.mark.parametrize("other", [0.0, 1.0, 1.9])
def test_no_policy_earns_more_than_the_bayes_optimum_and_one_earns_it(
    n_arms: int, n_steps: int, other: float
) -> None:
    tasks = every_task(n_arms=n_arms, n_steps=n_steps, target_reward=2.0, other_reward=other)
    best = best_mean(frozenset(range(n_arms - 1)), n_steps, n_arms, other)
    means = {name: float(returns.mean()) for name, returns in baselines(tasks).items()}
    np.testing.assert_allclose(means["Bayes optimum"], best, rtol=1e-12)
    assert max(means.values()) <= best + 1e-12
