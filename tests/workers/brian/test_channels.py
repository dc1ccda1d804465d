import numpy as np
import pytest

from spikeloop.tasks.base import Interface
from spikeloop.workers.encoding import PopulationCode
from spikeloop.workers.input_channels import Channels

SEEN = np.array([1, 0, 2])


def test_indices_are_one_hot_and_rewards_nearly() -> None:
    channels = Channels(Interface(3, 2, "discrete", 10))
    shown = channels.encode(SEEN, np.array([0, 1, 1]), np.array([0.0, 1.0, 0.5]))
    assert channels.parts == {"observation": 3, "action": 2, "feedback": 2, "bias": 1}
    assert shown.shape == (3, channels.n)
    np.testing.assert_array_equal(shown[:, :3], np.eye(3)[SEEN])
    np.testing.assert_array_equal(shown[:, 3:5], [[1, 0], [0, 1], [0, 1]])
    far, half = np.exp(-2.0), np.exp(-0.5)
    np.testing.assert_allclose(shown[:, 5:7], [[1, far], [far, 1], [half, half]])
    np.testing.assert_array_equal(shown[:, 7], 1)
    assert channels.n_shown == 4


def test_before_the_first_action_only_the_observation_is_shown() -> None:
    channels = Channels(Interface(3, 2, "discrete", 10))
    shown = channels.encode(SEEN, None, None)
    np.testing.assert_array_equal(shown[:, 3:7], 0)
    np.testing.assert_array_equal(shown[:, 7], 1)


def test_an_observation_that_never_changes_has_no_channel() -> None:
    channels = Channels(Interface(1, 2, "discrete", 10))
    assert channels.parts == {"action": 2, "feedback": 2, "bias": 1}
    assert channels.encode(np.zeros(4, dtype=np.int64), None, None).shape == (4, 5)


@pytest.mark.parametrize("feeds_action", [False, True])
def test_vectors_are_population_codes(feeds_action: bool) -> None:
    task = Interface(
        n_observations=2,
        n_actions=1,
        actions="continuous",
        n_steps=10,
        observations="continuous",
        observation_range=(-1.0, 1.0),
        action_range=(0.2, 0.8),
        feedback="target",
        feedback_range=(0.2, 0.8),
    )
    channels = Channels(task, per_value=5, feedback=4, width=0.7, feeds_action=feeds_action)
    seen, done, feedback = np.array([[0.3, -1.0]]), np.array([[0.5]]), np.array([0.7])
    shown = channels.encode(seen, done, feedback)
    expected = [PopulationCode(-1.0, 1.0, 5, 0.7).encode(seen)]
    if feeds_action:
        expected.append(PopulationCode(0.2, 0.8, 5, 0.7).encode(done))
    expected += [PopulationCode(0.2, 0.8, 4, 0.7).encode(feedback[:, None]), np.ones((1, 1))]
    np.testing.assert_array_equal(shown, np.hstack(expected))
    assert channels.n == shown.shape[1] == (20 if feeds_action else 15)
    assert channels.n_shown == (5 if feeds_action else 4)
    assert ("action" in channels.parts) == feeds_action
