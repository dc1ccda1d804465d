"""Interpretation of what a run has learned, chosen by the kind of its tasks and learner."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from spikeloop.coordinator.config.run_config import FAMILY
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.behaviour.bandits import interpret_bandits
from spikeloop.coordinator.interpretation.behaviour.functions import example, interpret_functions
from spikeloop.coordinator.interpretation.behaviour.maze_policies import MOST_MAZES, interpret_mazes
from spikeloop.coordinator.interpretation.behaviour.pulls import Bandits
from spikeloop.coordinator.interpretation.behaviour.spike_figures import episode_figure
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.store import atomic_files
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.maze import Maze
from spikeloop.tasks.quadratic import QuadraticTasks


def interpret(
    learned: Learned,
    n_tasks: int | None = None,
    seed: int | None = None,
    steps: int | None = None,
) -> list[Results]:
    """Run a learned network or agent on new tasks, and summarise and draw what it does.

    Args:
        learned: the point to interpret.
        n_tasks: how many new tasks; by default 1000, or 3 mazes.
        seed: of the held-out tasks; by default that of the run's transfer.
        steps: of each episode in a maze; by default 1000.

    Raises:
        ConfigError: neither is the learner a spiking network of kind ``lsnn``, nor the family one
            of mazes with a learner that has action values; or an option is for the other kind.
        Unavailable: JAX is not installed.
    """
    seed = learned.config.transfer.seed if seed is None else seed
    mazes = isinstance(learned.config.family, Maze)
    n_tasks = n_tasks or (3 if mazes else 1000)
    about = Results({"tasks": n_tasks, "seed": seed})
    if mazes:
        if n_tasks > MOST_MAZES:
            raise ConfigError(f"--tasks must be at most {MOST_MAZES} mazes, got {n_tasks}")
        return [about, interpret_mazes(learned, steps or 1000, n_tasks, seed)]
    if steps is not None:
        raise ConfigError(
            f"--steps is for mazes; the family of {learned.source} is "
            f"{FAMILY.name(learned.config.family)}"
        )
    if n_tasks < 2:
        raise ConfigError(f"--tasks must be at least 2, over which to resample, got {n_tasks}")
    held = HeldOutEpisodes(learned, n_tasks, seed)
    actions, tasks = held.actions(learned.point), held.tasks
    results = [about]
    if isinstance(tasks, QuadraticTasks):
        results.append(interpret_functions(held, tasks, actions))
    elif isinstance(tasks, get_args(Bandits)):
        results.append(interpret_bandits(held, tasks, actions.astype(np.int64)))
    return [*results, _one_episode(held)]


def write_figures(results: Sequence[Results], folder: Path) -> list[Path]:
    """Write all figures as PNG into a folder, which is made if it is missing."""
    atomic_files.make_folder(folder)
    return [
        figures.save(figure, folder / f"{name}.png")
        for part in results
        for name, figure in part.figures.items()
    ]


def _one_episode(held: HeldOutEpisodes) -> Results:
    """Draw one episode, and summarise firing rates."""
    tasks = held.tasks
    episode = held.trace(example(tasks) if isinstance(tasks, QuadraticTasks) else 0)
    rate_hz, n_episodes = held.rates()
    kinds = {"adaptive": rate_hz[: episode.n_adaptive], "plain": rate_hz[episode.n_adaptive :]}
    kinds = {kind: rate for kind, rate in kinds.items() if len(rate)}
    means = {kind: float(rate.mean()) for kind, rate in kinds.items()}
    spreads = {kind: rate_distribution(rate) for kind, rate in kinds.items()}
    cut = episode.n_shown < episode.n_decisions
    which = f"first {episode.n_shown} of {episode.n_decisions} decisions" if cut else "one episode"
    family = FAMILY.name(held.learned.config.family)
    title = f"The learned network in a new task ({family}): {which}"
    lines = [f"{kind} neurons {rate:.1f} Hz" for kind, rate in means.items()]
    return Results(
        {"mean_rate_hz": means, "rate_spread": spreads, "rate_episodes": n_episodes},
        lines=[
            f"Mean firing rate in {n_episodes} episodes: {', '.join(lines)}",
            *(
                f"Of the {kind} neurons {100 * found['silent_share']:.1f} % are silent; median "
                f"{found['median_hz']:.1f} Hz, 90 % quantile {found['quantile_90_hz']:.1f} Hz, "
                f"largest {found['largest_hz']:.1f} Hz"
                for kind, found in spreads.items()
            ),
        ],
        figures={"spikes": episode_figure(episode, title)},
    )


def rate_distribution(rate_hz: FloatArray) -> dict[str, float]:
    """Summarise the firing rates of some neurons, (n_neurons,), in the episodes that were traced.

    Returns:
        The share of neurons that never fired, and in Hz median, 90 % quantile and largest rate.
    """
    return {
        "silent_share": float((rate_hz == 0).mean()),
        "median_hz": float(np.median(rate_hz)),
        "quantile_90_hz": float(np.quantile(rate_hz, 0.9)),
        "largest_hz": float(rate_hz.max()),
    }
