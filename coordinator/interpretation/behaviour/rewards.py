"""Markov decision processes and mazes: what a step earns, early and late in an episode."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.interpretation.results import Results, bounds
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.coordinator.stats.bootstrap import N_RESAMPLES, Band, draw_counts, mean_band
from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.seeding import Purpose, TaskSet, stream

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PARTS = 20
"""Parts of an episode that the table and the figure tell apart."""


def interpret_rewards(held: HeldOutEpisodes, tasks: TabularTasks, actions: IntArray) -> Results:
    """Tabulate and draw the mean reward of a step in each part of an episode.

    ``actions`` are those of the network, (n_tasks, n_steps).
    """
    rewards, _ = tile.paid(tasks, held.seeds, actions.T[None])
    edges = part_edges(tasks.n_steps)
    rng = stream(held.learned.config.run.seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, held.seed, 0, 0)
    counts = draw_counts(tasks.n_tasks, N_RESAMPLES, rng)
    band = mean_band(mean_by_part(rewards[0], edges), counts)
    references = tasks.references()
    random, optimal = (
        float(expected.mean()) / tasks.n_steps
        for expected in (references.random, references.optimal)
    )
    parts = [
        {"first": first + 1, "last": last, **band.at(part).as_json()}
        for part, (first, last) in enumerate(pairwise(edges.tolist()))
    ]
    return Results(
        {"reward_of_a_step": {"parts": parts, "random": random, "optimal": optimal}},
        [_table(band, edges, random, optimal)],
        figures={
            "rewards": Drawing(
                rewards_figure(band, edges, random, optimal),
                f"Mean reward of a step in {tasks.n_tasks} new tasks; 95 % intervals, bootstrap "
                "over tasks. The lines are the means of the random and the optimal policy.",
                "A curve of rewards over the steps of an episode, between two lines.",
            )
        },
    )


def part_edges(n_steps: int) -> IntArray:
    """Divide an episode into at most ``MOST_PARTS`` parts; return the bounds, 0 to n_steps."""
    return np.linspace(0, n_steps, min(MOST_PARTS, n_steps) + 1).round().astype(np.int64)


def mean_by_part(rewards: FloatArray, edges: IntArray) -> FloatArray:
    """Average (n_tasks, n_steps) over the steps of each part, (n_tasks, n_parts)."""
    mean: FloatArray = np.add.reduceat(rewards, edges[:-1], axis=1) / np.diff(edges)
    return mean


def rewards_figure(band: Band, edges: IntArray, random: float, optimal: float) -> "Figure":
    """Draw the reward of a step over the steps, with the random and the optimal policy's."""
    figure = figures.new(title=f"Reward of a step in {band.n_tasks} new tasks")
    axes = figure.subplots()
    middle = (edges[:-1] + 1 + edges[1:]) / 2
    for name, expected, style in (("optimal", optimal, "--"), ("random", random, ":")):
        colour = COLOURS["reference"]
        axes.axhline(expected, ls=style, color=colour, label=f"{name} policy")
    axes.fill_between(middle, band.low, band.high, color=COLOURS["learned"], alpha=0.25, lw=0)
    axes.plot(middle, band.mean, "o-", ms=4, color=COLOURS["learned"], lw=2, label="network")
    axes.set(xlabel="step of the episode", ylabel="mean reward of a step")
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(bottom=min(0.0, float(band.low.min())))
    axes.legend(frameon=False, loc="center right", fontsize="small")
    figures.open_frame(axes)
    return figure


def _table(band: Band, edges: IntArray, random: float, optimal: float) -> Table:
    rows = []
    for part, (first, last) in enumerate(pairwise(edges.tolist())):
        mean = band.at(part)
        rows.append(
            [
                f"{first + 1} to {last}" if last > first + 1 else str(last),
                f"{mean.value:.3f} {bounds(mean)}",
                f"{(mean.value - random) / (optimal - random):.3f}" if optimal > random else "-",
            ]
        )
    return Table(
        f"Mean reward of a step in {band.n_tasks} new tasks, 95 % intervals",
        ("steps", "network", "score"),
        rows,
        "rrr",
        f"bootstrap over tasks; the random policy earns {random:.3f} a step, the optimal one "
        f"{optimal:.3f}, scores 0 and 1",
    )
