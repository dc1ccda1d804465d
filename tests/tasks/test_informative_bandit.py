"""Bandits with an informative arm: the figures of the paper, and baselines against all policies."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from support.statistical_asserts import assert_frequencies, assert_mean

from spikeloop.tasks.base import HasBaselines, TaskBatch, TaskFamily
from spikeloop.tasks.informative_bandit import InformativeBandit, InformativeTasks

ALPHA = 1e-4


def every_task(**settings: Any) -> InformativeTasks:
    """Each task of a family once, so that means over the batch are means over the family."""
    family = InformativeBandit(**settings)
    one = family.sample(1, np.random.default_rng(0))
    return InformativeTasks(np.arange(family.n_arms - 1), family.n_steps, one.rules)


def baselines(tasks: InformativeTasks) -> dict[str, Any]:
    return dict(tasks.baselines(np.random.default_rng(0)))


# The family


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_arms": 2}, "greater than or equal to 3"),
        ({"other_reward": 5.0}, r"target_reward must be more than other_reward and than 1\.0"),
        ({"n_arms": 51}, r"the most that the informative one of 51 arms pays, got 5\.0"),
        ({"other_reward": -1.0}, "greater than or equal to 0"),
    ],
)
def test_settings_without_a_meaning_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        InformativeBandit(**settings)
    assert refused.value.error_count() == 1


def test_the_joints_are_met() -> None:
    family: TaskFamily = InformativeBandit()
    tasks: TaskBatch = family.sample(3, np.random.default_rng(0))
    assert isinstance(tasks, HasBaselines)
    seen = tasks.interface
    assert seen == family.interface
    assert (seen.n_observations, seen.n_actions, seen.n_steps, seen.tables) == (1, 11, 5, False)
    assert seen.feedback_values == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 5.0)
    assert seen.feedback_range == (0.1, 5.0)
    other = InformativeBandit(n_arms=4, other_reward=1.1).interface.feedback_values
    assert other == (0.1, 0.2, 0.3, 1.1, 5.0)


def test_every_arm_but_the_last_is_the_target_equally_often() -> None:
    """The control is a family of one arm more."""
    drawn = InformativeBandit().sample(5000, np.random.default_rng(1)).target
    counts = np.bincount(drawn, minlength=11)
    assert counts[10] == 0
    assert_frequencies(counts[:10], np.full(10, 0.1), ALPHA)
    with pytest.raises(AssertionError):
        assert_frequencies(counts, np.full(11, 1 / 11), ALPHA)


def test_more_tasks_begin_with_the_same_ones() -> None:
    few, more = (InformativeBandit().sample(n, np.random.default_rng(2)).target for n in (3, 9))
    np.testing.assert_array_equal(few, more[:3])


def test_pulls_pay_what_was_agreed_and_luck_has_no_say() -> None:
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


@pytest.mark.parametrize(("other", "random"), [(1.0, 5 * 14.55 / 11), (1.1, 5 * 15.45 / 11)])
def test_references_by_hand(other: float, random: float) -> None:
    """6.61 and 7.02 an episode of uniform pulls, 25 of one who knows the target."""
    references = every_task(other_reward=other).references()
    np.testing.assert_allclose(references.random.mean(), random, rtol=1e-12)
    assert round(random, 2) in (6.61, 7.02)
    np.testing.assert_array_equal(references.optimal, np.full(10, 25.0))


@pytest.mark.parametrize(("other", "blind"), [(1.0, 11.0), (1.1, 11.35)])
def test_baselines_by_hand(other: float, blind: float) -> None:
    """20.1 … 21.0 after asking first, 20.55 on average; 11.0 or 11.35 without asking."""
    of_name = baselines(every_task(other_reward=other))
    asked = np.arange(1, 11) / 10 + 20.0
    np.testing.assert_allclose(of_name["informative arm first"], asked, rtol=1e-12)
    np.testing.assert_allclose(asked.mean(), 20.55, rtol=1e-12)
    np.testing.assert_allclose(of_name["blind search"], blind, rtol=1e-12)
    np.testing.assert_array_equal(of_name["Bayes optimum"], of_name["informative arm first"])


def test_a_first_pull_is_worth_what_the_paper_says() -> None:
    """0.55 of the informative arm, 1.4 of any other one."""
    of_name = baselines(every_task(n_steps=1))
    np.testing.assert_allclose(of_name["informative arm first"].mean(), 0.55, rtol=1e-12)
    np.testing.assert_allclose(of_name["blind search"].mean(), 1.4, rtol=1e-12)
    np.testing.assert_allclose(of_name["Bayes optimum"].mean(), 1.4, rtol=1e-12)


def played(tasks: InformativeTasks, choose: Callable[[list[tuple[int, float]]], int]) -> Any:
    """(n_tasks,) returns of a policy, a function of all arms and rewards so far."""
    returns = np.zeros(tasks.n_tasks)
    for task in range(tasks.n_tasks):
        play = tasks.play(np.array([task]))
        history: list[tuple[int, float]] = []
        for _ in range(tasks.n_steps):
            arm = choose(history)
            reward, _ = play.step(np.array([arm]), np.zeros(1))
            history.append((arm, float(reward[0])))
            returns[task] += reward[0]
    return returns


def asking(history: list[tuple[int, float]]) -> int:
    """The informative arm of eleven, then the one that it names."""
    return round(10 * history[0][1]) - 1 if history else 10


def test_asking_first_earns_its_baseline_when_played() -> None:
    tasks = every_task()
    returns = played(tasks, asking)
    np.testing.assert_allclose(returns, baselines(tasks)["informative arm first"], rtol=1e-12)


def test_blind_search_earns_its_baseline_when_played() -> None:
    """5.2 standard errors are seen; the control always tries arms in the same order."""
    tasks = every_task()
    rng = np.random.default_rng(3)

    def search(history: list[tuple[int, float]]) -> int:
        found = [arm for arm, reward in history if reward == 5.0]
        left = set(range(10)) - {arm for arm, _ in history}
        return found[0] if found else int(rng.choice(sorted(left)))

    def in_order(history: list[tuple[int, float]]) -> int:
        return next((arm for arm, reward in history if reward == 5.0), len(history))

    baseline = baselines(tasks)["blind search"]
    returns = np.array([played(tasks, search) for _ in range(60)])
    for task in range(10):
        assert_mean(returns[:, task] - baseline[task], 0.0, ALPHA / 10)
    ordered = played(tasks, in_order)
    np.testing.assert_allclose(ordered.mean(), baseline.mean(), rtol=1e-12)
    assert not np.allclose(ordered, baseline)


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


@pytest.mark.parametrize("n_arms", [3, 4, 6, 7])
@pytest.mark.parametrize("n_steps", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("other", [0.0, 0.5, 1.0, 1.5, 1.9, 1.95])
def test_no_policy_earns_more_than_the_bayes_optimum_and_one_earns_it(
    n_arms: int, n_steps: int, other: float
) -> None:
    tasks = every_task(n_arms=n_arms, n_steps=n_steps, target_reward=2.0, other_reward=other)
    best = best_mean(frozenset(range(n_arms - 1)), n_steps, n_arms, other)
    means = {name: float(returns.mean()) for name, returns in baselines(tasks).items()}
    np.testing.assert_allclose(means["Bayes optimum"], best, rtol=1e-12)
    assert max(means.values()) <= best + 1e-12


def test_the_optimum_may_be_not_to_ask() -> None:
    """Of six steps and five arms, where a guess costs little."""
    of_name = baselines(every_task(n_arms=6, n_steps=6, target_reward=2.0, other_reward=1.9))
    np.testing.assert_array_equal(of_name["Bayes optimum"], of_name["blind search"])
    assert of_name["Bayes optimum"].mean() > of_name["informative arm first"].mean() + 0.1


def test_no_tasks_have_no_returns() -> None:
    for returns in baselines(InformativeBandit().sample(0, np.random.default_rng(4))).values():
        assert returns.shape == (0,)
