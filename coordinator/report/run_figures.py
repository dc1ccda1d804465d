"""The two figures of a run: its search over generations, and learning in held-out episodes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.coordinator.stats.scores import curve_band, ends, held_out_of
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.seeding import Purpose, TaskSet, stream

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = {"default": "default Θ", "random": "random Θ", "learned": "learned Θ"}


def write_run_figures(run: RunFolder) -> list[Path]:
    """Draw every figure that the run has data for, and return their files."""
    config, store = run.config, run.store
    seed, scale = config.run.seed, ends(config.family.interface)
    generations, curves = frame(store, "generations"), frame(store, "curves")
    transfer = own_transfer(run)
    drawn = {}
    if not generations.empty:
        drawn["search"] = search_figure(generations, curves, seed, scale, "The search")
    if not transfer.empty:
        held_out = config.held_out_family.interface
        drawn["learning"] = learning_figure(transfer, held_out.n_steps, seed, ends(held_out))
    folder = store.folder / "figures"
    return [figures.save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def search_figure(
    generations: pd.DataFrame,
    curves: pd.DataFrame,
    seed: int,
    scale: tuple[str, str],
    title: str = "",
) -> "Figure":
    """Make a figure of ``draw_search`` alone."""
    figure = figures.new()
    draw_search(figure.subplots(), generations, curves, seed, scale, title)
    return figure


def draw_search(
    axes: "Axes",
    generations: pd.DataFrame,
    curves: pd.DataFrame,
    seed: int,
    scale: tuple[str, str],
    title: str = "",
) -> None:
    """Draw fitness of the population and held-out score of the recommended point.

    The fitness of each generation comes from its own fresh tasks, so its line moves with how hard
    they are; the held-out tasks are the same throughout. ``scale`` says what scores 0 and 1.
    """
    from matplotlib.ticker import MaxNLocator

    number, mean, sd = (generations[name].to_numpy() for name in ("generation", "mean", "sd"))
    axes.fill_between(number, mean - sd, mean + sd, color=COLOURS["random"], alpha=0.25, lw=0)
    axes.plot(number, mean, color=COLOURS["random"], label="population: mean ± SD")
    axes.plot(number, generations["best"], color=COLOURS["best"], lw=1, label="population: best")
    if not curves.empty:
        held_out = {
            int(str(g)): held_out_of(episodes, seed, int(str(g)))
            for g, episodes in curves.groupby("generation")
        }
        value, low, high = (
            np.array([getattr(estimate, name) for estimate in held_out.values()])
            for name in ("value", "low", "high")
        )
        axes.errorbar(
            np.array(list(held_out), dtype=np.float64),
            value,
            yerr=[value - low, high - value],
            color=COLOURS["learned"],
            marker="o",
            ms=4,
            capsize=3,
            label=f"recommended Θ, {next(iter(held_out.values())).n} held-out tasks (95 %)",
        )
    axes.axhline(0.0, color=COLOURS["reference"], lw=0.8, ls=":")
    axes.set(xlabel="generation", ylabel=f"score (0 {scale[0]}, 1 {scale[1]})")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figures.finish(axes, title, ncols=3)


def learning_figure(
    transfer: pd.DataFrame, n_steps: int, seed: int, scale: tuple[str, str]
) -> "Figure":
    """Make a figure of ``draw_learning`` alone."""
    figure = figures.new()
    draw_learning(figure.subplots(), transfer, n_steps, seed, scale)
    return figure


def draw_learning(
    axes: "Axes", transfer: pd.DataFrame, n_steps: int, seed: int, scale: tuple[str, str]
) -> None:
    """Draw reward per step within held-out episodes, for each Θ, with pointwise 95 % intervals.

    ``scale`` names the policies that score 0 and 1. Other policies have no line here: they may
    learn, and a level line beside learning curves would hide that.
    """
    n_bins = len(transfer["curve"].iloc[0])
    step = (np.arange(n_bins) + 0.5) * n_steps / n_bins
    for number, (theta, label) in enumerate(LABELS.items()):
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
        reward = tasks[name].mean() / n_steps
        axes.axhline(reward, color=COLOURS["reference"], lw=0.9, ls=style)
        axes.annotate(
            label,
            (n_steps, reward),
            ha="right",
            va="bottom",
            fontsize="small",
            color=COLOURS["reference"],
        )
    axes.set(xlabel="step of an episode", ylabel="reward per step", xlim=(0, n_steps))
    figures.finish(axes, f"Learning {len(tasks)} tasks never seen by the search", ncols=3)


def own_transfer(run: RunFolder) -> pd.DataFrame:
    """Read the run's own held-out episodes; older programs kept others beside them."""
    transfer = frame(run.store, "transfer")
    if transfer.empty:
        return transfer
    return transfer[transfer["transfer_seed"] == run.config.transfer.seed]


def frame(store: RunStore, name: str) -> pd.DataFrame:
    """Read a table of the run, committed generations only; without rows if there is none."""
    table = store.table(name)
    found = pd.DataFrame() if table is None else table.to_pandas()
    if name == "transfer" or found.empty:
        return found
    return found[found["generation"] <= store.generation()]
