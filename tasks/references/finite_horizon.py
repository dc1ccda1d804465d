"""Expected returns over a finite horizon, by backward induction on exact transition tables.

Successors are averaged over, never replaced by the most probable one: playing the baselines with
the most probable successor inflates the optimal policy by about 2.7 % on 6 states and 8 actions
(Neuromorphic_Hardware_learns_to_learn, Evaluation/EvaluateMDP.py, has that fault).

Shapes: transition (n_tasks, n_actions, n_states, n_states), expected reward
(n_tasks, n_actions, n_states), start state (n_tasks,); returns (n_tasks,).
"""

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.portable import summed_products


def optimal_return(
    transition: FloatArray, expected_reward: FloatArray, start_state: IntArray, n_steps: int
) -> FloatArray:
    """Return the expected sum of rewards of the best policy that knows the task and the steps left.

    Bellman (1957): V_0 = 0 and V_k(s) = max_a [ r(a, s) + Σ_n P(n | s, a) V_{k-1}(n) ].
    """
    n_tasks, n_actions, n_states, _ = transition.shape
    by_successor = _by_successor(transition.reshape(n_tasks, n_actions * n_states, n_states))
    rewards = expected_reward.reshape(n_tasks, n_actions * n_states)
    value = np.zeros((n_tasks, n_states))
    for _ in range(n_steps):
        action_value = summed_products(by_successor, value.T[:, :, None]) + rewards
        value = action_value.reshape(n_tasks, n_actions, n_states).max(axis=1)
    at_start: FloatArray = value[np.arange(n_tasks), start_state]
    return at_start


def optimal_actions(transition: FloatArray, expected_reward: FloatArray, n_steps: int) -> IntArray:
    """Return (n_steps, n_tasks, n_states) the actions that ``optimal_return`` is earned with.

    The first axis is the step from the start of an episode. Of equally good actions it is the
    first.
    """
    n_tasks, _, n_states, _ = transition.shape
    value = np.zeros((n_tasks, n_states))
    actions = np.empty((n_steps, n_tasks, n_states), dtype=np.int64)
    for step in reversed(range(n_steps)):
        action_value = expected_reward + np.einsum("tasn,tn->tas", transition, value)
        actions[step], value = action_value.argmax(axis=1), action_value.max(axis=1)
    return actions


def random_return(
    transition: FloatArray, expected_reward: FloatArray, start_state: IntArray, n_steps: int
) -> FloatArray:
    """Return the expected sum of rewards of the policy that draws every action uniformly."""
    return _policy_return(
        transition.mean(axis=1), expected_reward.mean(axis=1), start_state, n_steps
    )


def myopic_return(
    transition: FloatArray, expected_reward: FloatArray, start_state: IntArray, n_steps: int
) -> FloatArray:
    """Return the expected sum of rewards of the policy that knows the task and looks no step ahead.

    In every state it takes the action of the largest expected reward, of equal ones the first.
    """
    action = expected_reward.argmax(axis=1)[:, None]
    chosen = np.take_along_axis(transition, action[..., None], axis=1)[:, 0]
    return _policy_return(chosen, expected_reward.max(axis=1), start_state, n_steps)


def _policy_return(
    transition: FloatArray, reward: FloatArray, start_state: IntArray, n_steps: int
) -> FloatArray:
    """Return the expected sum of rewards of a policy that does not change.

    ``transition`` (n_tasks, n_states, n_states) and ``reward`` (n_tasks, n_states) are those under
    the policy.
    """
    by_successor = _by_successor(transition)
    value = np.zeros_like(reward)
    for _ in range(n_steps):
        value = reward + summed_products(by_successor, value.T[:, :, None])
    at_start: FloatArray = value[np.arange(len(value)), start_state]
    return at_start


def _by_successor(rows: FloatArray) -> FloatArray:
    """Return the same probabilities with the successor first: (n_states, n_tasks, n_rows)."""
    return np.ascontiguousarray(np.moveaxis(rows, 2, 0))
