"""Figure of one life of a spiking network: its inputs, spikes, thresholds and decisions."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.episode_trace import EpisodeTrace, most_moved
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORDS = {
    "observation": "seen",
    "action": "last action",
    "told": "told",
    "trial": "number",
    "bias": "constant",
}
"""Parts of the input channels, in words."""
N_THRESHOLDS = 6
"""Adaptive neurons whose thresholds are drawn."""
MOST_LINES = 60
"""Decisions up to which each has a line between it and the next."""
ADAPTIVE, PLAIN = COLOURS["learned"], COLOURS["reference"]


def life_figure(life: EpisodeTrace, title: str, path: Path) -> Path:
    """Write the figure of one life."""
    figure = figures.new(8.4)
    draw_life(figure, life, title)
    return figures.save(figure, path)


def draw_life(figure: "Figure", life: EpisodeTrace, title: str) -> None:
    """Draw decisions on top, then input channels, spikes of both kinds of neurons, thresholds."""
    n_plain = life.spikes.shape[1] - life.n_adaptive
    heights = [1.3, 1.5, *([2.0] if life.n_adaptive else []), *([2.0] if n_plain else [])]
    heights += [1.4] if life.n_adaptive else []
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    rest = iter(panels)
    (draw_answers if life.answers else draw_actions)(next(rest), life)
    draw_inputs(next(rest), life)
    if life.n_adaptive:
        draw_spikes(next(rest), life, slice(0, life.n_adaptive), "adaptive\nneurons", ADAPTIVE)
    if n_plain:
        draw_spikes(next(rest), life, slice(life.n_adaptive, None), "plain\nneurons", PLAIN)
    if life.n_adaptive:
        draw_thresholds(next(rest), life)
    ends = np.arange(1, life.n_shown) * life.window * life.step_ms
    for axes in panels:
        if life.n_shown <= MOST_LINES:
            for end in ends:
                axes.axvline(end, color=COLOURS["random"], lw=0.5, alpha=0.6, zorder=0)
        figures.open_frame(axes)
    panels[-1].set(xlabel="time (ms)", xlim=(0, life.end_ms))
    panels[0].set_title(title, loc="left", pad=24)
    figure.align_ylabels()


def draw_answers(axes: "Axes", life: EpisodeTrace) -> None:
    """Draw targets and answers, each over the whole window of its decision."""
    edges = np.arange(life.n_shown + 1) * life.window * life.step_ms
    axes.stairs(life.told, edges, baseline=None, color=COLOURS["reference"], label="target")
    axes.stairs(
        life.acted, edges, baseline=None, color=COLOURS["learned"], lw=1.6, label="answer (at end)"
    )
    least, most = life.answer_range
    shown = np.concatenate([life.told, life.acted]).clip(2 * least - most, 2 * most - least)
    margin = 0.08 * (shown.max() - shown.min())
    axes.set(ylabel="output", ylim=(shown.min() - margin, shown.max() + margin))
    figures.legend_above(axes, ncols=2)


def draw_actions(axes: "Axes", life: EpisodeTrace) -> None:
    """Draw actions as marks at the ends of their windows, and rewards as bars.

    A bar stands after the action that earns it, in the window in which it is an input; that of the
    last action, which no window follows, ends with the figure. Its axis is on the right.
    """
    ends = np.arange(1, life.n_shown + 1) * life.window * life.step_ms
    width = 0.5 * life.window * life.step_ms
    paid = axes.twinx()
    begins = np.minimum(ends, life.end_ms - width)
    paid.bar(begins, life.told, width, align="edge", color=COLOURS["default"], alpha=0.45)
    paid.set_ylabel("reward", color=COLOURS["default"])
    figures.open_frame(paid, "top", "left")
    low = min(0.0, float(life.told.min()))
    paid.set_ylim(1.1 * low, 1.1 * max(float(life.told.max()), 0.1))
    axes.set_zorder(paid.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.plot(
        ends, life.acted + 1, "o", ms=5 if life.n_shown <= 30 else 3, color=ADAPTIVE, clip_on=False
    )
    margin = 0.12 * life.n_actions
    axes.set(ylabel="action", ylim=(1 - margin, life.n_actions + margin))
    axes.set_yticks([1, life.n_actions])
    axes.plot([], [], "o", ms=5, color=ADAPTIVE, label="action (at end)")
    axes.plot([], [], "s", color=COLOURS["default"], alpha=0.45, label="reward (after it)")
    figures.legend_above(axes, ncols=2)


def draw_inputs(axes: "Axes", life: EpisodeTrace) -> None:
    """Draw input channels, dark where they are high, with the names of their parts."""
    n = life.seen.shape[1]
    axes.imshow(
        life.seen.T,
        extent=(0, life.end_ms, 0, n),
        origin="lower",
        aspect="auto",
        cmap="Greys",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    edges = np.concatenate([[0], np.cumsum(list(life.parts.values()))])
    # A part of few channels would have its name on top of its neighbour's.
    named = [k for k, size in enumerate(life.parts.values()) if size >= 0.08 * n]
    names = [WORDS.get(name, name) for name in life.parts]
    axes.set_yticks([(edges[k] + edges[k + 1]) / 2 for k in named], [names[k] for k in named])
    axes.tick_params(axis="y", length=0, labelsize="small")
    for edge in edges[1:-1]:
        axes.axhline(edge, color=COLOURS["default"], lw=0.8)
    axes.set_ylabel("inputs")


def draw_spikes(axes: "Axes", life: EpisodeTrace, which: slice, label: str, colour: str) -> None:
    """Draw a mark for each spike of some neurons."""
    spikes = life.spikes[:, which]
    step, neuron = np.nonzero(spikes)
    n = spikes.shape[1]
    size = float(np.clip(250 / n, 0.8, 4.0))
    axes.plot((step + 0.5) * life.step_ms, neuron, "|", ms=size, mew=0.9, color=colour)
    rate = spikes.mean() / life.step_ms * 1e3
    axes.set(ylabel=label, ylim=(n - 0.5, -0.5))
    axes.annotate(
        f"{rate:.0f} Hz",
        (1, 1),
        xycoords="axes fraction",
        xytext=(0, 1),
        textcoords="offset points",
        ha="right",
        fontsize="small",
        color=colour,
    )
    axes.set_yticks([0, n - 1], ["1", str(n)])


def draw_thresholds(axes: "Axes", life: EpisodeTrace) -> None:
    """Draw the thresholds that vary most, in units of θ₀."""
    from matplotlib import colormaps

    shown = most_moved(life.thresholds, N_THRESHOLDS)
    time = (np.arange(len(life.thresholds)) + 0.5) * life.step_ms
    for place, neuron in enumerate(shown):
        colour = colormaps["viridis"](0.9 * place / max(len(shown) - 1, 1))
        axes.plot(time, life.thresholds[:, neuron], lw=1.2, color=colour)
    axes.set(ylabel="threshold / θ₀")
    axes.annotate(
        f"the {len(shown)} adaptive neurons whose thresholds vary most",
        (0, 1),
        xycoords="axes fraction",
        xytext=(2, 1),
        textcoords="offset points",
        fontsize="small",
    )
