"""Figure of one episode of a spiking network: its inputs, spikes, thresholds and decisions."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.interpretation.behaviour.prediction_figures import within_reach
from spikeloop.coordinator.interpretation.episode_trace import EpisodeTrace, most_moved
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORDS = {
    "observation": "seen",
    "action": "last action",
    "feedback": "feedback",
    "trial": "number",
    "bias": "constant",
}
"""Parts of the input channels, in words."""
N_THRESHOLDS = 6
"""Adaptive neurons whose thresholds are drawn."""
MOST_LINES = 60
"""Decisions up to which each has a line between it and the next."""
ADAPTIVE, PLAIN = COLOURS["learned"], COLOURS["reference"]


def episode_figure(episode: EpisodeTrace, title: str) -> "Figure":
    """Draw decisions on top, then input channels, spikes of both kinds of neurons, thresholds."""
    parts = [(1.3, draw_answers if episode.answers else draw_actions), (1.5, draw_inputs)]
    if episode.n_adaptive:
        parts.append((2.0, draw_adaptive_spikes))
    if episode.n_adaptive < episode.spikes.shape[1]:
        parts.append((2.0, draw_plain_spikes))
    if episode.n_adaptive:
        parts.append((1.4, draw_thresholds))
    figure = figures.new(8.4)
    heights = [height for height, _ in parts]
    panels = figure.subplots(len(parts), 1, sharex=True, height_ratios=heights)
    for axes, (_, draw) in zip(panels, parts, strict=True):
        draw(axes, episode)
    ends = np.arange(1, episode.n_shown) * episode.window * episode.step_ms
    for axes in panels:
        if episode.n_shown <= MOST_LINES:
            for end in ends:
                axes.axvline(end, color=COLOURS["random"], lw=0.5, alpha=0.6, zorder=0)
        figures.open_frame(axes)
    panels[-1].set(xlabel="time (ms)", xlim=(0, episode.end_ms))
    panels[0].set_title(title, loc="left", pad=24)
    figure.align_ylabels()
    return figure


def draw_answers(axes: "Axes", episode: EpisodeTrace) -> None:
    """Draw targets and answers, each over the whole window of its decision."""
    edges = np.arange(episode.n_shown + 1) * episode.window * episode.step_ms
    axes.stairs(episode.feedback, edges, baseline=None, color=COLOURS["reference"], label="target")
    axes.stairs(
        episode.acted,
        edges,
        baseline=None,
        color=COLOURS["learned"],
        lw=1.6,
        label="answer (at end)",
    )
    shown = within_reach(np.concatenate([episode.feedback, episode.acted]), episode.answer_range)
    figures.bound(axes, shown.min(), shown.max(), 0.08)
    axes.set_ylabel("output")
    figures.legend_above(axes, ncols=2)


def draw_actions(axes: "Axes", episode: EpisodeTrace) -> None:
    """Draw actions as marks at the ends of their windows, and rewards as bars.

    A bar stands after the action that earns it, in the window in which it is an input; that of the
    last action, which no window follows, ends with the figure. Its axis is on the right.
    """
    ends = np.arange(1, episode.n_shown + 1) * episode.window * episode.step_ms
    width = 0.5 * episode.window * episode.step_ms
    paid = axes.twinx()
    begins = np.minimum(ends, episode.end_ms - width)
    paid.bar(begins, episode.feedback, width, align="edge", color=COLOURS["default"], alpha=0.45)
    paid.set_ylabel("reward", color=COLOURS["default"])
    figures.open_frame(paid, "top", "left")
    low = min(0.0, float(episode.feedback.min()))
    paid.set_ylim(1.1 * low, 1.1 * max(float(episode.feedback.max()), 0.1))
    axes.set_zorder(paid.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.plot(
        ends,
        episode.acted + 1,
        "o",
        ms=5 if episode.n_shown <= 30 else 3,
        color=ADAPTIVE,
        clip_on=False,
    )
    margin = 0.12 * episode.n_actions
    axes.set(ylabel="action", ylim=(1 - margin, episode.n_actions + margin))
    axes.set_yticks([1, episode.n_actions])
    axes.plot([], [], "o", ms=5, color=ADAPTIVE, label="action (at end)")
    axes.plot([], [], "s", color=COLOURS["default"], alpha=0.45, label="reward (after it)")
    figures.legend_above(axes, ncols=2)


def draw_inputs(axes: "Axes", episode: EpisodeTrace) -> None:
    """Draw input channels, dark where they are high, with the names of their parts."""
    n = episode.seen.shape[1]
    axes.imshow(
        episode.seen.T,
        extent=(0, episode.end_ms, 0, n),
        origin="lower",
        aspect="auto",
        cmap="Greys",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    edges = np.concatenate([[0], np.cumsum(list(episode.parts.values()))])
    # A part of few channels would have its name on top of its neighbour's.
    named = [k for k, size in enumerate(episode.parts.values()) if size >= 0.08 * n]
    names = [WORDS.get(name, name) for name in episode.parts]
    axes.set_yticks([(edges[k] + edges[k + 1]) / 2 for k in named], [names[k] for k in named])
    axes.tick_params(axis="y", length=0, labelsize="small")
    for edge in edges[1:-1]:
        axes.axhline(edge, color=COLOURS["default"], lw=0.8)
    axes.set_ylabel("inputs")


def draw_adaptive_spikes(axes: "Axes", episode: EpisodeTrace) -> None:
    """Draw a mark for each spike of the adaptive neurons."""
    spikes = episode.spikes[:, : episode.n_adaptive]
    _draw_spikes(axes, spikes, episode.step_ms, "adaptive\nneurons", ADAPTIVE)


def draw_plain_spikes(axes: "Axes", episode: EpisodeTrace) -> None:
    """Draw a mark for each spike of the other neurons."""
    spikes = episode.spikes[:, episode.n_adaptive :]
    _draw_spikes(axes, spikes, episode.step_ms, "plain\nneurons", PLAIN)


def _draw_spikes(
    axes: "Axes", spikes: NDArray[np.bool_], step_ms: float, label: str, colour: str
) -> None:
    step, neuron = np.nonzero(spikes)
    n = spikes.shape[1]
    size = float(np.clip(250 / n, 0.8, 4.0))
    axes.plot((step + 0.5) * step_ms, neuron, "|", ms=size, mew=0.9, color=colour)
    rate = spikes.mean() / step_ms * 1e3
    axes.set(ylabel=label, ylim=(n - 0.5, -0.5))
    axes.set_title(f"{rate:.0f} Hz", loc="right", fontsize="small", pad=1, color=colour)
    axes.set_yticks([0, n - 1], ["1", str(n)])


def draw_thresholds(axes: "Axes", episode: EpisodeTrace) -> None:
    """Draw the thresholds that vary most, in units of θ₀."""
    from matplotlib import colormaps

    shown = most_moved(episode.thresholds, N_THRESHOLDS)
    time = (np.arange(len(episode.thresholds)) + 0.5) * episode.step_ms
    for place, neuron in enumerate(shown):
        colour = colormaps["viridis"](0.9 * place / max(len(shown) - 1, 1))
        axes.plot(time, episode.thresholds[:, neuron], lw=1.2, color=colour)
    axes.set(ylabel="threshold / θ₀")
    about = f"the {len(shown)} adaptive neurons whose thresholds vary most"
    axes.set_title(about, loc="left", fontsize="small", pad=1)
