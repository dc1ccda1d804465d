"""Models of choices: their features by other ways, and their fits."""

import itertools

import numpy as np
import pytest
from scipy.special import ndtr

from spikeloop.coordinator.interpretation.policy.bayes_models import (
    BestValues,
    DependentArms,
    bayes_models,
)
from spikeloop.coordinator.interpretation.policy.catalogue import choice_models
from spikeloop.coordinator.interpretation.policy.choices import Choices
from spikeloop.coordinator.interpretation.policy.count_models import CountModel
from spikeloop.coordinator.interpretation.policy.fit import Fit, Fitter, log_derivatives
from spikeloop.coordinator.interpretation.policy.model import (
    ChoiceModel,
    Link,
    chance_of_arm_1,
    features_of,
    log_chance,
)
from spikeloop.coordinator.interpretation.policy.persevering import Persevering
from spikeloop.coordinator.interpretation.policy.simple_models import WinStayLoseShift
from spikeloop.coordinator.interpretation.policy.simulate import simulate
from spikeloop.coordinator.interpretation.policy.value_models import ValueModel, Variant
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.references.bandit_optimum import best_choices
from spikeloop.tasks.restless_bandit import RestlessBandit
from spikeloop.tasks.reversal_bandit import ReversalBandit

ONE = Choices(np.array([[0, 0, 1, 1]]), np.array([[1.0, 0.0, 0.0, 1.0]]))
"""Arm 0 pays, then does not, arm 1 does not, then pays."""
RATE = 0.2


def difference(model: ChoiceModel, *learning: float) -> list[float]:
    """The first feature before each pull of ``ONE``."""
    found: list[float] = features_of(model, np.array(learning), ONE)[0, :, 0].tolist()
    return found


@pytest.mark.parametrize(
    ("variant", "more", "expected"),
    [
        ("", (), [0, 0.5 - 0.6, 0.5 - 0.48, 0.4 - 0.48]),
        ("two rates", (0.5,), [0, 0.5 - 0.6, 0.5 - 0.3, 0.25 - 0.3]),
        ("forgetting", (0.5,), [0, 0.5 - 0.6, 0.5 - 0.48, 0.4 - 0.49]),
        ("decaying rate", (1.0,), [0, 0.5 - 0.6, 0.5 - 0.54, 0.4 - 0.54]),
        ("fictive", (), [0, 0.4 - 0.6, 0.52 - 0.48, 0.416 - 0.584]),
    ],
)
def test_values_by_hand(variant: Variant, more: tuple[float, ...], expected: list[float]) -> None:
    np.testing.assert_allclose(difference(ValueModel(variant), RATE, *more), expected)


def test_forgetting_at_the_rate_of_learning_is_the_fictive_update_at_half_the_difference() -> None:
    """The two cannot be distinguished by choices; only one of them raises the other arm's value."""
    forgets = difference(ValueModel("forgetting"), RATE, RATE)
    np.testing.assert_allclose(np.array(forgets) * 2, difference(ValueModel("fictive"), RATE))


def test_win_stay_lose_shift_and_perseveration_by_hand() -> None:
    found = features_of(Persevering(WinStayLoseShift()), np.zeros(0), ONE)[0]
    np.testing.assert_array_equal(found[:, 0], [0, -1, -1, 1])  # the last arm
    np.testing.assert_array_equal(found[:, 1], [0, -1, 0, 0])  # stay with arm 0
    np.testing.assert_array_equal(found[:, 2], [0, 0, 1, -1])  # shift from 0 to 1, from 1 to 0
    np.testing.assert_array_equal(found[:, 3], 1)


def test_counts_by_hand() -> None:
    m, v = np.array([2 / 4, 1 / 3]), np.array([1 / 20, 1 / 18])  # after 1 of 2, and 0 of 1
    value, variance = m[1] - m[0], np.array([v[0], (1 / 3) * (2 / 3) / 4])
    found = features_of(CountModel("V, RU, V/TU"), np.zeros(0), ONE)[0, 3]
    deviation = np.sqrt(variance)
    expected = [value, deviation[1] - deviation[0], value / np.sqrt(variance.sum()), 1]
    np.testing.assert_allclose(found, expected)
    found = features_of(CountModel("UCB"), np.zeros(0), ONE)[0, 3]
    bonus = np.sqrt(np.log(4) / np.array([4, 3]))
    np.testing.assert_allclose(found, [value, bonus[1] - bonus[0], 1])


def test_best_values_agree_with_the_best_policy_for_all_histories() -> None:
    n_steps, choose = 5, best_choices(5)
    histories = np.array(list(itertools.product(range(4), repeat=4)))
    choices = Choices(histories // 2, (histories % 2).astype(float))
    models = bayes_models(Bandit(n_steps=n_steps))
    model = next(one for one in models if one.name == "Bayes-optimum")
    gain = features_of(model, np.zeros(0), choices)[..., 0]
    for step in range(4):
        past = choices.arms[:, :step], choices.rewards[:, :step]
        n1, s1 = past[0].sum(axis=1), (past[0] * past[1]).sum(axis=1).astype(int)
        n0, s0 = step - n1, (past[1].sum(axis=1)).astype(int) - s1
        first = [choose(a, b)[c, d] for a, b, c, d in zip(n0, n1, s0, s1, strict=True)]
        np.testing.assert_array_equal(np.sign(gain[:, step].round(7)), 1 - 2 * np.array(first))
    # At the last pull nothing is left but the means.
    last = BestValues(1)
    assert last.numbers(last.start(1), np.random.default_rng(0)).tolist() == [[0, 0]]


@pytest.mark.parametrize("worse", [None, 0.1, 0.4])
def test_posterior_of_dependent_arms_by_enumeration(worse: float | None) -> None:
    grid = (np.arange(100_000) + 0.5) / 100_000 if worse is None else np.array([worse, 1 - worse])
    belief = DependentArms(worse)
    memory = belief.start(1)
    likelihood = np.ones_like(grid)
    for arm, reward in zip(ONE.arms[0], ONE.rewards[0], strict=True):
        chance = np.where(arm == 0, grid, 1 - grid)
        likelihood = likelihood * (chance if reward else 1 - chance)
        memory = belief.learn(memory, np.array([arm]), np.array([reward]))
        mean = (likelihood * grid).sum() / likelihood.sum()
        found = belief.numbers(memory, np.random.default_rng(0))[0]
        np.testing.assert_allclose(found, [mean, 1 - mean], rtol=1e-6)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_derivatives_of_the_likelihood(link: Link) -> None:
    score, step = np.array([-6.0, -1.0, 0.0, 2.0, 6.0]), 1e-6
    expected = np.zeros(5)
    for arm in (0, 1):
        arms = np.full(5, arm)
        up, down = (log_chance(link, score + d, arms) for d in (step, -step))
        gradient, information = log_derivatives(link, score, arms)
        np.testing.assert_allclose(gradient, (up - down) / (2 * step), rtol=1e-6)
        chance = chance_of_arm_1(link, score)
        expected += (chance if arm else 1 - chance) * gradient**2
    np.testing.assert_allclose(information, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "learning", "weights"),
    [
        (ValueModel("two rates"), (0.3, 0.1), (5.0, 0.3)),
        (Persevering(CountModel("Thompson")), (), (0.5, 0.8, -0.2)),
    ],
)
def test_a_fit_finds_the_parameters_that_simulated(
    model: ChoiceModel, learning: tuple[float, ...], weights: tuple[float, ...]
) -> None:
    """Within four standard errors of 40,000 choices, and with a gradient of 0 there."""
    tasks = Bandit().sample(400, np.random.default_rng(0))
    true = Fit(np.array(learning), np.array(weights), np.zeros(0))
    choices = simulate(model, true, tasks, np.random.default_rng(1))
    fitter = Fitter(model, choices)
    found = fitter.fit()
    np.testing.assert_allclose(found.learning, learning, atol=0.03)
    np.testing.assert_allclose(found.weights, weights, rtol=0.06, atol=0.06)
    assert found.log_likelihood.sum() >= fitter.evaluate(true).sum()
    for k in range(len(weights)):
        for moved in (-1e-2, 1e-2):
            near = found.weights + moved * np.eye(len(weights))[k]
            other = fitter.evaluate(Fit(found.learning, near, np.zeros(0)))
            assert other.sum() < found.log_likelihood.sum()


def test_weights_of_episodes_leave_others_out() -> None:
    tasks = Bandit(n_steps=20).sample(40, np.random.default_rng(0))
    true = Fit(np.array([0.3]), np.array([4.0, 0.0]), np.zeros(0))
    choices = simulate(ValueModel(), true, tasks, np.random.default_rng(1))
    part = Fitter(ValueModel(), choices).fit(np.r_[np.ones(20), np.zeros(20)])
    first = Fitter(ValueModel(), choices[:20])
    alone, counted = first.fit(), first.fit(np.full(20, 2.0))
    np.testing.assert_allclose(part.weights, alone.weights, rtol=1e-4)
    np.testing.assert_allclose(part.log_likelihood[:20], alone.log_likelihood, rtol=1e-4)
    twice = Fitter(ValueModel(), choices[:20].repeated(2)).fit()
    np.testing.assert_allclose(counted.weights, twice.weights, rtol=1e-4)


def test_simulated_choices_have_the_probability_of_the_model() -> None:
    tasks = Bandit(n_steps=1).sample(10_000, np.random.default_rng(0))
    fit = Fit(np.zeros(0), np.array([0.0, 0.7]), np.zeros(0))
    arms = simulate(CountModel("Thompson"), fit, tasks, np.random.default_rng(1)).arms
    assert arms.mean() == pytest.approx(ndtr(0.7), abs=4 * 0.43 / 100)  # four standard errors


@pytest.mark.parametrize(
    "family",
    [
        Bandit(),
        Bandit(arms="dependent"),
        Bandit(arms="dependent_easy"),
        RestlessBandit(),
        RestlessBandit(arms="independent"),
        ReversalBandit(),
    ],
)
def test_models_of_a_family_have_names_of_their_own(family: Bandit) -> None:
    names = [model.name for model in choice_models(family)]
    assert len(set(names)) == len(names)
    assert names[0] == "random"
    assert ("Bayes-optimum" in names) == (family == Bandit())
    assert any(name.startswith("Bayes-greedy") for name in names)
