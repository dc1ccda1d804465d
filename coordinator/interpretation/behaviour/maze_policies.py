"""Policies that the default and the learned Θ reach in the same new mazes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloop.coordinator.config.settings_builder import build
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.behaviour.maze_figures import policies_figure
from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.tasks.base import FloatArray, References
from spikeloop.tasks.maze import Maze, MazeLayouts
from spikeloop.workers.seeding import Purpose, TaskSet, seeds, stream

MOST_MAZES = 20
"""More would not fit into one figure."""


@dataclass(frozen=True)
class Policies:
    """Episodes of the default and the learned Θ, the two rows, in the same new mazes.

    Attributes:
        n_steps: steps of each episode.
        layouts: the mazes.
        references: expected hits of the random and the optimal policy in ``n_steps``.
        hits: (2, n_tasks) how often each episode reached the goal.
        values: (2, n_tasks, n_states, n_actions) estimated values of actions at the end.
    """

    n_steps: int
    layouts: MazeLayouts
    references: References
    hits: FloatArray
    values: FloatArray


def interpret_mazes(learned: Learned, n_steps: int, n_tasks: int, seed: int) -> Results:
    """Tabulate hits in new mazes, and draw the policies."""
    found = run_in_mazes(learned, n_steps, n_tasks, seed)
    optimal, random = found.references.optimal, found.references.random
    columns = ("maze", "default Θ", "learned Θ", "optimal", "random")
    rows = []
    for maze, hits in enumerate(found.hits.T):
        expected = (optimal[maze], random[maze])
        rows.append([str(maze), *(f"{h:.0f}" for h in hits), *(f"{e:.1f}" for e in expected)])
    table = Table(f"Goal hits in {n_steps} steps of new mazes", columns, rows, "r" * len(columns))
    titles = [
        [
            f"hits: {hit:.0f}, optimal policy: {best:.0f}"
            for hit, best in zip(row, optimal, strict=True)
        ]
        for row in found.hits
    ]
    title = f"Policies after {n_steps} steps in new mazes"
    drawing = Drawing(
        policies_figure(found.layouts, found.values, titles, title),
        f"Best actions after {n_steps} steps in each of {n_tasks} new mazes, of the default and of "
        "the learned Θ.",
        "Mazes with an arrow in each state.",
    )
    numbers = {
        "episodes": n_tasks,
        "steps": n_steps,
        "hits": {
            "default": found.hits[0].tolist(),
            "learned": found.hits[1].tolist(),
            "optimal": optimal.tolist(),
            "random": random.tolist(),
        },
    }
    return Results(numbers, [table], figures={"policies": drawing})


def run_in_mazes(learned: Learned, n_steps: int, n_tasks: int, seed: int) -> Policies:
    """Run an episode of the default and of the learned Θ in mazes that the search has never seen.

    Raises:
        ConfigError: the episodes would be too long, or the learner has no values of actions.
    """
    config, source = learned.config, str(learned.source)
    assert isinstance(config.held_out_family, Maze)
    values = {**config.held_out_family.model_dump(), "n_steps": n_steps}
    family, _ = build(type(config.held_out_family), values, source, "family", Path())
    layouts = family.layouts(
        n_tasks, stream(config.run.seed, Purpose.TASKS, TaskSet.TRANSFER, seed)
    )
    tasks = family.tables(layouts)
    episode_seeds = seeds(config.run.seed, Purpose.EPISODES, TaskSet.TRANSFER, seed, n=n_tasks)
    # In the run's own space: some physical values have bounds that depend on its episodes' length.
    parameters = config.space.decode(np.stack([config.space.default_point(), learned.point]))
    episodes = config.held_out_learner.run_episodes(
        parameters, tasks, np.broadcast_to(episode_seeds, (2, n_tasks))
    )
    if episodes.action_values is None:
        raise ConfigError(
            f"{source}: [learner] kind must be one with values of actions to draw policies, got "
            f"{config.learner.kind}"
        )
    return Policies(n_steps, layouts, tasks.references(), episodes.returns, episodes.action_values)
