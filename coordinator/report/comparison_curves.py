"""Figures of a comparison with curves: score against episodes, and performance profiles.

A strategy has one colour; its tuned variant is drawn solid, the one with default or given settings
dashed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.comparison.findings.variants import VariantFinding
from spikeloop.coordinator.report import figures
from spikeloop.tasks.base import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#A6A000")
"""Okabe & Ito's, its yellow darkened so that a line of it shows on white."""
QUIET = "#AAAAAA"
FEW = 4
"""Up to this many variants share axes with their bands; more have a panel each strategy as well."""


@dataclass(frozen=True)
class LineStyle:
    """How an variant is drawn."""

    colour: str
    line: str
    marker: str


def line_styles(found: Findings) -> dict[str, LineStyle]:
    """Choose how each variant is drawn; strategies take colours in the order of their variants."""
    kinds = strategies(found)
    both = len(kinds) < len(found.variants)
    styles = {}
    for variant in found.variants:
        place = kinds.index(variant.strategy)
        line = "--" if both and variant.settings != "tuned" else "-"
        marker = "os^Dv"[place // len(PALETTE) % 5]
        styles[variant.name] = LineStyle(PALETTE[place % len(PALETTE)], line, marker)
    return styles


def strategies(found: Findings) -> list[str]:
    """Name the strategies, in the order of the variants."""
    return list(dict.fromkeys(variant.strategy for variant in found.variants))


def styled(found: Findings) -> Iterator[tuple[VariantFinding, LineStyle]]:
    """Pair each variant with its style."""
    styles = line_styles(found)
    return ((variant, styles[variant.name]) for variant in found.variants)


def draw_anytime(axes: "Axes", found: Findings) -> None:
    """Draw the interquartile mean of the held-out score against episodes, all variants together."""
    few = len(found.variants) <= FEW
    for variant, style in styled(found):
        _anytime_line(axes, variant, style, few)
    _anytime_axes(axes, found)
    axes.set(xlabel=ANYTIME.xlabel, ylabel=ANYTIME.ylabel)
    ends = [_last(variant.anytime.value) for variant in found.variants]
    label_ends(axes, found, ends)


def draw_profile(axes: "Axes", found: Findings) -> None:
    """Draw the share of runs with at least a given score, all variants together."""
    for variant, style in styled(found):
        _profile_line(axes, variant, style, True)
    _profile_axes(axes, found)
    axes.set(xlabel=PROFILE.xlabel, ylabel=PROFILE.ylabel)
    figures.legend_above(axes, ncols=4)


def draw_by_strategy(found: Findings, curve: "Curve") -> "Figure":
    """Draw a panel for each strategy, with bands and single runs and the baseline in grey."""
    from matplotlib.lines import Line2D

    kinds = strategies(found)
    figure, panels = figures.panels(kinds, height=1.9, margin=0.5, sharey=True)
    for axes, kind in zip(panels, kinds, strict=True):
        for variant in found.variants:
            if variant.name == found.baseline and variant.strategy != kind:
                curve.line(axes, variant, LineStyle(QUIET, "-", "o"), False, 1.2)
        for variant, style in styled(found):
            if variant.strategy == kind:
                curve.line(axes, variant, style, True, 1.8)
        curve.finish(axes, found)
    figure.supxlabel(curve.xlabel, fontsize="small")
    figure.supylabel(curve.ylabel, fontsize="small")
    lines = {variant.settings: style.line for variant, style in styled(found)}
    if len(set(lines.values())) > 1:
        colour = figures.COLOURS["reference"]
        handles = [Line2D([], [], color=colour, ls=line, lw=1.6) for line in lines.values()]
        figure.legend(handles, list(lines), loc="outside upper right", ncols=3, frameon=False)
    return figure


def label_ends(axes: "Axes", found: Findings, ends: Sequence[float]) -> None:
    """Name the variants at the right of the axes, beside their lines, without overlap."""
    low, high = axes.get_ylim()
    shown = [i for i in np.argsort(ends, kind="stable") if np.isfinite(ends[i])]
    height = np.array([(ends[i] - low) / (high - low) for i in shown])
    places = separate(height, 12 / (72 * axes.bbox.height / axes.figure.dpi))
    variants = list(styled(found))
    for i, at, place in zip(shown, height, places, strict=True):
        variant, style = variants[i]
        axes.plot(
            [1.0, 1.03, 1.08],
            [at, place, place],
            transform=axes.transAxes,
            color=style.colour,
            ls=style.line,
            lw=1.4,
            clip_on=False,
        )
        axes.annotate(
            variant.name, (1.09, place), xycoords="axes fraction", va="center", fontsize="small"
        )


def separate(heights: FloatArray, gap: float) -> FloatArray:
    """Move ascending heights apart to at least ``gap``, each cluster about its own middle."""
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
    axes: "Axes", variant: VariantFinding, style: LineStyle, detail: bool, width: float = 1.6
) -> None:
    curve, colour = variant.anytime, style.colour
    if detail:
        for run in curve.runs:
            axes.step(curve.episodes, run, where="post", color=colour, lw=0.5, alpha=0.35)
        band = (curve.episodes, curve.low, curve.high)
        axes.fill_between(*band, step="post", color=colour, alpha=0.18, lw=0)
    axes.step(
        curve.episodes,
        curve.value,
        where="post",
        color=colour,
        ls=style.line,
        lw=width,
        label=variant.name,
    )


def _anytime_axes(axes: "Axes", found: Findings) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    episodes = found.variants[0].anytime.episodes
    axes.set_xscale("log")
    if episodes[0] < episodes[-1]:
        axes.set_xlim(episodes[0], episodes[-1])
    subs = (1.0, 2.0, 5.0) if episodes[-1] < 30 * episodes[0] else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    figures.open_frame(axes)
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
    axes: "Axes", variant: VariantFinding, style: LineStyle, detail: bool, width: float = 1.6
) -> None:
    profile, colour = variant.profile, style.colour
    if detail:
        axes.fill_between(profile.taus, profile.low, profile.high, color=colour, alpha=0.18, lw=0)
    axes.plot(
        profile.taus, profile.share, color=colour, ls=style.line, lw=width, label=variant.name
    )


def _profile_axes(axes: "Axes", found: Findings) -> None:
    del found
    axes.set_ylim(-0.03, 1.03)
    figures.open_frame(axes)


@dataclass(frozen=True)
class Curve:
    """A kind of curve: how a variant's line is drawn, how axes are finished, and their labels."""

    line: Callable[..., None]
    finish: "Callable[[Axes, Findings], None]"
    xlabel: str
    ylabel: str


ANYTIME = Curve(_anytime_line, _anytime_axes, "episodes spent by the search", "held-out score")
PROFILE = Curve(_profile_line, _profile_axes, "held-out score τ", "share of runs with score ≥ τ")


def _last(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else float("nan")
