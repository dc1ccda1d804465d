"""The figures of docs/results/scaling.md: what the model predicts, and what the pool does."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scale_points import Point
from scale_terms import Costs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's palette, which readers with any colour vision can tell apart.
COLOURS = {0.05: "#D55E00", 0.5: "#0072B2", 5.0: "#009E73"}
GREY = "#444444"
LINES = (":", "-", "--")


def draw(
    predict: Callable[..., float],
    goal: tuple[float, int, float],
    sizes: tuple[int, ...],
    path: Path,
) -> None:
    """Efficiency over cores, and of the goal's cores over the size of workers.

    Args:
        predict: efficiency of n_cores, cores_per_worker, job_s and fields of ``Work``.
        goal: efficiency, cores and seconds of a job that are aimed at.
        sizes: cores of a worker.
        path: of the SVG file.
    """
    from matplotlib.figure import Figure

    aim, n_goal, goal_job_s = goal
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1.0))
    cores = sorted({round(n) for n in np.geomspace(1, 10_000, 25)} | {n_goal})
    for job_s, colour in COLOURS.items():
        for size, line in zip(sizes, LINES, strict=True):
            there = [n for n in cores if n >= size]
            values = [predict(n, size, job_s, jobs_per_core=16) for n in there]
            left.plot(there, values, line, color=colour, lw=1.4)
        left.plot([], [], color=colour, label=f"jobs of {job_s:g} s")
    for size, line in zip(sizes, LINES, strict=True):
        left.plot([], [], line, color=GREY, label=f"{size} core{'s' * (size > 1)} a worker")
    left.axvline(n_goal, color=GREY, lw=0.8, ls=":")
    left.set(xscale="log", xlabel="cores")
    left.set_title("16 jobs a core and generation", loc="left")
    ticks = (1, 2, 4, 8, 16, 48)
    for variation, colour in ((0.1, COLOURS[0.5]), (0.5, "#E69F00")):
        for jobs_per_core, line in ((8, "--"), (16, "-")):
            work: dict[str, Any] = {"jobs_per_core": jobs_per_core, "variation": variation}
            values = [predict(n_goal, size, goal_job_s, **work) for size in ticks]
            label = f"CV {variation}, {jobs_per_core} jobs a core"
            right.plot(ticks, values, line, color=colour, marker="o", ms=4, label=label)
    right.set(xscale="log", xlabel="cores a worker")
    right.set_title(f"{n_goal:,} cores, jobs of {goal_job_s:g} s", loc="left")
    right.set_xticks(ticks, [str(tick) for tick in ticks])
    right.minorticks_off()
    for axes in (left, right):
        axes.axhline(aim, color=GREY, lw=0.8, ls=":")
        axes.set(ylim=(0, 1.02), ylabel="efficiency")
        _finish(axes)
    _save(figure, path)


def draw_points(points: list[Point], costs: Costs, path: Path) -> None:
    """Measured over predicted efficiency; hollow where the machine was more than 70 % in use."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1), color=GREY, lw=0.8, ls=":")
    for point in points:
        mean, low, high = point.interval
        axes.errorbar(
            point.predicted(costs),
            mean,
            yerr=[[mean - low], [high - mean]],
            color=COLOURS[point.job_s],
            marker="o" if point.cores == 1 else "s",
            mfc="white" if point.load > 0.7 else None,
            ms=5,
            capsize=2,
            lw=1,
        )
    for job_s, colour in COLOURS.items():
        axes.plot([], [], color=colour, label=f"jobs of {job_s:g} s")
    for marker, label in (("o", "one core a worker"), ("s", "25 cores a worker")):
        axes.plot([], [], marker, color=GREY, ms=5, label=label)
    axes.plot(
        [], [], "o", color=GREY, mfc="white", ms=5, label="this machine's cores in use > 70 %"
    )
    axes.set(xlabel="predicted efficiency", ylabel="measured efficiency")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title("Up to 200 sleeping cores on 2 real ones", loc="left")
    _finish(axes)
    _save(figure, path)


def _finish(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")


def _save(figure: "Figure", path: Path) -> None:
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "spikeloop"}):
        figure.savefig(path, metadata={"Date": None})
