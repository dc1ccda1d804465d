"""The environment's integers: probabilities, feedback, and their limits."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloop.tasks.maze import Maze
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.chip.environment import FREE, GOAL, WALL, maze_step
from spikeloop.workers.chip.limits import FULL
from spikeloop.workers.chip.task_message import environment_bytes, environments, message


def test_a_maze_is_a_map_with_its_goal_and_two_kinds_of_feedback() -> None:
    family = Maze()
    layouts = family.layouts(3, np.random.default_rng(0))
    for task, environment in enumerate(environments(family.tables(layouts))):
        free = layouts.free[task].ravel()
        assert (environment.map_u8 == WALL).tolist() == (~free).tolist()
        assert np.flatnonzero(environment.map_u8 == GOAL).tolist() == [layouts.goal[task]]
        assert environment.n_restarts == free.sum() - 1 == (environment.map_u8 == FREE).sum()
        assert (environment.width, environment.bump_q7, environment.goal_q7) == (3, -254, 127)
        assert environment.start_state == layouts.start[task]
        assert environment.cumulative_u32.size == environment.reward.size == 0


def test_maze_feedback_in_tables_has_bumps_and_goals_and_rewards_are_hits() -> None:
    tasks = as_tables(Maze().sample(3, np.random.default_rng(0)))
    for task, environment in enumerate(environments(tasks)):
        assert environment.signal_q7.dtype == np.int16
        assert set(np.unique(environment.signal_q7)) == {-254, 0, 127}
        np.testing.assert_array_equal(environment.signal_q7 == 127, tasks.reward[task] == 1)
        np.testing.assert_array_equal(environment.reward, tasks.reward[task])
        assert environment.start_state == tasks.start_state[task]


@pytest.mark.parametrize("shape", [(1, 2), (2, 2), (3, 3), (2, 5)])
def test_every_step_in_a_map_is_that_in_the_tables(shape: tuple[int, int]) -> None:
    """For every field, action and each random number at which a restart changes, and its
    neighbours."""
    family = Maze(n_rows=shape[0], n_columns=shape[1], bump=-0.5)
    tasks = family.sample(3, np.random.default_rng(1))
    maps, tables = environments(tasks), environments(as_tables(tasks), None)
    n_hits = 0
    for one, table in zip(maps, tables, strict=True):
        edges = np.unique(table.cumulative_u32)
        numbers = np.unique([edges - 1, edges, edges + 1]).clip(0, FULL - 1)
        for state in np.flatnonzero(one.map_u8 == FREE).tolist():
            for action in range(4):
                for number in numbers.tolist():
                    successor = int((table.cumulative_u32[action, state] <= number).sum())
                    entry = action, state, successor
                    wanted = successor, table.signal_q7[entry], table.reward[entry]
                    assert maze_step(one, number, state, action) == wanted
                    n_hits += int(table.reward[entry])
    assert n_hits > 0


def test_a_table_of_feedback_beyond_a_byte_has_halfwords() -> None:
    rewards, signals = (replace(RandomMdp().interface, feedback_range=r) for r in ((0, 1), (-2, 1)))
    assert environment_bytes(rewards) == 1 + 5 * 288
    assert environment_bytes(signals) == 1 + 6 * 288


@pytest.mark.parametrize("family", [RandomMdp(n_states=2, n_actions=2), Maze(n_rows=1)])
def test_a_message_has_the_bytes_that_are_counted(family: RandomMdp | Maze) -> None:
    for tasks in (family.sample(2, np.random.default_rng(3)),):
        for batch in (tasks, as_tables(tasks)):
            assert len(message(batch, 1)) == environment_bytes(batch.interface)


def test_numbers_travel_with_their_most_significant_byte_first() -> None:
    tasks = RandomMdp(n_states=2, n_actions=2).sample(1, np.random.default_rng(3))
    sent = message(tasks, 0)
    environment = environments(tasks)[0]
    for entry, value in enumerate(environment.cumulative_u32.ravel().tolist()):
        assert sent[1 + 4 * entry : 5 + 4 * entry] == bytes([0, 0, value >> 8, value & 255])
    assert list(sent[33:]) == environment.signal_q7.ravel().tolist()


def test_a_task_larger_than_the_mailbox_is_refused() -> None:
    tasks = RandomMdp(n_states=10, n_actions=9).sample(1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="the mailbox has bytes 0 to 4095, got 4501 bytes from 8"):
        environments(tasks)
    assert environments(tasks, None)[0].cumulative_u32.shape == (9, 10, 10)


def as_tables(tasks: TabularTasks) -> TabularTasks:
    return replace(tasks, map_u8=None)


def test_without_a_signal_feedback_is_the_reward_to_the_nearest_127th() -> None:
    tasks = RandomMdp().sample(2, np.random.default_rng(0))
    for task, environment in enumerate(environments(tasks)):
        error = environment.signal_q7 / 127 - tasks.reward[task]
        assert np.abs(error).max() <= 0.5 / 127 + 1e-12


@pytest.mark.parametrize("family", [Maze(), RandomMdp()])
def test_successors_keep_their_probabilities_and_impossible_ones_stay_impossible(
    family: Maze | RandomMdp,
) -> None:
    tasks = as_tables(family.sample(5, np.random.default_rng(0)))
    for task, environment in enumerate(environments(tasks)):
        cumulative = environment.cumulative_u32.astype(np.float64)
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
        wide = replace(tasks, signal=signal, feedback_range=(-2.02, 2.01))
        environment = environments(wide)[0]
        assert environment.signal_q7[0, 0, 0] == round(feedback * 127)
    else:
        with pytest.raises(ValueError, match="feedback must be in"):
            environments(replace(tasks, signal=signal))


def test_a_byte_holds_no_feedback_below_zero() -> None:
    """The range of a family is the usual one, so tasks may leave it."""
    tasks = RandomMdp().sample(1, np.random.default_rng(0))
    signal = tasks.reward.copy()
    signal[0, 0, 0, :2] = -0.5, 2.0
    with pytest.raises(ValueError, match=r"in \[0, 255\] / 127, .* feedback_range .*got -0.5 to 2"):
        environments(replace(tasks, signal=signal))
    signal[0, 0, 0, 0] = 0.0
    assert environments(replace(tasks, signal=signal))[0].signal_q7[0, 0, 1] == 254
