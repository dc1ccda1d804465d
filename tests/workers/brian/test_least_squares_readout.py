"""Readouts that learn within an episode, against closed forms and numbers by hand."""

import numpy as np
import pytest

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.brian.least_squares_readout import delta_rule, recursive_least_squares

RNG = np.random.default_rng(5)
N_SAMPLES, N_EPISODES, N = 60, 5, 12
FEATURES = RNG.gamma(2.0, 0.5, (N_SAMPLES, N_EPISODES, N)) * (
    RNG.random((N_SAMPLES, N_EPISODES, N)) < 0.7
)
TARGETS = RNG.normal(0.2, 0.4, (N_SAMPLES, N_EPISODES))
SIZES: IntArray = np.array([12, 12, 7, 1, 12])
RIDGE = np.array([1.0, 0.05, 0.3, 10.0, 0.5])
READOUT_RULES = {
    "rls": (recursive_least_squares, (RIDGE, np.array([1.0, 1.0, 0.97, 0.95, 0.9]))),
    "delta": (delta_rule, (np.array([0.5, 1.0, 0.2, 1.9, 0.0]), np.array([0.0, 0.5, 1, 0.1, 0]))),
}


def ridge_answers(x: FloatArray, d: FloatArray, ridge: float, forgetting: float) -> FloatArray:
    """Answers of ridge regression on all samples before, older ones at a discount."""
    x = np.hstack([np.ones((len(x), 1)), x])
    answers = np.empty(len(x))
    for t in range(len(x)):
        weight = forgetting ** np.arange(t - 1, -1, -1)
        prior = ridge * forgetting**t * np.eye(x.shape[1])
        moments = (x[:t] * weight[:, None]).T @ x[:t] + prior
        answers[t] = x[t] @ np.linalg.solve(moments, (x[:t] * weight[:, None]).T @ d[:t])
    return answers


def test_least_squares_without_forgetting_are_ridge_regression() -> None:
    answers = recursive_least_squares(FEATURES, TARGETS, SIZES, RIDGE, np.ones(N_EPISODES))
    for episode in range(N_EPISODES):
        x = FEATURES[:, episode, : SIZES[episode]]
        expected = ridge_answers(x, TARGETS[:, episode], RIDGE[episode], 1.0)
        np.testing.assert_allclose(answers[:, episode], expected, rtol=0, atol=1e-9)
        # The same closed form sees another ridge.
        other = ridge_answers(x, TARGETS[:, episode], RIDGE[episode] * 1.01, 1.0)
        assert np.abs(other - answers[:, episode]).max() > 1e-6


def test_forgetting_discounts_older_samples() -> None:
    """Every direction is excited from the first samples on, so forgetting never pauses."""
    features = np.tile([[[2.0]], [[0.1]], [[1.0]]], (20, 1, 1))
    targets = RNG.normal(size=(60, 1))
    one = np.ones(1, dtype=np.int64)
    answers = recursive_least_squares(features, targets, one, np.ones(1), np.array([0.9]))
    expected = ridge_answers(features[:, 0], targets[:, 0], 1.0, 0.9)
    np.testing.assert_allclose(answers[:, 0], expected, rtol=0, atol=1e-9)
    without = ridge_answers(features[:, 0], targets[:, 0], 1.0, 1.0)
    assert np.abs(without - answers[:, 0]).max() > 0.1


def test_nothing_winds_up_where_nothing_is_new() -> None:
    """20,000 samples in one of ten directions; 0.9^-20000 has no double precision number."""
    n_samples = 20_000
    features = np.zeros((n_samples, 1, 9))
    features[:, 0, 4] = 1.0
    targets = np.full((n_samples, 1), 0.3)
    features[-1, 0, :] = 1.0
    sizes = np.array([9])
    answers = recursive_least_squares(features, targets, sizes, np.ones(1), np.array([0.9]))
    assert np.isfinite(answers).all()
    assert answers[-2, 0] == pytest.approx(0.3, abs=1e-4)
    assert answers[-1, 0] == pytest.approx(0.3, abs=1e-4)  # unseen features still have weight 0


def test_the_delta_rule_by_hand() -> None:
    features = np.array([[[1.0, 2.0]], [[0.0, 1.0]], [[2.0, 0.0]]])
    targets = np.array([[0.7], [0.2], [-1.0]])
    answers = delta_rule(features, targets, np.array([2]), np.array([0.5]), np.array([1.0]))
    # 1 + |x|² with the constant is 7, then 3; the rate is 1/2, then 1/4. Errors 0.7, then 0.05.
    first = 0.5 * 0.7 / 7
    second = 0.25 * (0.2 - 3 * first) / 3
    assert answers[0, 0] == 0.0
    assert answers[1, 0] == pytest.approx(first + 2 * first, abs=1e-15)
    assert answers[2, 0] == pytest.approx(first + second + 2 * first, abs=1e-15)


@pytest.mark.parametrize("rule", READOUT_RULES)
def test_the_first_answer_is_0_and_answers_come_before_targets(rule: str) -> None:
    learn, settings = READOUT_RULES[rule]
    answers = learn(FEATURES, TARGETS, SIZES, *settings)
    assert (answers[0] == 0).all()
    changed = TARGETS.copy()
    changed[30:] += 1.0
    after = learn(FEATURES, changed, SIZES, *settings)
    np.testing.assert_array_equal(after[:31], answers[:31])
    assert (after[31, :4] != answers[31, :4]).all()  # the last episode's delta rule has rate 0


@pytest.mark.parametrize("rule", READOUT_RULES)
def test_an_episode_has_the_same_bits_alone_and_without_features_beyond_its_size(rule: str) -> None:
    learn, settings = READOUT_RULES[rule]
    together = learn(FEATURES, TARGETS, SIZES, *settings)
    for episode, size in enumerate(SIZES):
        one = slice(episode, episode + 1)
        given = FEATURES[:, one, :size], TARGETS[:, one], SIZES[one]
        alone = learn(*given, *(value[one] for value in settings))
        np.testing.assert_array_equal(alone[:, 0], together[:, episode])
