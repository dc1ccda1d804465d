"""The figures of a run, drawn from its Parquet files: axes in, axes out, then one PNG each."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spikeloop.coordinator.stats.scores import (
    curve_band,
    ends,
    held_out_of,
)
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.manifest import read_config
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.seeding import Purpose, TaskSet, stream

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's palette, which readers with any colour vision can tell apart.
COLOURS = {
    "default": "#E69F00",
    "random": "#999999",
    "learned": "#0072B2",
    "best": "#56B4E9",
    "reference": "#444444",
}


def make_figures(store: RunStore) -> list[Path]:
    """Draws every figure that the run has data for, and gives their files."""
    import matplotlib

    matplotlib.use("Agg")
    made = []
    config = read_config(store)
    seed, scale = config.run.seed, ends(config.family.interface)
    generations, curves, transfer = (
        _frame(store, name) for name in ("generations", "curves", "transfer")
    )
    if generations is not None:
        figure = new()
        draw_search(figure.subplots(), generations, curves, seed, scale)
        made.append(save(figure, store.folder / "figures" / "search.png"))
    if transfer is not None:
        transfer = transfer[transfer["transfer_seed"] == config.transfer.seed]
        n_steps = config.family.interface.n_steps
        figure = new()
        draw_learning(figure.subplots(), transfer, n_steps, seed, scale)
        made.append(save(figure, store.folder / "figures" / "learning.png"))
    return made


def new() -> "Figure":
    """An empty figure of a page's width, whose parts make room for one another."""
    from matplotlib.figure import Figure

    return Figure(figsize=(7.2, 4.2), layout="constrained")


def draw_search(
    axes: "Axes",
    generations: pd.DataFrame,
    curves: pd.DataFrame | None,
    seed: int,
    scale: tuple[str, str],
) -> "Axes":
    """Fitness of the population and held-out score of the recommended point over generations.

    The fitness of each generation comes from its own fresh tasks, so its line moves with their
    luck; the held-out tasks are the same throughout. ``scale`` says what scores 0 and 1.
    """
    from matplotlib.ticker import MaxNLocator

    number = generations["generation"].to_numpy()
    sd = generations["sd"].to_numpy()
    mean = generations["mean"].to_numpy()
    axes.fill_between(number, mean - sd, mean + sd, color=COLOURS["random"], alpha=0.25, lw=0)
    axes.plot(number, mean, color=COLOURS["random"], label="population: mean ± SD")
    axes.plot(number, generations["best"], color=COLOURS["best"], lw=1, label="population: best")
    if curves is not None:
        held_out = [
            (g, held_out_of(episodes, seed, int(str(g))))
            for g, episodes in curves.groupby("generation")
        ]
        g = np.array([number for number, _ in held_out], dtype=np.float64)
        value = np.array([e.value for _, e in held_out])
        low = np.array([e.low for _, e in held_out])
        high = np.array([e.high for _, e in held_out])
        axes.errorbar(
            g,
            value,
            yerr=[value - low, high - value],
            color=COLOURS["learned"],
            marker="o",
            ms=4,
            capsize=3,
            label=f"recommended Θ, {held_out[0][1].n_tasks} held-out tasks (95 %)",
        )
    axes.axhline(0.0, color=COLOURS["reference"], lw=0.8, ls=":")
    axes.set(xlabel="generation", ylabel=f"score (0 {scale[0]}, 1 {scale[1]})")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("The search", loc="left", pad=30)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def draw_learning(
    axes: "Axes", transfer: pd.DataFrame, n_steps: int, seed: int, scale: tuple[str, str]
) -> "Axes":
    """Reward per step within held-out episodes, for each Θ, with pointwise 95 % intervals.

    ``scale`` names the policies that score 0 and 1. Baselines have no line here: they may learn,
    and a level line beside learning curves would hide that.
    """
    n_bins = len(transfer["curve"].iloc[0])
    step = (np.arange(n_bins) + 0.5) * n_steps / n_bins
    labels = {"default": "default Θ", "random": "random Θ", "learned": "learned Θ"}
    for number, (theta, label) in enumerate(labels.items()):
        episodes = transfer[transfer["theta"] == theta]
        n_points = episodes["point"].nunique()
        curve = np.full((n_points, int(episodes["task"].max()) + 1, n_bins), np.nan)
        curve[episodes["point"], episodes["task"]] = np.stack(episodes["curve"].to_list())
        rng = stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, 1, number)
        mean, low, high = curve_band(curve, rng)
        label = f"{label} (mean of {n_points})" if n_points > 1 else label
        axes.fill_between(step, low, high, color=COLOURS[theta], alpha=0.25, lw=0)
        axes.plot(step, mean, color=COLOURS[theta], label=label)
    tasks = transfer.drop_duplicates("task")
    for name, label, style in (("optimal", scale[1], "--"), ("random", scale[0], ":")):
        axes.axhline(tasks[name].mean() / n_steps, color=COLOURS["reference"], lw=0.9, ls=style)
        axes.annotate(
            label,
            (n_steps, tasks[name].mean() / n_steps),
            ha="right",
            va="bottom",
            fontsize="small",
            color=COLOURS["reference"],
        )
    axes.set(xlabel="step of an episode", ylabel="reward per step", xlim=(0, n_steps))
    axes.set_title(f"Learning {len(tasks)} tasks never seen by the search", loc="left", pad=30)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def save(figure: "Figure", path: Path) -> Path:
    """Writes a figure as PNG and gives its file."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    atomic_files.write_bytes(path, image.getbuffer())
    return path


def _frame(store: RunStore, name: str) -> pd.DataFrame | None:
    table = store.table(name)
    return None if table is None or table.num_rows == 0 else table.to_pandas()
