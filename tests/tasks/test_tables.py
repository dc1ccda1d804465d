"""Tables of several tasks: what the agent is told, and what it earns."""

from dataclasses import replace

import numpy as np

from spikeloop.tasks.mdp import RandomMdp


def test_the_agent_is_told_the_reward_unless_there_is_a_signal() -> None:
    tasks = RandomMdp(n_states=3, n_actions=2).sample(4, np.random.default_rng(0))
    assert tasks.told is tasks.reward
    scaled = replace(tasks, reward=tasks.reward / 2)
    assert scaled.told is scaled.reward
    told = replace(tasks, signal=tasks.reward - 0.5)
    np.testing.assert_array_equal(told.told, tasks.reward - 0.5)
    np.testing.assert_array_equal(told.reward, tasks.reward)
    np.testing.assert_array_equal(told.references().optimal, tasks.references().optimal)


def test_a_slice_keeps_what_its_tasks_are_told() -> None:
    tasks = RandomMdp(n_states=3, n_actions=2).sample(4, np.random.default_rng(0))
    told = replace(tasks, signal=-tasks.reward)
    np.testing.assert_array_equal(told[1:3].told, -tasks.reward[1:3])
    assert tasks[1:3].signal is None
