"""The policies that the default and the learned Θ of a run reach in new mazes, as a picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.settings_builder import build
from spikeloop.coordinator.errors import ConfigError
from spikeloop.tasks.base import FloatArray, References
from spikeloop.tasks.maze import Layouts, Maze
from spikeloop.workers.seeding import Purpose, TaskSet, seeds, stream

THETAS = ("default", "learned")


@dataclass(frozen=True)
class Policies:
    """Episodes of the default and the learned Θ, the two rows, in the same new mazes.

    Attributes:
        n_steps: steps of each episode.
        layouts: the mazes.
        references: expected hits of the random and the optimal policy in ``n_steps``.
        hits: (2, n_tasks) how often each episode reached the goal.
        values: (2, n_tasks, n_states, n_actions) what actions are held to be worth in the end.
    """

    n_steps: int
    layouts: Layouts
    references: References
    hits: FloatArray
    values: FloatArray


def run_episodes(
    config: RunConfig, learned: FloatArray, n_steps: int, n_tasks: int, seed: int, source: str
) -> Policies:
    """Lets the default and the learned Θ run in mazes that the search has never seen.

    Args:
        config: of a run with mazes.
        learned: (n_dim,) the point to deploy.
        n_steps: steps of each episode.
        n_tasks: number of mazes.
        seed: which of the held-out mazes.
        source: what messages begin with.

    Raises:
        ConfigError: the run has no mazes, or a learner without values of actions.
    """
    if not isinstance(config.family, Maze):
        raise ConfigError(
            f"{source}: [family] kind must be maze to draw policies, got {config.family.kind}"
        )
    values = {**config.family.model_dump(), "n_steps": n_steps}
    family, _ = build(type(config.family), values, source, "family", Path())
    layouts = family.layouts(
        n_tasks, stream(config.run.seed, Purpose.TASKS, TaskSet.TRANSFER, seed)
    )
    tasks = family.tables(layouts)
    episode_seeds = seeds(config.run.seed, Purpose.EPISODES, TaskSet.TRANSFER, seed, n=n_tasks)
    # In the run's own space: some physical values have bounds that depend on its episodes' length.
    parameters = config.space.decode(np.stack([config.space.default_point(), learned]))
    episodes = config.learner.run_episodes(
        parameters, tasks, np.broadcast_to(episode_seeds, (2, n_tasks))
    )
    if episodes.action_values is None:
        raise ConfigError(
            f"{source}: [learner] kind must be one with values of actions to draw policies, got "
            f"{config.learner.kind}"
        )
    return Policies(n_steps, layouts, tasks.references(), episodes.returns, episodes.action_values)


def draw(policies: Policies, path: Path) -> Path:
    """Draws the mazes as rows, before learning to learn on the left and after it on the right."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    from spikeloop.coordinator.report.figures import save
    from spikeloop.coordinator.report.maze_figures import draw_policies

    n_tasks = policies.hits.shape[1]
    figure = Figure(figsize=(7.2, 1.0 + 3.0 * n_tasks), layout="constrained")
    titles = [
        [
            f"hits: {hits:.0f}, optimal policy: {optimal:.0f}"
            for hits, optimal in zip(row, policies.references.optimal, strict=True)
        ]
        for row in policies.hits
    ]
    headings = ("Before learning to learn: default Θ", "After learning to learn: learned Θ")
    draw_policies(figure, policies.layouts, policies.values, headings, titles)
    figure.suptitle(f"Policies after {policies.n_steps} steps in new mazes", x=0.01, ha="left")
    return save(figure, path)


def show(policies: Policies, console: Console) -> None:
    """Prints the hits of each episode beside those of the optimal and the random policy."""
    table = Table(
        title=f"Goal hits in {policies.n_steps} steps of new mazes",
        title_justify="left",
    )
    for column in ("maze", *(f"{theta} Θ" for theta in THETAS), "optimal", "random"):
        table.add_column(column, justify="right")
    references = policies.references
    for maze, hits in enumerate(policies.hits.T):
        expected = references.optimal[maze], references.random[maze]
        table.add_row(str(maze), *(f"{h:.0f}" for h in hits), *(f"{e:.1f}" for e in expected))
    console.print(table)
