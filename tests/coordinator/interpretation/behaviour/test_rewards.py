"""Rewards early and late in an episode."""

import numpy as np
from support.random_networks import random_network

from spikeloop.coordinator.interpretation.behaviour.rewards import (
    interpret_rewards,
    mean_by_part,
    part_edges,
)
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.tabular import TabularTasks


def test_parts_cover_every_step_once() -> None:
    for n_steps in (1, 7, 20, 33, 200):
        edges = part_edges(n_steps)
        assert (edges[0], edges[-1]) == (0, n_steps)
        sizes = np.diff(edges)
        assert len(sizes) == min(20, n_steps)
        assert sizes.min() >= 1
        assert np.ptp(sizes) <= 1
    rewards: FloatArray = np.array([range(7), range(7, 14)], dtype=np.float64)
    np.testing.assert_array_equal(mean_by_part(rewards, np.array([0, 3, 7])), [[1, 4.5], [8, 11.5]])


def test_the_parts_of_an_episode_add_up_to_its_return() -> None:
    learned = random_network({"kind": "maze", "n_steps": 30})
    held = HeldOutEpisodes(learned, 40, seed=0)
    assert isinstance(held.tasks, TabularTasks)
    actions = held.actions(learned.point).astype(np.int64)
    results = interpret_rewards(held, held.tasks, actions)
    found = results.numbers["reward_of_a_step"]
    parts = found["parts"]
    assert [parts[0]["first"], parts[-1]["last"]] == [1, 30]
    total = sum(part["value"] * (part["last"] - part["first"] + 1) for part in parts)
    parameters = learned.config.space.decode(learned.point[None, :])
    scored = held.learner.run_episodes(parameters, held.tasks, held.seeds)
    np.testing.assert_allclose(total, scored.returns.mean(), rtol=1e-9)
    references = held.tasks.references()
    np.testing.assert_allclose(found["optimal"] * 30, references.optimal.mean())
    np.testing.assert_allclose(found["random"] * 30, references.random.mean())
    (axes,) = results.figures["rewards"].figure.axes
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in axes.lines}
    np.testing.assert_allclose(lines["network"], [part["value"] for part in parts])
    assert lines["optimal policy"][0] == found["optimal"]
    (table,) = results.tables
    assert len(table.rows) == len(parts)
