"""Figures of a comparison that show curves: score against episodes, and performance profiles.

A strategy has one colour throughout; its tuned arm is drawn solid, the one with default or given
settings dashed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.comparison.findings.variants import ArmFinding
from spikeloop.coordinator.report import figures
from spikeloop.tasks.base import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#A6A000")
"""Okabe & Ito's, its yellow darkened so that a line of it shows on white."""
QUIET = "#AAAAAA"
FEW = 4
"""So many arms can share axes with their bands; more have a panel for each strategy as well."""
COLUMNS = 3


@dataclass(frozen=True)
class Look:
    """How an arm is drawn."""

    colour: str
    line: str
    marker: str


def looks(found: Findings) -> dict[str, Look]:
    """How each arm is drawn; strategies take colours in the order of their arms."""
    kinds = strategies(found)
    both = len(kinds) < len(found.arms)
    styles = {}
    for arm in found.arms:
        place = kinds.index(arm.strategy)
        line = "--" if both and arm.settings != "tuned" else "-"
        marker = "os^Dv"[place // len(PALETTE) % 5]
        styles[arm.arm] = Look(PALETTE[place % len(PALETTE)], line, marker)
    return styles


def strategies(found: Findings) -> list[str]:
    """Their names, in the order of the arms."""
    return list(dict.fromkeys(arm.strategy for arm in found.arms))


def styled(found: Findings) -> Iterator[tuple[ArmFinding, Look]]:
    """The arms, each with its look."""
    styles = looks(found)
    return ((arm, styles[arm.arm]) for arm in found.arms)


def draw_anytime(found: Findings) -> "Figure":
    """Interquartile mean of the held-out score against episodes, all arms together."""
    figure = figures.new()
    figure.set_size_inches(7.2, max(4.2, 0.6 + 0.2 * len(found.arms)))
    axes = figure.subplots()
    few = len(found.arms) <= FEW
    for arm, look in styled(found):
        _anytime_line(axes, arm, look, band=few, single=few)
    _anytime_axes(axes, found)
    axes.set(xlabel="episodes spent by the search", ylabel="held-out score")
    ends = [_last(arm.anytime.value) for arm in found.arms]
    label_ends(axes, found, ends)
    return figure


def draw_profile(found: Findings) -> "Figure":
    """Share of runs that score at least so much, all arms together."""
    figure = figures.new()
    axes = figure.subplots()
    for arm, look in styled(found):
        _profile_line(axes, arm, look, band=True, single=True)
    _profile_axes(axes, found)
    axes.set(xlabel="held-out score τ", ylabel="share of runs with score ≥ τ")
    axes.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    return figure


def draw_anytime_by_strategy(found: Findings) -> "Figure":
    """Score against episodes, a panel for each strategy."""
    figure = _by_strategy(found, _anytime_line, _anytime_axes)
    figure.supxlabel("episodes spent by the search", fontsize="small")
    figure.supylabel("held-out score", fontsize="small")
    return figure


def draw_profile_by_strategy(found: Findings) -> "Figure":
    """Performance profiles, a panel for each strategy."""
    figure = _by_strategy(found, _profile_line, _profile_axes)
    figure.supxlabel("held-out score τ", fontsize="small")
    figure.supylabel("share of runs with score ≥ τ", fontsize="small")
    return figure


def _by_strategy(
    found: Findings, line: Callable[..., None], dress: "Callable[[Axes, Findings], None]"
) -> "Figure":
    """A panel for each strategy with bands and single runs; the baseline in grey behind it."""
    kinds = strategies(found)
    figure = figures.new()
    n_rows = -(-len(kinds) // COLUMNS)
    figure.set_size_inches(7.2, 0.5 + 1.9 * n_rows)
    grid = figure.subplots(n_rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    panels: list[Axes] = list(grid.flat)
    for axes in panels[len(kinds) :]:
        axes.remove()
    for place, (axes, kind) in enumerate(zip(panels, kinds, strict=False)):
        for arm in found.arms:
            if arm.arm == found.baseline and arm.strategy != kind:
                line(axes, arm, Look(QUIET, "-", "o"), band=False, single=False, width=1.2)
        for arm, look in styled(found):
            if arm.strategy == kind:
                line(axes, arm, look, band=True, single=True, width=1.8)
        dress(axes, found)
        axes.tick_params(labelsize="x-small")
        axes.set_title(kind, loc="left", fontsize="small")
        if place + COLUMNS >= len(kinds):
            axes.tick_params(labelbottom=True)
    lines = {arm.settings: look.line for arm, look in styled(found)}
    if len(set(lines.values())) > 1:
        handles = [_proxy(style) for style in lines.values()]
        figure.legend(handles, list(lines), loc="outside upper right", ncols=3, frameon=False)
    return figure


def label_ends(axes: "Axes", found: Findings, ends: Sequence[float]) -> None:
    """Names the arms at the right of the axes, next to where their lines end, without overlap."""
    low, high = axes.get_ylim()
    shown = [i for i in np.argsort(ends, kind="stable") if np.isfinite(ends[i])]
    height = np.array([(ends[i] - low) / (high - low) for i in shown])
    places = spread(height, 12 / (72 * axes.bbox.height / axes.figure.dpi))
    arms = list(styled(found))
    for i, at, place in zip(shown, height, places, strict=True):
        arm, look = arms[i]
        axes.plot(
            [1.0, 1.03, 1.08],
            [at, place, place],
            transform=axes.transAxes,
            color=look.colour,
            ls=look.line,
            lw=1.4,
            clip_on=False,
        )
        axes.annotate(
            arm.arm, (1.09, place), xycoords="axes fraction", va="center", fontsize="small"
        )


def spread(heights: FloatArray, gap: float) -> FloatArray:
    """Ascending heights moved apart to at least ``gap``, each cluster about its own middle."""
    groups: list[list[float]] = []
    for height in heights:
        groups.append([float(height)])
        while len(groups) > 1 and _bottom(groups[-1], gap) < _top(groups[-2], gap) + gap:
            groups[-2:] = [groups[-2] + groups[-1]]
    placed = [_bottom(group, gap) + gap * np.arange(len(group)) for group in groups]
    return np.concatenate(placed) if placed else np.empty(0)


def _bottom(group: Sequence[float], gap: float) -> float:
    return float(np.mean(group)) - 0.5 * gap * (len(group) - 1)


def _top(group: Sequence[float], gap: float) -> float:
    return float(np.mean(group)) + 0.5 * gap * (len(group) - 1)


def _anytime_line(
    axes: "Axes", arm: ArmFinding, look: Look, *, band: bool, single: bool, width: float = 1.6
) -> None:
    curve = arm.anytime
    if single:
        for run in curve.runs:
            axes.step(curve.episodes, run, where="post", color=look.colour, lw=0.5, alpha=0.35)
    style: dict[str, Any] = {"color": look.colour, "ls": look.line, "lw": width, "label": arm.arm}
    if band:
        axes.fill_between(
            curve.episodes, curve.low, curve.high, step="post", color=look.colour, alpha=0.18, lw=0
        )
    axes.step(curve.episodes, curve.value, where="post", **style)


def _anytime_axes(axes: "Axes", found: Findings) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    episodes = found.arms[0].anytime.episodes
    axes.set_xscale("log")
    if episodes[0] < episodes[-1]:
        axes.set_xlim(episodes[0], episodes[-1])
    subs = (1.0, 2.0, 5.0) if episodes[-1] < 30 * episodes[0] else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.spines[["top", "right"]].set_visible(False)
    if found.target is not None:
        axes.axhline(found.target, color=figures.COLOURS["reference"], lw=0.8, ls=":")
        axes.annotate(
            "target",
            (0.01, found.target),
            xycoords=("axes fraction", "data"),
            va="bottom",
            fontsize="x-small",
            color=figures.COLOURS["reference"],
        )


def _profile_line(
    axes: "Axes", arm: ArmFinding, look: Look, *, band: bool, single: bool, width: float = 1.6
) -> None:
    del single
    profile = arm.profile
    if band:
        axes.fill_between(
            profile.taus, profile.low, profile.high, color=look.colour, alpha=0.18, lw=0
        )
    axes.plot(profile.taus, profile.share, color=look.colour, ls=look.line, lw=width, label=arm.arm)


def _profile_axes(axes: "Axes", found: Findings) -> None:
    del found
    axes.set_ylim(-0.03, 1.03)
    axes.spines[["top", "right"]].set_visible(False)


def _proxy(line: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=figures.COLOURS["reference"], ls=line, lw=1.6)


def _last(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else float("nan")
