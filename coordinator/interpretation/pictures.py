"""Which pictures there are of a learned network, by the kind of its tasks."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import numpy as np

from spikeloop.coordinator.config.run_config import FAMILY
from spikeloop.coordinator.interpretation import bandits, functions
from spikeloop.coordinator.interpretation.findings import Shown
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOut
from spikeloop.coordinator.interpretation.pulls import Bandits
from spikeloop.coordinator.store import atomic_files
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import QuadraticTasks


def show(held: HeldOut, folder: Path) -> list[Shown]:
    """Lets the network run on the tasks and draws what it does.

    Args:
        held: the network and its tasks.
        folder: for the pictures; it is made.

    Raises:
        ConfigError: the learner is no network of spiking neurons.
        Unavailable: JAX is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    actions, tasks = held.actions(held.learned.point), held.tasks
    atomic_files.make_folder(folder)
    parts = [_one_episode(held, folder)]
    if isinstance(tasks, QuadraticTasks):
        return [functions.show(held, tasks, actions, folder), *parts]
    if isinstance(tasks, get_args(Bandits)):
        return [bandits.show(held, tasks, actions.astype(np.int64), folder), *parts]
    return parts


def _one_episode(held: HeldOut, folder: Path) -> Shown:
    """One episode in ``spikes.png``, and how often neurons fire."""
    from matplotlib.figure import Figure

    from spikeloop.coordinator.interpretation.spike_figures import draw_episode
    from spikeloop.coordinator.report.figures import save

    tasks = held.tasks
    episode = held.moments(functions.example(tasks) if isinstance(tasks, QuadraticTasks) else 0)
    rate_hz, n_episodes = held.rates()
    kinds = {"adaptive": rate_hz[: episode.n_adaptive], "plain": rate_hz[episode.n_adaptive :]}
    kinds = {kind: rate for kind, rate in kinds.items() if len(rate)}
    rates = {kind: float(rate.mean()) for kind, rate in kinds.items()}
    spreads = {kind: spread(rate) for kind, rate in kinds.items()}
    cut = episode.n_shown < episode.n_decisions
    which = f"first {episode.n_shown} of {episode.n_decisions} decisions" if cut else "one episode"
    figure = Figure(figsize=(7.2, 8.4), layout="constrained")
    kind = FAMILY.name(held.learned.config.family)
    draw_episode(figure, episode, f"The learned network in a new task ({kind}): {which}")
    return Shown(
        {"mean_rate_hz": rates, "rate_spread": spreads, "rate_episodes": n_episodes},
        lines=[
            f"Mean firing rate in {n_episodes} episodes: "
            + ", ".join(f"{kind} neurons {rate:.1f} Hz" for kind, rate in rates.items()),
            *(_spread_line(kind, found) for kind, found in spreads.items()),
        ],
        figures=[save(figure, folder / "spikes.png")],
    )


def spread(rate_hz: FloatArray) -> dict[str, float]:
    """How the firing rates of a block of neurons are spread.

    Args:
        rate_hz: (n_neurons,) in the episodes that were traced.

    Returns:
        The share of neurons that never fired, and in Hz median, 90 % quantile and largest rate.
    """
    return {
        "silent_share": float((rate_hz == 0).mean()),
        "median_hz": float(np.median(rate_hz)),
        "quantile_90_hz": float(np.quantile(rate_hz, 0.9)),
        "largest_hz": float(rate_hz.max()),
    }


def _spread_line(kind: str, found: Mapping[str, float]) -> str:
    return (
        f"Of the {kind} neurons {100 * found['silent_share']:.1f} % are silent; median "
        f"{found['median_hz']:.1f} Hz, 90 % quantile {found['quantile_90_hz']:.1f} Hz, largest "
        f"{found['largest_hz']:.1f} Hz"
    )
