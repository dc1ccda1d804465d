"""Bandits: the laws of sampled tasks and the rewards of pulls."""

from typing import Any

import numpy as np
from scipy import stats
from support.statistical_asserts import assert_law, assert_rate

from spikeloop.tasks.bandit import Bandit, BanditTasks
from spikeloop.tasks.base import HasBaselines, TaskBatch, TaskFamily

ALPHA = 1e-5


def sample(n_tasks: int, **settings: Any) -> BanditTasks:
    return Bandit(**settings).sample(n_tasks, np.random.default_rng(0))


def test_the_interface_follows_the_settings() -> None:
    family: TaskFamily = Bandit(n_arms=5, n_steps=7)
    tasks: TaskBatch = family.sample(3, np.random.default_rng(0))
    assert isinstance(tasks, HasBaselines)
    seen = tasks.interface
    assert seen == family.interface
    assert (seen.n_observations, seen.n_actions, seen.n_steps, seen.feedback) == (1, 5, 7, "reward")
    assert seen.feedback_range == seen.feedback_values == (0.0, 1.0)
    gaussian = Bandit(rewards="gaussian", mean_spread=3.0, noise=4.0)
    assert gaussian.interface.feedback_range == (-15.0, 15.0)
    assert gaussian.interface.feedback_values == ()
    assert gaussian.sample(1, np.random.default_rng(0)).interface == gaussian.interface


def test_independent_chances_and_means_follow_their_laws() -> None:
    assert_law(sample(2000, n_arms=3).mean, stats.uniform.cdf, ALPHA)
    gaussian = sample(2000, n_arms=3, rewards="gaussian", mean_spread=2.0).mean
    assert_law(gaussian, stats.norm(scale=2.0).cdf, ALPHA, control=stats.norm(scale=1.6).cdf)
    assert abs(np.corrcoef(sample(2000).mean.T)[0, 1]) < 4.4 / 2000**0.5  # 1e-5 of normal noise


def test_dependent_arms_pay_one_when_the_other_would_not() -> None:
    uniform = sample(2000, arms="dependent").mean
    np.testing.assert_array_equal(uniform[:, 1], 1.0 - uniform[:, 0])
    assert_law(uniform[:, 0], stats.uniform.cdf, ALPHA)
    for arms, worse in (
        ("dependent_easy", 0.1),
        ("dependent_medium", 0.25),
        ("dependent_hard", 0.4),
    ):
        mean = sample(2000, arms=arms).mean
        np.testing.assert_allclose(np.sort(mean, axis=1), [[worse, 1 - worse]] * 2000, rtol=1e-15)
        assert_rate(int((mean[:, 0] < 0.5).sum()), 2000, 0.5, ALPHA)


def test_bernoulli_rewards_are_paid_below_the_chance_and_are_the_feedback() -> None:
    tasks = BanditTasks(Bandit(n_steps=1), np.array([[0.25, 1.0], [0.0, 0.5]]))
    task, arm = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 0, 1])
    noise = np.array([np.nextafter(0.25, 0), 0.25, np.nextafter(1, 0), 0.0, 0.2])
    play = tasks.play(task)
    np.testing.assert_array_equal(play.observe(), np.zeros(5))
    reward, feedback = play.step(arm, noise)
    assert reward.tolist() == feedback.tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]


def test_gaussian_rewards_are_quantiles_and_always_finite() -> None:
    family = Bandit(n_steps=1, rewards="gaussian", noise=2.0)
    tasks = BanditTasks(family, np.array([[-1.0, 3.0]]))
    noise = np.array([0.5, stats.norm.cdf(1.0), 0.0, 2.0**-53, 1.0 - 2.0**-53])
    reward, feedback = tasks.play(np.zeros(5, dtype=np.int64)).step(
        np.array([1, 0, 1, 1, 1]), noise
    )
    np.testing.assert_array_equal(reward, feedback)
    np.testing.assert_allclose(reward[:2], [3.0, 1.0])
    assert np.isfinite(reward).all()
    assert reward[2] < reward[3] < 3.0 - 2 * 8
    assert reward[4] > 3.0 + 2 * 8
    many = tasks.play(np.zeros(5000, dtype=np.int64))
    drawn, _ = many.step(np.ones(5000, dtype=np.int64), np.random.default_rng(1).random(5000))
    assert_law(drawn, stats.norm(3.0, 2.0).cdf, ALPHA)


def test_references_by_hand() -> None:
    references = BanditTasks(Bandit(n_steps=10), np.array([[0.2, 0.6], [1.0, 0.0]])).references()
    np.testing.assert_allclose(references.random, [4.0, 5.0])
    np.testing.assert_allclose(references.optimal, [6.0, 10.0])
