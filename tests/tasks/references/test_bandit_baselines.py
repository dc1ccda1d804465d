"""Baselines of bandits have the regrets of an independent program, and agree with each other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_mean

from spikeloop.tasks.bandit import Bandit, BanditTasks
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.references import simulation
from spikeloop.tasks.references.bandit_exact import (
    CountPolicy,
    count_policies,
    expected_return,
    larger,
    thompson,
)
from spikeloop.tasks.references.bandit_indices import bernoulli_policies, ucb1
from spikeloop.tasks.references.bandit_optimum import best_choices
from spikeloop.tasks.references.gittins import gittins_indices
from spikeloop.tasks.references.simulation import IndexPolicy, simulated_return

ALPHA = 1e-4

NODES, WEIGHTS = np.polynomial.legendre.leggauss(51)
P, W = (NODES + 1) / 2, WEIGHTS / 2
"""Gauss–Legendre on [0, 1]: integrates polynomials up to degree 101, such as expected returns."""

LOW, HIGH = np.triu_indices(P.size)
"""Of a square of nodes one half is enough where arms can be exchanged."""

FAMILIES = {
    "independent": (
        BanditTasks(Bandit(), np.stack([P[LOW], P[HIGH]], axis=1)),
        W[LOW] * W[HIGH] * np.where(LOW == HIGH, 1, 2),
        100 * 2 / 3,
    ),
    "dependent": (
        BanditTasks(Bandit(arms="dependent"), np.stack([P, 1 - P], axis=1)),
        W,
        100 * 3 / 4,
    ),
    "dependent_easy": (
        BanditTasks(Bandit(arms="dependent_easy"), np.array([[0.1, 0.9]])),
        np.ones(1),
        100 * 0.9,
    ),
}
"""Tasks, their weights and the mean return of the best arm: exact means over a family."""

# Mean regret of 100 pulls over 20 000 episodes, computed independently with a program of its own,
# and the standard error of a mean over so many episodes, which depends on the policy. That program
# may have broken ties by the arm's number (greedy, independent: 2.83 exactly; at random 2.69) and
# counted the pull to come (UCB1, easy: 6.33; not counted 6.30): nearer, but no test can tell.
MEASURED = {
    "independent": {
        "random": (16.65, 0.084),
        "UCB1": (5.62, 0.017),
        "Thompson": (2.79, 0.016),
        "greedy posterior mean": (2.80, 0.046),
        "Bayes optimum": (1.75, 0.020),
    },
    "dependent": {
        "random": (25.1, 0.11),
        "UCB1": (6.02, 0.015),
        "Thompson": (2.78, 0.016),
        "greedy posterior mean": (2.09, 0.038),
        "Bayes optimum": (1.21, 0.014),
    },
    "dependent_easy": {
        "random": (40.0, 0.003),
        "UCB1": (6.32, 0.009),
        "Thompson": (2.12, 0.007),
        "greedy posterior mean": (0.64, 0.007),
        "Bayes optimum": (0.62, 0.005),
    },
}
ROUNDING = 0.005
N_MEASURED = sum(map(len, MEASURED.values()))


def assert_measured(regret: float, family: str, policy: str) -> None:
    """Two-sided normal test of a measured mean, all of them together wrong at rate ALPHA.

    Sees a regret that is off by about 6 standard errors and the last digit's rounding.
    """
    measured, error = MEASURED[family][policy]
    off = max(abs(regret - measured) - ROUNDING, 0.0) / error
    p = 2 * stats.norm.sf(off)
    assert p >= ALPHA / N_MEASURED, f"{family}, {policy}: {regret:.4g} is not {measured}"


@pytest.fixture(scope="module")
def regrets() -> dict[str, Mapping[str, float]]:
    """Mean regret over each family, exact."""
    regrets: dict[str, Mapping[str, float]] = {}
    for name, (tasks, weight, best) in FAMILIES.items():
        returns = dict(tasks.baselines(np.random.default_rng(0)))
        returns["random"] = tasks.references().random
        regrets[name] = {policy: best - float(weight @ mean) for policy, mean in returns.items()}
    return regrets


@pytest.mark.parametrize("family", FAMILIES)
def test_regrets_are_those_measured_elsewhere(
    family: str, regrets: dict[str, Mapping[str, float]]
) -> None:
    assert regrets[family].keys() == {*MEASURED[family], "Gittins"}
    for policy in MEASURED[family]:
        assert_measured(regrets[family][policy], family, policy)


def test_gittins_indices_are_nearly_optimal_for_independent_arms(
    regrets: dict[str, Mapping[str, float]],
) -> None:
    """They lose less than a tenth of a reward in 100 pulls, and no policy loses less than Bayes."""
    independent = regrets["independent"]
    lost = independent["Gittins"] - independent["Bayes optimum"]
    assert 0 <= lost < 0.1
    assert independent["greedy posterior mean"] - independent["Bayes optimum"] > 0.1


def test_gittins_indices_of_few_pulls_by_hand() -> None:
    """With one pull left the posterior mean; with two p − λ + p (p⁺ − λ) = 0, as p⁻ < λ < p⁺."""
    indices = gittins_indices(3)
    one_left, two_left = indices[0], indices[1]
    np.testing.assert_allclose(
        [one_left[0, 0], one_left[1, 1], one_left[2, 0]], [1 / 2, 1 / 2, 3 / 4]
    )
    for s, f in ((0, 0), (1, 0), (0, 1)):
        p, better = (s + 1) / (s + f + 2), (s + 2) / (s + f + 3)
        np.testing.assert_allclose(two_left[s, f], (p + p * better) / (1 + p), atol=1e-5)
    assert np.isnan(two_left[1, 1])  # after two pulls of three there is one left


def believing(choose: CountPolicy, k: int) -> CountPolicy:
    """The policy with the prior Beta(k + 1, k + 1): as if either arm had paid k times of 2 k."""
    return lambda n0, n1: choose(n0 + 2 * k, n1 + 2 * k)[k:-k, k:-k]


@pytest.mark.parametrize(
    ("policy", "wrong"),
    [
        ("UCB1", larger(lambda total, pulls, step: ucb1(total, pulls, step, noise=0.9))),
        ("Thompson", believing(thompson, 1)),
        ("greedy posterior mean", believing(count_policies()["greedy posterior mean"], 1)),
        ("Bayes optimum", None),
    ],
)
def test_measured_regrets_reject_another_constant_and_other_priors(
    policy: str, wrong: CountPolicy | None
) -> None:
    """The negative control."""
    wrong = wrong or believing(best_choices(100 + 4 * 3), 3)
    tasks, weight, best = FAMILIES["independent"]
    regret = best - float(weight @ expected_return(wrong, tasks.mean, 100))
    with pytest.raises(AssertionError, match=policy):
        assert_measured(regret, "independent", policy)


@pytest.mark.parametrize("policy", bernoulli_policies())
def test_played_baselines_are_the_exact_ones(policy: str) -> None:
    """Both ways to measure two Bernoulli arms agree; the control is 1 % more chance."""
    tasks = BanditTasks(Bandit(n_steps=40), np.repeat([[0.3, 0.6]], 60, axis=0))
    index = IndexPolicy(bernoulli_policies()[policy], 2)
    returns = simulated_return(tasks.with_expected_rewards(), index, np.random.default_rng(4))
    exact = tasks[:1].baselines(np.random.default_rng(0))[policy][0]
    assert_mean(returns, exact, ALPHA, control=exact * 1.01)


@pytest.mark.parametrize(
    "settings", [{"rewards": "gaussian"}, {"rewards": "gaussian", "n_arms": 4}, {"n_arms": 5}]
)
def test_baselines_of_gaussian_and_of_many_arms_learn(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the random policy's regret a share is left, which falls with the number of pulls."""
    monkeypatch.setattr(simulation, "MAX_EPISODES", 20)
    left: list[FloatArray] = []
    for n_steps in (25, 100):
        family = Bandit.model_validate({**settings, "n_steps": n_steps})
        tasks = family.sample(40, np.random.default_rng(3))
        random, optimal = tasks.references().random, tasks.references().optimal
        returns = tasks.baselines(np.random.default_rng(4))
        gittins = {"Gittins"} if "rewards" not in settings else set()
        assert returns.keys() == {"UCB1", "Thompson", "greedy posterior mean"} | gittins
        shares = [(optimal - each).sum() / (optimal - random).sum() for each in returns.values()]
        left.append(np.array(shares))
    assert (left[0] < 0.85).all()
    assert (left[1] < 0.85 * left[0]).all()


def test_gaussian_policies_do_not_depend_on_the_unit_of_reward() -> None:
    """All numbers eight times as large: the same pulls, bit by bit."""
    small = Bandit(rewards="gaussian", n_arms=3, n_steps=40, mean_spread=0.5, noise=2.0)
    large = Bandit(rewards="gaussian", n_arms=3, n_steps=40, mean_spread=4.0, noise=16.0)
    returns = [
        family.sample(5, np.random.default_rng(7)).baselines(np.random.default_rng(8))
        for family in (small, large)
    ]
    for name in returns[0]:
        np.testing.assert_allclose(returns[0][name] * 8, returns[1][name], rtol=1e-9)
