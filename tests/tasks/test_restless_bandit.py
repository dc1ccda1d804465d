"""Restless bandits: the walks of chances, beliefs about them, and returns of policies."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_law, assert_mean, assert_rate

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.references import simulation
from spikeloop.tasks.references.bandit_optimum import majority_return
from spikeloop.tasks.references.restless_policies import (
    Greedy,
    RescorlaWagner,
    Thompson,
    WalkBeliefs,
    grid_points,
    walk_transition,
)
from spikeloop.tasks.references.simulation import IndexPolicy, Memory, simulated_return
from spikeloop.tasks.restless_bandit import RestlessBandit, RestlessTasks

ALPHA = 1e-4
STILL: dict[str, Any] = {"volatility": "low", "low_volatility": 1e-9, "high_volatility": 2e-9}


def sample(n_tasks: int, seed: int = 0, **settings: Any) -> RestlessTasks:
    return RestlessBandit(**settings).sample(n_tasks, np.random.default_rng(seed))


def baselines(tasks: RestlessTasks, seed: int = 1) -> dict[str, FloatArray]:
    return dict(tasks.baselines(np.random.default_rng(seed)))


def forgetting(volatility: float, n_steps: int, order: int = 1) -> float:
    """What is left of a deviation cos(order π p) after some steps of a reflected Gaussian walk."""
    return float(np.exp(-0.5 * n_steps * (order * np.pi * volatility) ** 2))


# The family


def test_dependent_arms_mirror_each_other_and_independent_ones_do_not() -> None:
    mirrored = sample(50).mean
    np.testing.assert_array_equal(mirrored[:, :, 1], 1.0 - mirrored[:, :, 0])
    free = sample(2000, arms="independent").mean[:, 50]
    assert abs(np.corrcoef(free.T)[0, 1]) < 3.9 / 2000**0.5  # 1e-4 of normal noise


@pytest.mark.parametrize("arms", ["dependent", "independent"])
@pytest.mark.parametrize("volatility", ["low", "high", "mixed"])
def test_chances_are_uniform_at_all_times(arms: str, volatility: str) -> None:
    """The control is the mean of two steps."""
    mean = sample(2000, arms=arms, volatility=volatility, high_volatility=0.4).mean
    assert ((mean >= 0) & (mean <= 1)).all()
    for step in (0, 1, 99):
        assert_law(mean[:, step, 0], stats.uniform.cdf, ALPHA / 3)
    with pytest.raises(AssertionError):
        assert_law((mean[:, 0, 0] + mean[:1000:-1, 0, 0].mean()) / 2, stats.uniform.cdf, ALPHA / 3)


@pytest.mark.parametrize("lag", [1, 5, 40])
def test_chances_forget_at_the_rate_of_a_reflected_walk(lag: int) -> None:
    """E cos(π p) cos(π p') is half of what is left; the control is the other volatility.

    Sees, at the larger lags, a volatility that is off by 10 %.
    """
    left = {}
    for name, volatility in (("low", 0.02), ("high", 0.1)):
        wave = np.cos(np.pi * sample(20_000, volatility=name, n_steps=lag + 1).mean[:, :, 0])
        left[name] = wave[:, 0] * wave[:, lag]
        assert_mean(left[name], forgetting(volatility, lag) / 2, ALPHA / 6)
    mixed = np.cos(np.pi * sample(20_000, n_steps=lag + 1).mean[:, :, 0])
    expected = (forgetting(0.02, lag) + forgetting(0.1, lag)) / 4
    assert_mean(mixed[:, 0] * mixed[:, lag], expected, ALPHA / 6)
    if lag > 1:
        with pytest.raises(AssertionError):
            assert_mean(left["low"], forgetting(0.1, lag) / 2, ALPHA / 6)


def test_every_episode_has_one_of_the_two_volatilities() -> None:
    """Both arms the same; the control is a rate of 0.6."""
    tasks = sample(2000, arms="independent", n_steps=400)
    step = np.median(np.abs(np.diff(tasks.mean, axis=1)), axis=1) / stats.norm.ppf(0.75)
    quick = step > 0.045
    assert (quick[:, 0] == quick[:, 1]).all()
    assert_rate(int(quick[:, 0].sum()), 2000, 0.5, ALPHA, control=0.6)


def test_rewards_are_paid_below_the_chance_of_the_step() -> None:
    mean = np.array([[[0.25, 1.0], [0.0, 0.5]], [[0.5, 0.5], [0.75, 0.1]]])
    family = RestlessBandit(n_steps=2, arms="independent")
    play = RestlessTasks(family, mean).play(np.array([0, 0, 1, 1]))
    for arm, noise, paid in (
        ([0, 1, 0, 1], [np.nextafter(0.25, 0), np.nextafter(1, 0), 0.5, 0.49], [1, 1, 0, 1]),
        ([0, 1, 0, 1], [0.0, 0.5, 0.7, 0.1], [0, 0, 1, 0]),
    ):
        np.testing.assert_array_equal(play.observe(), np.zeros(4))
        reward, feedback = play.step(np.array(arm), np.array(noise))
        np.testing.assert_array_equal(reward, paid)
        np.testing.assert_array_equal(feedback, paid)
    np.testing.assert_array_equal(play.observe(), np.zeros(4))


def test_references_by_hand() -> None:
    mean = np.array([[[0.2, 0.6], [0.9, 0.5]], [[1.0, 0.0], [0.0, 1.0]]])
    references = RestlessTasks(RestlessBandit(n_steps=2), mean).references()
    np.testing.assert_allclose(references.random, [1.1, 1.0])
    np.testing.assert_allclose(references.optimal, [1.5, 2.0])


# Beliefs


@pytest.mark.parametrize("volatility", [0.02, 0.1, 0.4, 1.0])
def test_a_step_of_beliefs_is_a_reflected_gaussian(volatility: float) -> None:
    """Its waves decay as they should: Fourier's solution of diffusion between two walls."""
    step = walk_transition(volatility)
    np.testing.assert_allclose(step.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(step, step.T, atol=1e-14)
    for order in range(1, 8):
        wave = np.cos(order * np.pi * grid_points())
        np.testing.assert_allclose(step @ wave, forgetting(volatility, 1, order) * wave, atol=1e-9)


def learned(law: WalkBeliefs, pulls: list[tuple[int, int]]) -> Memory:
    memory = law.start(1)
    for arm, reward in pulls:
        memory = law.learn(memory, np.array([arm]), np.array([float(reward)]))
    return memory


def after_a_success(volatility: float) -> float:
    """Mean of a chance one step after it paid: 1/2 + 16 / π⁴ Σ over odd k of left(k) / k⁴."""
    odd = np.arange(1, 200, 2)
    left = np.array([forgetting(volatility, 1, int(k)) for k in odd])
    return float(0.5 + 16 / np.pi**4 * (left / odd**4).sum())


@pytest.mark.parametrize("volatility", [0.02, 0.1, 0.4])
def test_beliefs_after_one_reward_are_those_of_theory(volatility: float) -> None:
    """The series at 0 is Laplace's 2/3. The control is another volatility."""
    assert abs(after_a_success(0.0) - 2 / 3) < 1e-6
    greedy = Greedy(1, True, (volatility,))
    for arm, reward, sign in ((0, 1, 1), (0, 0, -1), (1, 1, -1), (1, 0, 1)):
        memory = learned(greedy, [(arm, reward)])
        chance = greedy.numbers(memory, np.random.default_rng(0))[0]
        expected = 0.5 + sign * (after_a_success(volatility) - 0.5)
        np.testing.assert_allclose(chance, [expected, 1 - expected], atol=5e-5)
        assert abs(chance[0] - 0.5 - sign * (after_a_success(1.3 * volatility) - 0.5)) > 1e-4


def test_beliefs_about_still_chances_are_laplaces() -> None:
    greedy = Greedy(3, False, (1e-9,))
    memory = learned(greedy, [(0, 1), (0, 1), (0, 0), (2, 0), (0, 1)])
    chance = greedy.numbers(memory, np.random.default_rng(0))[0]
    np.testing.assert_allclose(chance, [4 / 6, 1 / 2, 1 / 3], atol=1e-4)


def test_beliefs_are_those_of_the_familys_own_walks_weighted_by_what_they_explain() -> None:
    """Drawn walks have E weight · (chance − belief) = 0, and so have volatilities.

    The weight is the probability of the rewards. Sees a belief that is off by 0.01. The control
    believes in the high volatility alone.
    """
    pulls = [(0, 1), (1, 0), (0, 1), (0, 1), (1, 1), (0, 0), (1, 1), (1, 1)]
    tasks = [sample(60_000, seed, n_steps=9, volatility=v) for seed, v in ((5, "low"), (6, "high"))]
    mean = np.concatenate([part.mean for part in tasks])
    weight = np.ones(len(mean))
    for step, (arm, reward) in enumerate(pulls):
        weight *= np.abs(1 - reward - mean[:, step, arm])
    weight /= weight.mean()

    greedy = Greedy(1, True, (0.02, 0.1))
    memory = learned(greedy, pulls)
    chance = greedy.numbers(memory, np.random.default_rng(0))[0, 0]
    assert_mean(weight * (mean[:, 8, 0] - chance), 0.0, ALPHA / 2)
    is_low = np.repeat([1.0, 0.0], 60_000)
    assert_mean(weight * (is_low - memory["probability"][0, 0]), 0.0, ALPHA / 2)
    alone = Greedy(1, True, (0.1,))
    wrong = alone.numbers(learned(alone, pulls), np.random.default_rng(0))[0, 0]
    with pytest.raises(AssertionError):
        assert_mean(weight * (mean[:, 8, 0] - wrong), 0.0, ALPHA / 2)
    with pytest.raises(AssertionError):
        assert_mean(weight * (is_low - 0.5), 0.0, ALPHA / 2)


def test_thompson_draws_from_the_posterior() -> None:
    """Means of drawn chances are the posterior means; the control has seen one reward less."""
    greedy = Greedy(1, True, (0.02, 0.1))
    pulls = [(0, 1), (1, 0), (0, 1)]
    rng = np.random.default_rng(7)
    seen = learned(greedy, pulls)
    memory = {name: np.repeat(value, 20_000, axis=0) for name, value in seen.items()}
    drawn = Thompson(1, True, (0.02, 0.1)).numbers(memory, rng)
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0)
    expected = greedy.numbers(seen, rng)[0, 0]
    earlier = greedy.numbers(learned(greedy, pulls[1:]), rng)[0, 0]
    assert_mean(drawn[:, 0], expected, ALPHA, control=earlier)


# Returns


def test_a_fixed_arms_return_is_the_sum_of_its_chances() -> None:
    tasks = sample(7, arms="independent", n_arms=3)
    last = IndexPolicy(lambda total, pulls, step, rng: 0 * total + np.eye(3)[2], 3)
    returns = simulated_return(tasks.with_expected_rewards(), last, np.random.default_rng(8))
    np.testing.assert_allclose(returns, tasks.mean[:, :, 2].sum(axis=1), rtol=1e-12)


def test_still_dependent_bandits_have_the_exact_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sees a return that is off by 0.6 %; the control is Thompson sampling."""
    monkeypatch.setattr(simulation, "MAX_EPISODES", 50)
    tasks = sample(60, n_steps=30, **STILL)
    exact = majority_return(tasks.mean[:, 0], 30)
    rng, law = np.random.default_rng(9), (1, True, tasks.family.volatilities)
    returns = simulated_return(tasks.with_expected_rewards(), Greedy(*law), rng)
    assert_mean(returns - exact, 0.0, ALPHA)
    returns = simulated_return(tasks.with_expected_rewards(), Thompson(*law), rng)
    with pytest.raises(AssertionError):
        assert_mean(returns - exact, 0.0, ALPHA)


def test_rescorla_wagner_moves_half_the_way() -> None:
    policy = RescorlaWagner(2)
    memory = policy.start(1)
    for arm, reward in ((0, 1), (1, 0), (0, 1)):
        memory = policy.learn(memory, np.array([arm]), np.array([float(reward)]))
    np.testing.assert_array_equal(memory["value"], [[0.875, 0.25]])


@pytest.mark.exhaustive
def test_no_policy_earns_more_than_the_bayes_optimum_on_average(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Paired by task; it passes wrongly with a probability below 1e-4 a policy."""
    monkeypatch.setattr(simulation, "MAX_EPISODES", 20)
    tasks = sample(200)
    references, of_name = tasks.references(), baselines(tasks)
    best = of_name.pop("Bayes optimum")
    for worse in (references.random, *of_name.values()):
        ahead = best - worse
        assert ahead.mean() > 3.8 * ahead.std(ddof=1) / np.sqrt(len(ahead))
    assert (best < references.optimal).all()


def test_the_names_say_whether_the_optimum_is_known() -> None:
    few = sample(2, n_steps=5)
    assert list(baselines(few)) == ["UCB1", "Rescorla-Wagner", "Thompson", "Bayes optimum"]
    free = sample(2, n_steps=5, arms="independent", n_arms=3)
    assert list(baselines(free))[-1] == "greedy posterior mean"
