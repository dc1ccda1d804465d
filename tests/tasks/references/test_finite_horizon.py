"""Backward induction solves cases that can be solved by hand."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from spikeloop.tasks.references.finite_horizon import optimal_return, random_return

START = np.zeros(1, dtype=np.int64)


def deterministic(successors: list[list[int]]) -> NDArray[np.float64]:
    """(1, n_actions, n_states, n_states) from the successor of each action in each state."""
    n_states = len(successors[0])
    return np.array([[np.eye(n_states)[row] for row in successors]])


def test_waiting_for_a_larger_reward_is_found() -> None:
    """Action 0 stays and pays 1; action 1 pays 0 and leads to a state that pays 3 for ever."""
    transition = deterministic([[0, 1], [1, 1]])
    reward = np.array([[[1.0, 3.0], [0.0, 3.0]]])
    for n_steps, optimal in ((1, 1.0), (2, 3.0), (3, 6.0), (10, 27.0)):
        assert optimal_return(transition, reward, START, n_steps)[0] == optimal


def test_random_return_averages_actions_and_successors() -> None:
    """Two states, either with probability 1/2 whatever is done: 3/2 a step after the first."""
    transition = np.full((1, 2, 2, 2), 0.5)
    reward = np.array([[[0.0, 4.0], [2.0, 0.0]]])
    assert random_return(transition, reward, START, 1)[0] == 1.0
    assert random_return(transition, reward, START, 5)[0] == pytest.approx(1.0 + 4 * 1.5)


def test_optimal_return_is_the_best_of_all_policies_tried_one_by_one() -> None:
    """Every time-dependent deterministic policy of 2 states, 2 actions and 3 steps."""
    rng = np.random.default_rng(0)
    transition = rng.dirichlet([1.0, 1.0], size=(1, 2, 2))
    reward = rng.random((1, 2, 2))
    best = -np.inf
    for policy in itertools.product([0, 1], repeat=6):
        value = np.zeros(2)
        for rule in reversed(np.reshape(policy, (3, 2))):
            value = np.array(
                [reward[0, rule[s], s] + transition[0, rule[s], s] @ value for s in range(2)]
            )
        best = max(best, value[0])
    assert optimal_return(transition, reward, START, 3)[0] == pytest.approx(best)


def test_the_start_state_is_respected() -> None:
    transition = deterministic([[0, 1]])
    reward = np.array([[[0.25, 0.75]]])
    for start, pay in ((0, 0.25), (1, 0.75)):
        at = np.array([start])
        assert optimal_return(transition, reward, at, 4)[0] == 4 * pay
        assert random_return(transition, reward, at, 4)[0] == 4 * pay
