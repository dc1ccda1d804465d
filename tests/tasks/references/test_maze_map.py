"""The policy that draws a map: what it must never do, and what it then earns."""

import numpy as np
import pytest

from spikeloop.tasks.maze import Maze, MazeTasks, fields_ahead
from spikeloop.tasks.references.maze_map import FREE, GOAL, UNKNOWN, WALL, MazeMap

N_TASKS = 60


def walked(tasks: MazeTasks) -> tuple[MazeMap, np.ndarray, np.ndarray, np.ndarray]:
    """Play all mazes; return the policy, and fields, actions and feedback, (n_steps, n_tasks)."""
    assert tasks.map_u8 is not None
    height, width = tasks.map_u8.shape[1:]
    policy = MazeMap(tasks.start_state, fields_ahead(height, width), width, tasks.map_feedback[1])
    play, rng = tasks.play(np.arange(tasks.n_tasks)), np.random.default_rng(4)
    state, steps = tasks.start_state, []
    for _ in range(tasks.n_steps):
        action = policy.actions(state)
        _, feedback = play.step(action, rng.random(tasks.n_tasks))
        successor = np.asarray(play.observe())
        policy.learn(state, action, feedback, successor)
        steps.append((state, action, feedback))
        state = successor
    fields, actions, seen = (np.array(column) for column in zip(*steps, strict=True))
    return policy, fields, actions, seen


def test_a_corridor_is_searched_to_its_ends_and_then_known() -> None:
    """Five fields; from the left end each step east is new until the goal, at the right one."""
    tasks = Maze(n_rows=1, n_columns=3, n_steps=50).sample(200, np.random.default_rng(0))
    assert tasks.map_u8 is not None
    at = np.flatnonzero((tasks.start_state == 0) & (tasks.map_u8[:, 0, 4] == 2))
    policy, fields, actions, seen = walked(tasks)
    assert at.size > 3
    np.testing.assert_array_equal(fields[:4, at].T, [[0, 1, 2, 3]] * at.size)
    np.testing.assert_array_equal(seen[:4, at].T, [[0, 0, 0, 1]] * at.size)
    assert (actions[:, at] == 1).all()  # the goal is to the east of every field
    np.testing.assert_array_equal(policy.fields[at], [[FREE] * 4 + [GOAL]] * at.size)


@pytest.mark.parametrize("n", [2, 3])
def test_a_wall_is_met_once_and_a_known_maze_is_left_by_the_shortest_way(n: int) -> None:
    tasks = Maze(n_rows=n, n_columns=n, n_steps=300).sample(N_TASKS, np.random.default_rng(1))
    policy, fields, actions, seen = walked(tasks)
    assert tasks.map_u8 is not None
    bump, goal = tasks.map_feedback
    ahead = fields_ahead(*tasks.map_u8.shape[1:])
    truth = np.choose(tasks.map_u8.reshape(N_TASKS, -1), [FREE, WALL, GOAL])
    known = policy.fields != UNKNOWN
    np.testing.assert_array_equal(policy.fields[known], truth[known])
    for task in range(N_TASKS):
        bumped = ahead[actions[:, task], fields[:, task]][seen[:, task] == bump]
        assert len(set(bumped.tolist())) == len(bumped)
        assert (truth[task, bumped] == WALL).all()  # and never the border
    # As in a tree of ways, each trial after the last bump and the first hit takes the distance.
    distance = shortest(truth, ahead)
    compared = 0
    for task in range(N_TASKS):
        hits = np.flatnonzero(seen[:, task] == goal)
        bumps = np.flatnonzero(seen[:, task] == bump)
        for begin, end in zip(hits[:-1] + 1, hits[1:], strict=True):
            if not ((bumps >= begin) & (bumps <= end)).any():
                assert end - begin + 1 == distance[task, fields[begin, task]]
                compared += 1
    assert compared > 20 * N_TASKS


def shortest(truth: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Steps from each field to the goal, by walking outwards from it."""
    distance = np.where(truth == GOAL, 0, 1000)
    for _ in range(truth.shape[1]):
        through = np.where(truth == WALL, 1000, distance)
        distance = np.minimum(distance, through[:, ahead].min(axis=1) + 1)
    return distance


def test_the_baseline_needs_feedback_that_tells_hits_and_a_maze_of_modest_size() -> None:
    rng = np.random.default_rng(3)
    for changes in ({"goal": 0.0}, {"goal": -2.0}, {"n_rows": 16, "n_columns": 16}):
        assert Maze.model_validate(changes).sample(30, rng).baselines(rng) == {}
    tasks = Maze(n_steps=200).sample(100, rng)
    (returns,) = tasks.baselines(rng).values()
    references = tasks.references()
    gain = (returns - references.random).sum() / (references.optimal - references.random).sum()
    assert 0.9 < gain < 1.0
