"""Random MDPs follow the laws of the published generator and earn its published returns."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from support.statistical_asserts import assert_frequencies, assert_law, assert_mean

from spikeloop.tasks.mdp import RandomMdp

ALPHA = 1e-4
N = 400


def branching(n_states: int, transition: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n_states + 1,) how many rows have 0, 1, … n_states possible successors."""
    numbers = np.count_nonzero(transition, axis=-1).ravel()
    return np.bincount(numbers, minlength=n_states + 1)


def branching_law(n_states: int) -> NDArray[np.float64]:
    """Law of the number of successors, from 1 on.

    Given the threshold r, the number allowed is binomial with rate 1 − r; for r ~ U[0, 1] that is
    uniform on 0 … S, and 0 becomes 1. The mean is S / 2 + 1 / (S + 1).
    """
    law = np.full(n_states, 1 / (n_states + 1))
    law[0] *= 2
    return law


@pytest.mark.parametrize("n_states", [2, 6, 11])
def test_branching_follows_its_law(n_states: int) -> None:
    family = RandomMdp(n_states=n_states)
    tasks = family.sample(N, np.random.default_rng(0))
    counts = branching(n_states, tasks.transition)
    assert counts[0] == 0
    assert_frequencies(counts[1:], branching_law(n_states), ALPHA)
    mean = np.count_nonzero(tasks.transition, axis=-1).mean(axis=(1, 2))
    assert_mean(mean, n_states / 2 + 1 / (n_states + 1), ALPHA)


def test_branching_rejects_other_generators() -> None:
    """Negative controls: one threshold for all rows of a task; a fixed threshold."""
    rng = np.random.default_rng(0)
    shape = (N, 8, 6, 6)
    for threshold in (rng.random((N, 1, 1, 1)), np.full((N, 1, 1, 1), 0.5)):
        allowed = rng.random(shape) > threshold
        allowed[..., 0] |= ~allowed.any(axis=-1)
        with pytest.raises(AssertionError):
            assert_frequencies(branching(6, allowed.astype(float))[1:], branching_law(6), ALPHA)


def test_rewards_are_uniform_and_forbidden_ones_neutral() -> None:
    tasks = RandomMdp().sample(N, np.random.default_rng(1))
    allowed = tasks.transition > 0
    assert_law(tasks.reward[allowed], stats.uniform.cdf, ALPHA)
    np.testing.assert_array_equal(tasks.reward[~allowed], 0.5)
    with pytest.raises(AssertionError):
        assert_law(tasks.reward, stats.uniform.cdf, ALPHA)


def test_masses_of_two_successors_have_the_law_of_normalised_uniforms() -> None:
    """For U, V ~ U[0, 1]: P(U / (U + V) <= x) = x / (2 (1 − x)) up to 1/2, then mirrored."""

    def cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        smaller = np.minimum(x, 1 - x)
        below = smaller / (2 * (1 - smaller))
        return np.where(x <= 0.5, below, 1 - below)

    transition = RandomMdp().sample(N, np.random.default_rng(2)).transition
    two = transition[np.count_nonzero(transition, axis=-1) == 2]
    first = np.array([row[row > 0][0] for row in two])
    assert_law(first, cdf, ALPHA, control=stats.uniform.cdf)


def test_every_state_is_a_successor_equally_often_also_when_forced() -> None:
    transition = RandomMdp().sample(N, np.random.default_rng(3)).transition
    only = transition[np.count_nonzero(transition, axis=-1) == 1]
    assert_frequencies((only > 0).sum(axis=0), np.full(6, 1 / 6), ALPHA)


def test_the_uniform_policy_earns_one_half_and_the_optimal_one_its_published_share() -> None:
    """By symmetry of the rewards the uniform policy earns exactly 1/2 a step on average.

    Value iteration earns 0.844 to 0.860 a step on samples of thousands of MDPs of this size, with a
    standard deviation over MDPs of 0.072; 500 steps differ from 2000 by about 0.0002.
    """
    family = RandomMdp(n_steps=500)
    references = family.sample(1000, np.random.default_rng(4)).references()
    random, optimal = references.random / 500, references.optimal / 500
    assert_mean(random, 0.5, ALPHA, control=0.485)
    margin = 4 * optimal.std() / np.sqrt(optimal.size)
    assert 0.844 - margin < optimal.mean() < 0.860 + margin
    assert optimal.std() == pytest.approx(0.072, abs=0.02)


def test_an_episode_starts_in_state_0_and_the_feedback_is_the_reward() -> None:
    tasks = RandomMdp().sample(3, np.random.default_rng(0))
    np.testing.assert_array_equal(tasks.start_state, 0)
    assert tasks.feedback is tasks.reward


def test_latents_are_expected_rewards_by_state_and_action() -> None:
    family = RandomMdp(n_states=3, n_actions=4)
    tasks = family.sample(5, np.random.default_rng(2))
    latents = tasks.arrays()["latents"].reshape(5, 3, 4)
    for state in range(3):
        for action in range(4):
            chance, reward = tasks.transition[:, action, state], tasks.reward[:, action, state]
            expected = (chance * (2.0 * reward - 1.0)).sum(axis=-1)
            np.testing.assert_allclose(latents[:, state, action], expected, atol=1e-12)
    assert tasks.interface == family.interface
