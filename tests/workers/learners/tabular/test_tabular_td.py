"""The floating-point reference: exact small cases, and its known results on random MDPs."""

from dataclasses import replace

import numpy as np
import pytest
from support.statistical_asserts import assert_frequencies, assert_mean

from spikeloop.tasks.base import FloatArray, Interface, SeedArray
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.learners.tabular.learner import TabularTd
from spikeloop.workers.space import Parameters

FAMILY = RandomMdp()


def seeds(n_candidates: int, n_tasks: int, seed: int = 0) -> SeedArray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**64, (n_candidates, n_tasks), dtype=np.uint64)


def parameters(learner: TabularTd, *rows: list[float]) -> Parameters:
    return Parameters(learner.space(FAMILY.interface), np.array(rows))


def arms(rewards: list[float], n_steps: int, n_tasks: int = 1) -> TabularTasks:
    """Two states that alternate whatever is done; action a earns ``rewards[a]``.

    A weight changes one step late, so it has its new value when its state comes again.
    """
    n_actions = len(rewards)
    transition = np.tile(np.eye(2)[::-1], (n_tasks, n_actions, 1, 1))
    reward = np.tile(np.array(rewards)[None, :, None, None], (n_tasks, 1, 2, 2))
    return TabularTasks(transition, reward, np.zeros(n_tasks, dtype=np.int64), n_steps)


def test_an_optimist_tries_every_arm_once_and_then_keeps_the_best() -> None:
    learner = TabularTd(trace_decay=0.0)
    tasks = arms([0.2, 0.7, 0.4, 0.1], 80, n_tasks=30)
    episodes = learner.run_episodes(parameters(learner, [0.0, 1.0, 1.0]), tasks, seeds(1, 30))
    np.testing.assert_allclose(episodes.returns, 2 * (0.2 + 0.4 + 0.1 + 37 * 0.7))


def test_a_pessimist_keeps_the_first_arm_that_pays() -> None:
    learner = TabularTd(trace_decay=0.0)
    n_tasks = 2000
    tasks = arms([0.2, 0.7], 20, n_tasks)
    episodes = learner.run_episodes(parameters(learner, [0.0, 1.0, 0.0]), tasks, seeds(1, n_tasks))
    n_good = ((episodes.returns[0] - 20 * 0.2) / (10 * 0.5)).round(9)
    assert set(n_good) == {0, 1, 2}
    # Each state's first choice is a tie, so a fair coin; a coin of 0.55 would be seen.
    counts = [(n_good == k).sum() for k in range(3)]
    unfair = [0.45**2, 2 * 0.45 * 0.55, 0.55**2]
    assert_frequencies(counts, [0.25, 0.5, 0.25], alpha=1e-4, control=unfair)


def test_clipping_bounds_values_where_the_sum_of_rewards_is_above_one() -> None:
    """With γ = 0.9 the best arm is worth 7; clipped at 1, both arms end there and tie."""
    tasks = arms([0.7, 0.4], 4000)
    row = [0.9, 0.5, 1.0]
    free, clipped = (
        learner.run_episodes(parameters(learner, row), tasks, seeds(1, 1)).returns[0, 0] / 4000
        for learner in (TabularTd(clip=False, trace_decay=0.0), TabularTd(trace_decay=0.0))
    )
    assert clipped < 0.6
    assert free in (pytest.approx(0.7, abs=0.01), pytest.approx(0.4, abs=0.01))


def ideal_returns(points: FloatArray, tasks: TabularTasks, seed: int, *, ahead: str) -> FloatArray:
    """(n, n_tasks) returns of greedy one-step learning, in a program of its own, all side by side.

    ``points`` are γ, η and q₀. ``ahead`` is the value that a target has of the next state: that of
    the action "chosen" there, or the "largest", as in Q-learning with its update before the choice.
    """
    rng = np.random.default_rng(seed)
    gamma, eta, start = (np.repeat(column, tasks.n_tasks) for column in points.T)
    task = np.tile(np.arange(tasks.n_tasks), len(points))
    every = np.arange(task.size)
    values = np.tile(start[:, None, None], (1, tasks.n_states, tasks.n_actions))
    cumulative = tasks.transition.cumsum(axis=-1)
    state, total = np.zeros(task.size, dtype=np.int64), np.zeros(task.size)
    before, reward = None, np.zeros(task.size)
    for _ in range(tasks.n_steps):
        if before is not None and ahead == "largest":
            target = reward + gamma * values[every, state].max(axis=1)
            values[before] += eta * (target - values[before])
        row = values[every, state]
        best = row == row.max(axis=1, keepdims=True)
        action = np.argmax(best * (1 + rng.random(best.shape)), axis=1)  # ties at random
        if before is not None and ahead == "chosen":
            target = reward + gamma * values[every, state, action]
            values[before] += eta * (target - values[before])
        passed = cumulative[task, action, state] <= rng.random((task.size, 1))
        successor = passed.sum(axis=1).clip(max=tasks.n_states - 1)
        reward = tasks.reward[task, action, state, successor]
        total += reward
        before, state = (every, state, action), successor
    return total.reshape(len(points), tasks.n_tasks)


def test_random_hyperparameters_earn_what_an_independent_program_earns() -> None:
    """150 Θ, γ, η, q₀ ~ U[0, 1], on the same 60 MDPs of 500 steps, paired by Θ; alarm at 1e-4.

    The standard error is .006 of the score, so a deviation of .03 is seen. The largest value of the
    next state in place of the chosen one's scores .03 to .05 less, and is rejected.
    """
    learner, family = TabularTd(trace_decay=0.0, clip=False), RandomMdp(n_steps=500)
    space = learner.space(family.interface)
    points = space.sample(150, np.random.default_rng(1))
    tasks = family.sample(60, np.random.default_rng(2))
    decoded = space.decode(points)
    returns = learner.run_episodes(decoded, tasks, seeds(150, 60)).returns
    baseline = tasks.references()
    span = (baseline.optimal - baseline.random).sum()
    chosen, largest = (
        (returns - ideal_returns(decoded.values, tasks, 3, ahead=ahead)).sum(axis=1) / span
        for ahead in ("chosen", "largest")
    )
    assert_mean(chosen, 0.0, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_mean(largest, 0.0, alpha=1e-4)


@pytest.mark.exhaustive
def test_random_hyperparameters_score_as_the_known_ideal_of_the_chip_agent() -> None:
    """γ, η, q₀ ~ U[0, 1] and 20 MDPs each have mean .336 ± .007 in an independent program.

    1,000 candidates have a standard error of .008; bounds are four of both together. Means of .276
    and .40 would be rejected.
    """
    learner = TabularTd(trace_decay=0.0)
    points = learner.space(FAMILY.interface).sample(1000, np.random.default_rng(1))
    result = scores(learner, points, n_tasks=20, seed=2)
    assert result.mean() == pytest.approx(0.336, abs=4 * np.hypot(0.007, 0.008))
    assert np.median(result) < result.mean()
    assert result.max() < 1.0


def scores(learner: TabularTd, points: FloatArray, n_tasks: int, seed: int) -> FloatArray:
    """(n,) score of each candidate on fresh MDPs of its own."""
    rng = np.random.default_rng(seed)
    decoded = learner.space(FAMILY.interface).decode(points)
    result = np.empty(len(points))
    for i in range(len(points)):
        tasks = FAMILY.sample(n_tasks, rng)
        baseline = tasks.references()
        episodes = learner.run_episodes(
            decoded.rows(slice(i, i + 1)), tasks, seeds(1, n_tasks, seed + i)
        )
        gained = (episodes.returns[0] - baseline.random).sum()
        result[i] = gained / (baseline.optimal - baseline.random).sum()
    return result


def test_small_discount_and_optimism_are_good_and_their_contraries_bad() -> None:
    learner = TabularTd()
    good, bad = scores(learner, np.array([[0.05, 0.3, 0.85], [0.95, 0.3, 0.05]]), 40, seed=3)
    assert good > 0.75
    assert bad < 0.3


def test_settings_choose_what_is_searched() -> None:
    interface = FAMILY.interface
    assert TabularTd().space(interface).columns == ("gamma", "eta", "initial_value")
    everything = TabularTd(rescale=True, search_trace_decay=True).space(interface)
    assert everything.columns[3:] == (
        "value_lower",
        "value_upper",
        "rescale_period",
        "trace_decay",
    )


def test_the_trace_decay_setting_is_the_hyperparameters_value() -> None:
    tasks = FAMILY.sample(3, np.random.default_rng(0))
    fixed, searched = TabularTd(trace_decay=0.8), TabularTd(search_trace_decay=True)
    one = fixed.run_episodes(parameters(fixed, [0.6, 0.3, 0.8]), tasks, seeds(1, 3))
    other = searched.run_episodes(parameters(searched, [0.6, 0.3, 0.8, 0.8]), tasks, seeds(1, 3))
    np.testing.assert_array_equal(one.returns, other.returns)


def test_it_learns_from_feedback_and_its_return_is_the_reward() -> None:
    """The arm that earns less is praised more, and is kept."""
    earned, praised = arms([0.9, 0.2], 80, n_tasks=20), arms([0.1, 0.8], 80, n_tasks=20)
    learner = TabularTd(trace_decay=0.0)
    theta = parameters(learner, [0.0, 1.0, 1.0])
    feedback = replace(earned, signal=praised.reward)
    episodes = learner.run_episodes(theta, feedback, seeds(1, 20))
    np.testing.assert_allclose(episodes.returns, 2 * (0.9 + 39 * 0.2))
    untold = learner.run_episodes(theta, earned, seeds(1, 20))
    np.testing.assert_allclose(untold.returns, 2 * (0.2 + 39 * 0.9))


def test_action_values_are_the_table_at_the_end_of_an_episode() -> None:
    """With γ = λ = 0 and η = 1 a tried arm is worth what it paid last, another what it began as."""
    learner = TabularTd(trace_decay=0.0)
    tasks = arms([0.2, 0.7, 0.4], 80, n_tasks=2)
    theta = parameters(learner, [0.0, 1.0, 1.0], [0.0, 1.0, 0.5])
    values = learner.run_episodes(theta, tasks, seeds(2, 2)).action_values
    assert values is not None
    assert values.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(values[0], np.broadcast_to([0.2, 0.7, 0.4], (2, 2, 3)))
    tried = np.isclose(values[1], [0.2, 0.7, 0.4])
    assert (tried | (values[1] == 0.5)).all()
    assert (tried.any(axis=-1)).all()


def test_a_family_that_says_nothing_of_tables_is_taken_and_one_that_denies_them_is_not() -> None:
    """Users' own families give tables without saying so."""
    learner = TabularTd()
    silent = Interface(6, 8, "discrete", 2000)
    assert learner.space(silent) == learner.space(FAMILY.interface)
    assert learner.space(replace(silent, tables=True)).n_dim == 3
    with pytest.raises(ValueError, match="tabular_td needs tasks given as tables, as random_mdp"):
        learner.space(replace(silent, tables=False))
