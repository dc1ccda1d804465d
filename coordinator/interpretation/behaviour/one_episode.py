"""One episode of a spiking network, drawn, and the firing rates of its neurons."""

import numpy as np

from spikeloop.coordinator.config.run_config import FAMILY
from spikeloop.coordinator.interpretation.behaviour.functions import example
from spikeloop.coordinator.interpretation.behaviour.spike_figures import episode_figure
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.report.page import Drawing
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import QuadraticTasks


def interpret_episode(held: HeldOutEpisodes) -> Results:
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
    family = FAMILY.name(held.learned.config.held_out_family)
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
        figures={
            "spikes": Drawing(
                episode_figure(episode, title),
                "Decisions, input channels, spikes and thresholds.",
                "A raster of spikes over time below actions or answers.",
            )
        },
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
