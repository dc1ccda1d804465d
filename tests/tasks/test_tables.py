"""Batches of tables: feedback and rewards."""

from dataclasses import replace

import numpy as np

from spikeloop.tasks.mdp import RandomMdp


def test_feedback_is_the_reward_unless_there_is_a_signal() -> None:
    tasks = RandomMdp(n_states=3, n_actions=2).sample(4, np.random.default_rng(0))
    assert tasks.feedback is tasks.reward
    scaled = replace(tasks, reward=tasks.reward / 2)
    assert scaled.feedback is scaled.reward
    feedback = replace(tasks, signal=tasks.reward - 0.5)
    np.testing.assert_array_equal(feedback.feedback, tasks.reward - 0.5)
    np.testing.assert_array_equal(feedback.reward, tasks.reward)
    np.testing.assert_array_equal(feedback.references().optimal, tasks.references().optimal)


def test_a_slice_keeps_the_feedback_of_its_tasks() -> None:
    tasks = RandomMdp(n_states=3, n_actions=2).sample(4, np.random.default_rng(0))
    feedback = replace(tasks, signal=-tasks.reward)
    np.testing.assert_array_equal(feedback[1:3].feedback, -tasks.reward[1:3])
    assert tasks[1:3].signal is None
