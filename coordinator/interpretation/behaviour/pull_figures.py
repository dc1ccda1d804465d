"""Figures of the arms that are pulled in bandits, and of the regret."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.behaviour.pulls import (
    BEST,
    INFORMATIVE,
    NETWORK,
    OTHER,
    TARGET,
    UNIFORM,
    Bandits,
    Pulls,
    best_arms,
    roles,
)
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.tasks.base import IntArray
from spikeloop.tasks.informative_bandit import InformativeTasks
from spikeloop.tasks.restless_bandit import RestlessTasks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROLE_COLOURS: Mapping[str, str] = {
    INFORMATIVE: COLOURS["default"],
    TARGET: COLOURS["learned"],
    BEST: COLOURS["learned"],
    OTHER: "#DDDDDD",
}
MARKS = "ovs^DPX*"
"""Marks of policies other than the network."""
MOST_ROWS = 200
"""Episodes in the figure of choices: more would not have a line of pixels each."""


def choices_figure(tasks: Bandits, actions: IntArray) -> "Figure":
    """Draw the arms that are pulled, by number and by role."""
    n = min(MOST_ROWS, tasks.n_tasks)
    figure = figures.new(title=f"Arms pulled in {n} new bandits, a row each")
    arms, roles = figure.subplots(1, 2, width_ratios=(1.2, 1))
    draw_arms(arms, tasks[:n], actions[:n])
    draw_roles(roles, tasks[:n], actions[:n])
    return figure


def draw_arms(axes: "Axes", tasks: Bandits, actions: IntArray) -> None:
    """Draw which arm each episode pulls, a row for each, sorted by the arm that is best in the end.

    A strip to the right of the pulls shows that arm in the same colours. The informative arm, where
    there is one, has a colour of its own.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba

    order, n_steps = _order(tasks), actions.shape[1]
    n_plain = tasks.interface.n_actions - isinstance(tasks, InformativeTasks)
    # The ends of the map would look like text and background.
    colours = [*colormaps["viridis"](np.linspace(0.05, 0.92, n_plain))]
    names = [f"arm {arm + 1}" for arm in range(n_plain)]
    named = list(range(n_plain)) if n_plain <= 4 else [0, n_plain - 1]
    if isinstance(tasks, InformativeTasks):
        colours.append(to_rgba(ROLE_COLOURS[INFORMATIVE]))
        names.append(INFORMATIVE)
        named.append(n_plain)
    shades = np.array(colours)
    whole, width = (0.5, n_steps + 0.5, len(order) + 0.5, 0.5), max(0.35, 0.06 * n_steps)
    axes.imshow(shades[actions[order]], extent=whole, aspect="auto", interpolation="nearest")
    strip = (n_steps + 0.5 + width / 2, n_steps + 0.5 + 1.5 * width, whole[2], whole[3])
    best = best_arms(tasks)[order, -1:]
    axes.imshow(shades[best], extent=strip, aspect="auto", interpolation="nearest")
    axes.set_xlim(0.5, strip[1])
    axes.annotate(
        _best(tasks),
        ((strip[0] + strip[1]) / 2, whole[3]),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize="small",
        annotation_clip=False,
    )
    for arm in named:
        axes.plot([], [], "s", color=colours[arm], label=names[arm])
    _finish(axes, n_steps, len(order))
    axes.set_ylabel("episode, sorted by that arm")


def draw_roles(axes: "Axes", tasks: Bandits, actions: IntArray) -> None:
    """Draw the same rows, coloured by role: informative arm, best arm, or neither."""
    from matplotlib.colors import to_rgba

    order, n_steps = _order(tasks), actions.shape[1]
    image = np.zeros((*actions.shape, 4))
    for role, pulled in roles(tasks, actions).items():
        image[pulled] = to_rgba(ROLE_COLOURS[role])
        axes.plot([], [], "s", color=ROLE_COLOURS[role], label=role)
    extent = (0.5, n_steps + 0.5, len(order) + 0.5, 0.5)
    axes.imshow(image[order], extent=extent, aspect="auto", interpolation="nearest")
    _finish(axes, n_steps, len(order))
    axes.set_yticks([])


def regret_figure(pulls: Pulls, n_tasks: int) -> "Figure":
    """Draw the mean cumulative expected regret with its 95 % band; marks are other policies."""
    from matplotlib.ticker import MaxNLocator

    figure = figures.new()
    axes = figure.subplots()
    band = pulls.regret
    n_steps = len(band.mean)
    pull = np.arange(n_steps + 1)
    mean, low, high = (np.concatenate([[0.0], x]) for x in (band.mean, band.low, band.high))
    uniform = pulls.totals[UNIFORM].total
    axes.plot([0, n_steps], [0, uniform.value], ":", color=COLOURS["reference"], label=UNIFORM)
    axes.fill_between(pull, low, high, color=COLOURS["learned"], alpha=0.25, lw=0)
    axes.plot(pull, mean, color=COLOURS["learned"], lw=2, label=NETWORK)
    others = {n: r.total for n, r in pulls.totals.items() if n not in (NETWORK, UNIFORM)}
    for place, (name, total) in enumerate(others.items()):
        axes.errorbar(
            n_steps * (1.02 + 0.025 * place),
            total.value,
            yerr=[[total.value - total.low], [total.high - total.value]],
            marker=MARKS[place % len(MARKS)],
            ms=6,
            ls="",
            capsize=2,
            color=COLOURS["default"] if name == "Bayes optimum" else COLOURS["random"],
            mec=COLOURS["reference"],
            label=name,
        )
    axes.set(
        xlabel="pulls (marks: other policies after the last one)",
        ylabel="cumulative expected regret",
    )
    ticks = MaxNLocator(integer=True).tick_values(0, n_steps)
    axes.set_xticks([tick for tick in ticks if tick <= n_steps])
    axes.set_xlim(0, n_steps * (1.04 + 0.025 * len(others)))
    axes.set_ylim(bottom=0)
    axes.set_title(f"Regret in {n_tasks} new bandits (mean, 95 % bootstrap intervals)", loc="left")
    axes.legend(frameon=False, loc="upper left", fontsize="small")
    figures.open_frame(axes)
    return figure


def _order(tasks: Bandits) -> IntArray:
    """Order the episodes by their best arm of the last step; equal ones keep their order."""
    return np.argsort(best_arms(tasks)[:, -1], kind="stable")


def _best(tasks: Bandits) -> str:
    """Name the arm that episodes are sorted by."""
    if isinstance(tasks, InformativeTasks):
        return TARGET
    return "best in the end" if isinstance(tasks, RestlessTasks) else BEST


def _finish(axes: "Axes", n_steps: int, n_episodes: int) -> None:
    if n_steps <= 12:
        axes.set_xticks(range(1, n_steps + 1))
    axes.set_yticks([1, n_episodes])
    axes.set_xlabel("pull")
    figures.legend_above(
        axes,
        ncols=4,
        bbox_to_anchor=(-0.02, 1.04),
        handletextpad=0.2,
        columnspacing=1.0,
        borderpad=0,
    )
    axes.spines[:].set_visible(False)
