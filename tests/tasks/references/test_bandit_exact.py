"""Exact returns of bandit policies agree with sums over all histories."""

import itertools
from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_mean

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.references.bandit_exact import (
    CountPolicy,
    count_policies,
    expected_return,
    final_counts,
    successes,
    thompson,
)
from spikeloop.tasks.references.bandit_optimum import best_choices, majority_return

ALPHA = 1e-4
POLICIES = [*count_policies(), "Bayes optimum"]
CHANCES = np.array([[0.3, 0.6], [0.9, 0.1], [0.0, 1.0], [0.5, 0.5], [1.0, 1.0], [0.02, 0.05]])


def policy(name: str, n_steps: int) -> CountPolicy:
    return best_choices(n_steps) if name == "Bayes optimum" else count_policies()[name]


def majority(n0: int, n1: int) -> FloatArray:
    """Pulls the arm in whose favour most pulls of either have spoken."""
    first, second = successes(n0)[:, None], successes(n1)
    return np.heaviside((first + n1 - second) - (n0 - first + second), 0.5)


def enumerated(choose: CountPolicy, chances: FloatArray, n_steps: int) -> float:
    """Expected return, summed over all sequences of pulls and rewards."""
    total = 0.0
    for history in itertools.product([(0, 1), (0, 0), (1, 1), (1, 0)], repeat=n_steps):
        probability, n, won = 1.0, [0, 0], [0, 0]
        for arm, reward in history:
            first = choose(n[0], n[1])[won[0], won[1]]
            probability *= (first, 1.0 - first)[arm]
            probability *= chances[arm] if reward else 1.0 - chances[arm]
            n[arm] += 1
            won[arm] += reward
        total += probability * sum(won)
    return total


@pytest.mark.parametrize("n_steps", [1, 3, pytest.param(5, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("name", POLICIES)
def test_returns_are_sums_over_all_histories(name: str, n_steps: int) -> None:
    choose = policy(name, n_steps)
    exact = expected_return(choose, CHANCES, n_steps)
    by_hand = [enumerated(choose, chances, n_steps) for chances in CHANCES]
    np.testing.assert_allclose(exact, by_hand, rtol=1e-12)


def best_of_all(n_steps: int) -> Fraction:
    """Highest mean return over chances U[0, 1] of all rules, tried one by one.

    A rule says which arm to pull after each sequence of rewards; what it pulled before follows.
    """
    befores = [h for n in range(n_steps) for h in itertools.product([0, 1], repeat=n)]
    best = Fraction(0)
    for arms in itertools.product([0, 1], repeat=len(befores)):
        rule = dict(zip(befores, arms, strict=True))
        mean = Fraction(0)
        for rewards in itertools.product([0, 1], repeat=n_steps):
            lost_won = [[0, 0], [0, 0]]
            for step, reward in enumerate(rewards):
                lost_won[rule[rewards[:step]]][reward] += 1
            probability = Fraction(1)
            for lost, won in lost_won:
                probability *= Fraction(factorial(lost) * factorial(won), factorial(lost + won + 1))
            mean += probability * sum(rewards)
        best = max(best, mean)
    return best


def mean_return(choose: CountPolicy, n_steps: int) -> float:
    """Over chances U[0, 1]."""
    return sum(
        float((law * (successes(n0)[:, None] + successes(n_steps - n0))).sum())
        for n0, law in enumerate(final_counts(choose, n_steps))
    )


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_no_rule_beats_the_bayes_optimum_and_one_reaches_it(n_steps: int) -> None:
    best = best_of_all(n_steps)
    assert mean_return(best_choices(n_steps), n_steps) == pytest.approx(float(best), rel=1e-13)
    if n_steps == 2:
        # A success, 1/2, is worth another pull, 2/3; else the other arm is no worse than before.
        assert best == Fraction(1, 2) + Fraction(1, 2) * Fraction(2, 3) + Fraction(1, 4)


def test_thompson_pulls_an_arm_as_often_as_it_is_the_better_one() -> None:
    """By quadrature, exact for polynomials of the degree at hand, and large counts by sampling."""
    x, weight = np.polynomial.legendre.leggauss(20)
    x, weight = (x + 1) / 2, weight / 2
    for n0, n1 in ((0, 0), (1, 0), (4, 9), (12, 12)):
        for s0, s1 in itertools.product(range(n0 + 1), range(n1 + 1)):
            above = stats.beta.pdf(x, s0 + 1, n0 - s0 + 1) * stats.beta.cdf(x, s1 + 1, n1 - s1 + 1)
            assert thompson(n0, n1)[s0, s1] == pytest.approx(weight @ above, abs=1e-12)
    rng = np.random.default_rng(0)
    better = rng.beta(61, 41, 20_000) > rng.beta(52, 50, 20_000)
    often = thompson(100, 100)
    assert_mean(better, often[60, 51], ALPHA, control=often[61, 51])
    assert often.max() <= 1.0


@pytest.mark.parametrize("n_steps", [1, 2, 3, 4, 31, 60])
def test_majority_return_is_that_of_the_majority_rule(n_steps: int) -> None:
    first = np.array([0.0, 0.1, 0.3, 0.5, 0.77, 1.0])
    mean = np.stack([first, 1 - first], axis=1)
    exact = majority_return(mean, n_steps)
    np.testing.assert_allclose(exact, expected_return(majority, mean, n_steps), rtol=1e-12)


def test_no_other_policy_beats_the_majority_where_arms_are_dependent() -> None:
    """On either two-point family, task by task: both its tasks are mirror images."""
    for worse in (0.1, 0.25, 0.4):
        mean = np.array([[worse, 1 - worse]])
        best = majority_return(mean, 50)
        for name in POLICIES:
            assert expected_return(policy(name, 50), mean, 50) < best


def test_majority_return_stays_exact_over_many_pulls() -> None:
    """With equal arms nothing can be lost; with unequal ones the regret has a limit."""
    np.testing.assert_allclose(majority_return(np.array([[0.5, 0.5]]), 5000), [2500.0])
    mean = np.array([[0.1, 0.9]])
    regret = [n * 0.9 - majority_return(mean, n)[0] for n in (100, 1000, 5000)]
    # Σ over steps of 0.8 · P(wrong), of which two steps each share one; P by scipy's binomial.
    step = np.arange(1, 400, 2)
    limit = 0.4 + 2 * 0.8 * stats.binom.cdf((step - 1) // 2, step, 0.9).sum()
    np.testing.assert_allclose(regret, limit, rtol=1e-9)
