from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.statistical_asserts import rng

from spikeloop.coordinator.interpretation.decoding import features as of
from spikeloop.coordinator.interpretation.decoding.decoders import Target, explain, folds
from spikeloop.coordinator.interpretation.decoding.measurement import (
    PERMUTED,
    Reading,
    by_features,
    decisions_shown,
)
from spikeloop.coordinator.interpretation.decoding.posteriors import posterior_mean
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import FloatArray, IntArray, TaskBatch
from spikeloop.tasks.informative_bandit import InformativeBandit
from spikeloop.tasks.quadratic import Quadratic

N_EPISODES, N_TIME_STEPS, N_NEURONS = 150, 8, 10


def coded_in_times(value: NDArray[Any]) -> NDArray[np.bool_]:
    """One spike of each neuron, the later the larger the value, with a jitter of one step."""
    place = 3.5 + 2.5 * value[:, None] + rng(1).integers(-1, 2, (len(value), N_NEURONS))
    at = np.round(place).clip(0, N_TIME_STEPS - 1)
    return np.asarray(np.arange(N_TIME_STEPS)[:, None, None] == at)


def coded_in_rates(value: NDArray[Any]) -> NDArray[np.bool_]:
    """In each time step a spike by chance, the likelier the larger the value."""
    chance = 0.3 + 0.2 * value[:, None]
    return np.asarray(rng(2).random((N_TIME_STEPS, len(value), N_NEURONS)) < chance)


VALUE = rng(3).uniform(-1, 1, N_EPISODES)
TARGETS = {
    "numbers": Target("value", VALUE[:, None]),
    "classes": Target("side", (VALUE > 0).astype(np.int64)),
}


@pytest.mark.parametrize("kind", ["numbers", pytest.param("classes", marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize(("code", "in_times"), [(coded_in_times, True), (coded_in_rates, False)])
def test_a_planted_code_is_found(code: Any, in_times: bool, kind: str) -> None:
    spikes = code(VALUE)
    reading = Reading("value", by_features(spikes, TARGETS[kind], seed=0), seed=0)
    if in_times:
        assert reading.in_times.low > 0.4
        assert reading.share(of.COUNTS).high < 0.1
        assert reading.share(of.LATENCIES).low > 0.5
    else:
        assert reading.in_times.high < 0.1
        assert reading.share(of.COUNTS).low > 0.4
        assert reading.share(of.BINS).value < reading.share(of.COUNTS).value
    assert reading.share(PERMUTED).high < 0.1


def test_folds_test_every_episode_once_and_never_fit_to_it() -> None:
    tested = []
    for fitted, held in folds(23, rng(4)):
        assert not set(fitted) & set(held)
        assert len(fitted) + len(held) == 23
        tested += list(held)
    assert sorted(tested) == list(range(23))


def test_a_decoder_of_one_time_fails_at_another_with_another_code() -> None:
    features = of.counts(coded_in_rates(VALUE))
    same, turned = explain(features, [features, -features], TARGETS["numbers"], rng(5))
    assert same.loss.sum() < 0.6 * same.without.sum()
    assert turned.loss.sum() > turned.without.sum()


def test_episodes_of_rare_classes_are_left_out() -> None:
    labels = np.repeat([0, 1, 2], [60, 60, 3])
    target = Target("action", labels)
    assert target.used.sum() == 120
    found = explain(rng(6).normal(size=(123, 4)), [rng(6).normal(size=(123, 4))], target, rng(7))
    np.testing.assert_array_equal(np.isnan(found[0].loss), labels == 2)
    assert not Target("action", np.repeat([0, 1], [60, 3])).varies


def test_shuffling_keeps_counts_and_moves_spikes() -> None:
    spikes = coded_in_times(VALUE)
    found = of.shuffled(spikes, rng(8))
    np.testing.assert_array_equal(of.counts(found), of.counts(spikes))
    assert (found != spikes).any(axis=0).mean() > 0.5


def test_features_of_a_small_example() -> None:
    spikes = np.zeros((4, 1, 2), dtype=np.bool_)
    spikes[1, 0, 0] = spikes[3, 0, 0] = True
    np.testing.assert_array_equal(of.counts(spikes), [[2, 0]])
    np.testing.assert_array_equal(of.bins(spikes), [[0, 0, 1, 0, 0, 0, 1, 0]])
    np.testing.assert_array_equal(of.latencies(spikes), [[1, 4]])


def test_decisions_are_dense_at_first_and_have_the_middle() -> None:
    assert decisions_shown(5) == [0, 1, 2, 3, 4]
    shown = decisions_shown(40)
    assert (shown[0], shown[-1]) == (0, 39)
    assert 20 in shown


def known_mean(tasks: TaskBatch, arms: IntArray, rewards: FloatArray, decision: int) -> FloatArray:
    found = posterior_mean(tasks, arms, rewards, decision)
    assert found is not None
    return found


def test_posterior_mean_of_coefficients_predicts_as_bayes_regression() -> None:
    tasks = Quadratic(n_steps=9).sample(30, rng(9))
    nothing = np.zeros((30, 9), np.int64), np.zeros((30, 9))
    y = tasks.values()
    for decision in (0, 3, 6, 8):
        mean = known_mean(tasks, *nothing, decision)
        predicted = (tasks.basis()[:, decision] * mean).sum(axis=1)
        expected = tasks.baseline_errors()["Bayes regression"][:, decision]
        np.testing.assert_allclose((predicted - y[:, decision]) ** 2, expected, atol=1e-4)
    late = known_mean(tasks, *nothing, 8)
    np.testing.assert_allclose(late, tasks.coefficients, atol=1e-2)


def test_posterior_mean_of_bandits_by_hand() -> None:
    arms, rewards = np.array([[0, 0, 1, 1]]), np.array([[1.0, 0.0, 0.0, 1.0]])
    independent = Bandit().sample(1, rng(10))
    np.testing.assert_allclose(known_mean(independent, arms, rewards, 3), [[2 / 4, 1 / 3]])
    dependent = Bandit(arms="dependent").sample(1, rng(10))
    np.testing.assert_allclose(known_mean(dependent, arms, rewards, 3), [[3 / 5, 2 / 5]])
    easy = Bandit(arms="dependent_easy").sample(1, rng(10))
    np.testing.assert_allclose(known_mean(easy, arms, rewards, 1), [[0.82, 0.18]])
    assert posterior_mean(Bandit(rewards="gaussian").sample(1, rng(10)), arms, rewards, 2) is None


def test_posterior_of_the_target_by_hand() -> None:
    tasks = InformativeBandit(n_arms=5).sample(40, rng(11))
    target, n = tasks.target, 40
    wrong = (target + 1) % 4
    arms = np.stack([wrong, np.full(n, 4)], axis=1)
    rewards = np.stack([np.ones(n), (target + 1) / 10], axis=1)
    prior, once, informed = (known_mean(tasks, arms, rewards, k) for k in range(3))
    np.testing.assert_allclose(prior, 0.25)
    np.testing.assert_allclose(once[np.arange(n), wrong], 0)
    np.testing.assert_allclose(once[np.arange(n), target], 1 / 3)
    np.testing.assert_allclose(informed[np.arange(n), target], 1)
