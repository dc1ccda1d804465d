"""How a population moved, parameter by parameter, and the numbers that its strategy reports."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from spikeloop.coordinator.config.limits import MAX_STORED_DIM
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Choice, Integer, Parameter, Real
from spikeloop.workers.space import ParameterSpace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Make: TypeAlias = "Callable[[float], Figure]"
"""Makes an empty figure of a height in inches."""

MAX_PANELS = 24
DEFAULT: dict[str, Any] = {"lw": 1.2, "ls": "--"}


def recommended_values(run: RunFolder) -> pd.DataFrame:
    """Decode the points recommended before the search and after each generation with a state.

    Returns:
        A row for each generation, which is the index, and a column for each coordinate; no rows if
        there are too many coordinates to draw.
    """
    store, strategy, space = run.store, run.config.strategy, run.config.space
    last = store.generation()
    numbers = [number for _, number in store.states() if number <= last]
    if space.n_dim > MAX_STORED_DIM:
        numbers = []
    points = np.empty((len(numbers), space.n_dim))
    for row, number in enumerate(numbers):
        points[row] = strategy.recommend(run.state_after(number))
    return pd.DataFrame(space.decode(points).values, index=numbers)


def traces_figure(
    candidates: pd.DataFrame,
    recommended: pd.DataFrame,
    space: ParameterSpace,
    make: Make = figures.new,
) -> "Figure | None":
    """Draw a small panel for each of the first ``MAX_PANELS`` parameters.

    ``candidates`` are rows of the table of that name; None without their ``theta_`` columns.
    ``recommended`` are as from ``recommended_values``; ``make`` is as of ``figures.panels``.
    """
    if "theta_" + space.columns[0] not in candidates.columns:
        return None
    shown = list(space.slices())[:MAX_PANELS]
    figure, panels = _panels([_title(parameter) for parameter, _ in shown], make)
    default = space.decode(space.default_point()[None, :]).values[0]
    for axes, (parameter, columns) in zip(panels, shown, strict=True):
        names = [f"theta_{name}" for name in space.columns[columns]]
        values = candidates.set_index("generation")[names]
        if isinstance(parameter, Choice):
            _draw_options(axes, parameter, values[names[0]], recommended[columns.start])
        else:
            _draw_values(axes, values, recommended.iloc[:, columns], default[columns])
            _scale(axes, parameter, space)
    key = next((axes for axes in panels if axes.get_legend_handles_labels()[0]), None)
    if key is not None:
        figure.legend(
            *key.get_legend_handles_labels(), loc="outside upper left", ncols=4, frameon=False
        )
    return figure


def reported_numbers(generations: pd.DataFrame) -> list[str]:
    """Name the numbers that the strategy reports, the first ``MAX_PANELS``."""
    columns = [name for name in generations.columns if name.startswith("strategy_")]
    return [column.removeprefix("strategy_") for column in columns[:MAX_PANELS]]


def summary_figure(generations: pd.DataFrame, make: Make = figures.new) -> "Figure":
    """Draw a small panel for each of the ``reported_numbers``, of which there are some."""
    names = reported_numbers(generations)
    figure, panels = _panels(names, make)
    number = generations["generation"].to_numpy()
    for axes, name in zip(panels, names, strict=True):
        value = generations[f"strategy_{name}"].to_numpy(dtype=np.float64)
        axes.plot(number, value, color=COLOURS["learned"], marker="o", ms=2.5, lw=1.2)
        finite = value[np.isfinite(value)]
        if finite.size and finite.min() > 0 and finite.max() > 20 * finite.min():
            axes.set_yscale("log")
    return figure


def _panels(titles: Sequence[str], make: Make) -> "tuple[Figure, list[Axes]]":
    """Make titled axes in rows, generations along their shared horizontal axis."""
    from matplotlib.ticker import MaxNLocator

    figure, made = figures.panels(titles, height=1.45, margin=0.7, make=make)
    for axes in made:
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in made[-figures.PANEL_COLUMNS :]:
        axes.set_xlabel("generation", fontsize="x-small")
    return figure, made


def _title(parameter: Parameter) -> str:
    unit = "" if parameter.unit == "1" else f" ({parameter.unit})"
    return shorten(parameter.name, 25 - len(unit)) + unit


def _draw_values(
    axes: "Axes", values: pd.DataFrame, recommended: pd.DataFrame, default: FloatArray
) -> None:
    """Draw median and 5–95 % band of the population; the weights of an array are taken together."""
    by_generation = values.stack().groupby(level=0)
    low, median, high = (by_generation.quantile(q) for q in (0.05, 0.5, 0.95))
    number = median.index.to_numpy()
    axes.fill_between(
        number, low, high, color=COLOURS["random"], alpha=0.3, lw=0, label="population: 5–95 %"
    )
    axes.plot(number, median, color=COLOURS["random"], lw=1, label="population: median")
    if recommended.shape[1] == 1:
        axes.plot(
            recommended.index,
            recommended.iloc[:, 0],
            color=COLOURS["learned"],
            lw=1.6,
            label="recommended",
        )
        axes.axhline(default[0], color=COLOURS["default"], label="default", **DEFAULT)


def _scale(axes: "Axes", parameter: Parameter, space: ParameterSpace) -> None:
    """Show the whole range of a bounded parameter, on the scale on which it is searched."""
    if isinstance(parameter, Real | Integer):
        log = isinstance(parameter, Real) and parameter.scale == "log"
        set_range(axes, "y", lowest(parameter, space), float(parameter.high), log)


def set_range(axes: "Axes", which: Literal["x", "y"], low: float, high: float, log: bool) -> None:
    """Set the range of an axis, with a small margin and plain numbers at its ticks."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    margin = (high / low) ** 0.04 if log else 0.04 * (high - low)
    limits = (low / margin, high * margin) if log else (low - margin, high + margin)
    axes.set(**{f"{which}scale": "log" if log else "linear", f"{which}lim": limits})
    if log:
        subs = (1.0,) if high / low > 100 else (1.0, 2.0, 5.0) if high / low < 20 else (1.0, 3.0)
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(StrMethodFormatter("{x:.4g}"))


def lowest(parameter: Real | Integer, space: ParameterSpace) -> float:
    """Find the least possible value, also where the lower bound is another parameter."""
    reals = {p.name: p for p in space.parameters if isinstance(p, Real)}
    low = parameter.low
    while isinstance(low, str):
        low = reals[low].low
    return float(low)


def _draw_options(
    axes: "Axes",
    parameter: Choice,
    values: "pd.Series[float]",
    recommended: "pd.Series[float]",
) -> None:
    """Draw a row for each option, as thick as its share of the population; 1 fills the row."""
    for row in range(len(parameter.options)):
        share = (values == row).groupby(level=0).mean()
        half = 0.45 * share.to_numpy()
        axes.fill_between(
            share.index.to_numpy(), row - half, row + half, color=COLOURS["random"], alpha=0.5, lw=0
        )
    axes.axhline(parameter.options.index(parameter.default), color=COLOURS["default"], **DEFAULT)
    axes.step(recommended.index, recommended, color=COLOURS["learned"], lw=1.6, where="mid")
    axes.set_ylim(-0.6, len(parameter.options) - 0.4)
    axes.set_yticks(range(len(parameter.options)), [shorten(o, 12) for o in parameter.options])


def shorten(text: str, length: int) -> str:
    """Replace the middle of a text by an ellipsis if it is longer than ``length``."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"
