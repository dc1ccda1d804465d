"""Reversal bandits: their law, beliefs about them, and what the baselines earn."""

from typing import Any

import numpy as np
import pytest
from support.statistical_asserts import assert_better, assert_rate

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.references.reversal_policies import ReversalFilter
from spikeloop.tasks.references.simulation import simulated_return
from spikeloop.tasks.reversal_bandit import ReversalBandit, ReversalTasks

ALPHA = 1e-4


def sample(n_tasks: int, seed: int = 0, **settings: Any) -> ReversalTasks:
    return ReversalBandit(**settings).sample(n_tasks, np.random.default_rng(seed))


def played(tasks: ReversalTasks, n_episodes: int, arm: int = 0) -> tuple[FloatArray, FloatArray]:
    """(n_steps, n_episodes) better arms and feedback of the first task where one arm is pulled."""
    rng, play = np.random.default_rng(1), tasks.play(np.zeros(n_episodes, dtype=np.int64))
    better, paid = [], []
    for _ in range(tasks.n_steps):
        better.append(play.state["place"] // 2)
        paid.append(play.step(np.full(n_episodes, arm), rng.random(n_episodes))[1])
    return np.array(better), np.array(paid)


def test_the_better_arm_pays_and_swaps_at_its_rates() -> None:
    better, paid = played(sample(1, volatility="volatile", hazard=0.1), 400)
    swaps = better[1:] != better[:-1]
    assert_rate(int(swaps.sum()), swaps.size, 0.1, ALPHA, control=0.12)
    for arm, chance in ((0, 0.8), (1, 0.2)):
        of_arm = paid[better == arm]
        assert_rate(int(of_arm.sum()), of_arm.size, chance, ALPHA, control=chance + 0.02)


def test_stable_episodes_never_swap_and_half_of_the_mixed_ones() -> None:
    better, _ = played(sample(1, volatility="stable"), 50)
    assert (better == better[0]).all()
    mixed = sample(2000)
    swaps = mixed.transition[:, 0, 0, 2:].sum(axis=1) > 0
    assert_rate(int(swaps.sum()), 2000, 0.5, ALPHA, control=0.56)


def test_expected_rewards_are_the_chances_and_feedback_stays_drawn() -> None:
    tasks = sample(3, counts="expected")
    assert set(np.unique(tasks.reward)) == {0.2, 0.8} or np.allclose(
        np.unique(tasks.reward.round(12)), [0.2, 0.8]
    )
    assert set(np.unique(tasks.feedback)) == {0.0, 1.0}
    drawn = sample(3)
    np.testing.assert_allclose(drawn.with_expected_rewards().reward, tasks.reward, rtol=1e-12)
    for policy in ("random", "optimal"):
        np.testing.assert_allclose(
            getattr(tasks.references(), policy), getattr(drawn.references(), policy), rtol=1e-12
        )


def test_the_belief_is_that_of_bayes_rule() -> None:
    """Against all histories of swaps summed up one by one."""
    better, hazards = 0.8, (0.0, 0.3)
    filter_, memory = ReversalFilter(better, hazards), ReversalFilter(better, hazards).start(1)
    pulls = [(0, 1), (0, 0), (1, 1), (1, 1)]
    for arm, reward in pulls:
        memory = filter_.learn(memory, np.array([arm]), np.array([float(reward)]))
    weight = np.zeros((2, 2))
    for h, hazard in enumerate(hazards):
        for code in range(2 ** (len(pulls) + 1)):
            states = [code >> t & 1 for t in range(len(pulls) + 1)]
            p = 0.25
            for (arm, reward), now, after in zip(pulls, states, states[1:], strict=False):
                p *= better if (arm == now) == (reward == 1) else 1 - better
                p *= hazard if now != after else 1 - hazard
            weight[h, states[-1]] += p
    np.testing.assert_allclose(memory["belief"][0], weight / weight.sum(), rtol=1e-12)


def test_the_filter_is_the_best_baseline_and_a_wrong_hazard_is_worse() -> None:
    tasks = sample(40, volatility="volatile")
    rng = np.random.default_rng
    best = simulated_return(
        tasks.with_expected_rewards(), ReversalFilter(0.8, (0.06,)), rng(2), max_numbers=2**21
    )
    wrong = simulated_return(
        tasks.with_expected_rewards(), ReversalFilter(0.8, (0.0,)), rng(2), max_numbers=2**21
    )
    assert_better(best, wrong, ALPHA)
    with pytest.raises(AssertionError):
        assert_better(wrong, best, ALPHA)


def test_fictive_updates_help_where_arms_mirror_each_other() -> None:
    """With the constant learning rate of the baselines, whose ranking is what the family is for."""
    baselines = {
        name: earned.mean()
        for name, earned in sample(100).baselines(np.random.default_rng(3)).items()
    }
    ranked = sorted(baselines, key=lambda name: -baselines[name])
    assert ranked[:3] == ["Bayes optimum", "fictive", "Rescorla-Wagner"]


@pytest.mark.parametrize("settings", [{"better": 0.5}, {"volatility": "stable", "hazard": 0.1}])
def test_laws_without_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"better|hazard"):
        ReversalBandit(**settings)
