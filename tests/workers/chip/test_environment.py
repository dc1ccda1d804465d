"""The environment's integers: probabilities, feedback, and their limits."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloop.tasks.maze import Maze
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip.environment import FULL, environments


def test_maze_feedback_has_bumps_and_goals_and_rewards_are_hits() -> None:
    tasks = Maze().sample(3, np.random.default_rng(0))
    for task, environment in enumerate(environments(tasks)):
        assert environment.signal_q7.dtype == np.int16
        assert set(np.unique(environment.signal_q7)) == {-254, 0, 127}
        np.testing.assert_array_equal(environment.signal_q7 == 127, tasks.reward[task] == 1)
        np.testing.assert_array_equal(environment.reward, tasks.reward[task])
        assert environment.start_state == tasks.start_state[task]


def test_without_a_signal_feedback_is_the_reward_to_the_nearest_127th() -> None:
    tasks = RandomMdp().sample(2, np.random.default_rng(0))
    for task, environment in enumerate(environments(tasks)):
        error = environment.signal_q7 / 127 - tasks.reward[task]
        assert np.abs(error).max() <= 0.5 / 127 + 1e-12


@pytest.mark.parametrize("family", [Maze(), RandomMdp()])
def test_successors_keep_their_probabilities_and_impossible_ones_stay_impossible(
    family: Maze | RandomMdp,
) -> None:
    tasks = family.sample(5, np.random.default_rng(0))
    for task, environment in enumerate(environments(tasks)):
        cumulative = environment.cumulative_u16.astype(np.float64)
        assert (cumulative[..., -1] == FULL).all()
        share = np.diff(cumulative, axis=-1, prepend=0.0) / FULL
        np.testing.assert_allclose(share, tasks.transition[task], atol=1.01 / FULL)
        assert (share[tasks.transition[task] == 0] == 0).all()


@pytest.mark.parametrize(
    ("feedback", "fits"),
    [
        (2.0, True),
        (-256 / 127, True),
        (255 / 127, True),
        (2.02, False),
        (-2.03, False),
        (np.nan, False),
        (np.inf, False),
    ],
)
def test_feedback_beyond_nine_bits_is_refused(feedback: float, fits: bool) -> None:
    tasks = RandomMdp().sample(1, np.random.default_rng(0))
    signal = tasks.reward.copy()
    signal[0, 0, 0, 0] = feedback
    if fits:
        environment = environments(replace(tasks, signal=signal))[0]
        assert environment.signal_q7[0, 0, 0] == round(feedback * 127)
    else:
        with pytest.raises(ValueError, match="rewards must be in"):
            environments(replace(tasks, signal=signal))
