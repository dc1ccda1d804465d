"""Draws the Grafana board from a Prometheus that watches a run, and says which panels have data.

For changes of the board without Grafana, and for the picture in docs/how-to/prometheus.md:

    python benchmarks/monitoring/board.py --prometheus URL --run NAME --out board.png

It asks every query of every panel, with the board's variables put in, and draws what comes back in
the board's places, colours and units. It draws no more of Grafana than this board needs.
"""

import argparse
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

BOARD = Path(__file__).parents[2] / "cluster/deploy/grafana/dashboards/spikeloop.json"
SCRAPE_S = 10
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
GREY = "#5B5B5B"


def panels(rows: bool = False) -> list[dict[str, Any]]:
    """The board's panels that ask something, in its order; or its rows' titles."""
    board = json.loads(BOARD.read_text())
    return [panel for panel in board["panels"] if (panel["type"] == "row") == rows]


def filled_in(expression: str, run: str) -> str:
    """A query with the board's variables put in, as Grafana does it."""
    return expression.replace("$__rate_interval", f"{4 * SCRAPE_S}s").replace("$run", run)


def ask(
    prometheus: str, query: str, end: float, minutes: float
) -> list[tuple[dict[str, str], Any]]:
    """Labels and (time, value) pairs of each series in the minutes before the end."""
    window = {"start": end - 60 * minutes, "end": end, "step": max(SCRAPE_S, minutes / 4)}
    address = f"{prometheus}/api/v1/query_range?" + urllib.parse.urlencode(
        {"query": query, **window}
    )
    with urllib.request.urlopen(address, timeout=30) as answer:
        result = json.load(answer)["data"]["result"]
    return [
        (series["metric"], [(float(t), float(value)) for t, value in series["values"]])
        for series in result
    ]


def named(panel: dict[str, Any], answers: list[Any]) -> Iterator[tuple[str, Any]]:
    """Each series under the name that the board's legend gives it."""
    for target, answer in zip(panel["targets"], answers, strict=True):
        for labels, values in answer:
            name = target["legendFormat"] or "value"
            for label in re.findall(r"\{\{(\w+)\}\}", name):
                name = name.replace("{{" + label + "}}", labels.get(label, ""))
            yield name, values


def words(value: float, unit: str, decimals: int | None) -> str:
    """A value as the board shows it."""
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    if unit == "percentunit":
        return f"{value:.0%}"
    text = f"{value:.3g}" if decimals is None else f"{value:.{decimals}f}"
    return text + (" s" if unit == "s" else "")


def draw(
    axes: Axes, panel: dict[str, Any], series: list[tuple[str, Any]], end: float, minutes: float
) -> None:
    """One panel, over the minutes before the end."""
    settings = panel["fieldConfig"]["defaults"]
    unit, decimals = settings["unit"], settings.get("decimals")
    axes.set_title(panel["title"], fontsize=9, loc="left", fontweight="bold")
    if panel["type"] == "stat":
        draw_stat(axes, settings, [(n, words(v[-1][1], unit, decimals)) for n, v in series])
        return
    own = {o["matcher"]["options"]: {p["id"]: p["value"] for p in o["properties"]}
           for o in panel["fieldConfig"]["overrides"]}  # fmt: skip
    if panel["type"] == "state-timeline":
        draw_states(axes, series)
    else:
        draw_lines(axes, settings, own, series, unit, decimals)
    axes.set_xlim(instants((end - 60 * minutes, end)))
    ticks: Any = AutoDateLocator(UTC, minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(ticks)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))  # type: ignore[no-untyped-call]
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    if not series:
        text = settings.get("noValue", "no data")
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=GREY)


def instants(seconds: Iterable[float]) -> Any:
    """Unix seconds as Matplotlib wants them."""
    return [datetime.fromtimestamp(t, UTC) for t in seconds]


def draw_stat(axes: Axes, settings: dict[str, Any], values: list[tuple[str, str]]) -> None:
    text = " / ".join(value for _, value in values) or settings.get("noValue", "no data")
    names = " / ".join(name for name, _ in values if name != "value")
    axes.text(0.5, 0.55, text, ha="center", va="center", fontsize=20, color=OKABE_ITO[0])
    axes.text(0.5, 0.12, names, ha="center", va="center", fontsize=8, color=GREY)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("#E5E5E5")


def draw_states(axes: Axes, series: list[tuple[str, Any]]) -> None:
    for row, (_, values) in enumerate(series):
        for t, _ in values:
            axes.plot(
                instants((t, t + 1.5 * SCRAPE_S)),
                (row, row),
                color="#D55E00",
                linewidth=12,
                solid_capstyle="butt",
            )
    axes.set_yticks(range(len(series)), [name for name, _ in series])
    axes.set_ylim(-0.7, len(series) - 0.3)


def draw_lines(
    axes: Axes,
    settings: dict[str, Any],
    own: dict[str, dict[str, Any]],
    series: list[tuple[str, Any]],
    unit: str,
    decimals: int | None,
) -> None:
    scale = 2**20 if unit == "bytes" else 0.01 if unit == "percentunit" else 1
    custom, below = settings["custom"], None
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    base: dict[float, float] = {}
    curves = {}
    for number, (name, values) in enumerate(series):
        mine = own.get(name, {})
        color = mine.get("color", {}).get("fixedColor") or OKABE_ITO[number % len(OKABE_ITO)]
        when = instants(t for t, _ in values)
        on_top = stacked and mine.get("custom.stacking", {}).get("mode") != "none"
        feet = [base.get(t, 0.0) if on_top else 0.0 for t, _ in values]
        heights = [v / scale + foot for (_, v), foot in zip(values, feet, strict=True)]
        if on_top:
            base |= {t: h for (t, _), h in zip(values, heights, strict=True)}
            axes.fill_between(when, feet, heights, color=color, alpha=0.5, linewidth=0)
        curves[name] = (when, heights)
        if mine.get("custom.lineWidth") == 0:
            below = name if "custom.fillBelowTo" in mine else below
            continue
        label = f"{name}  {words(values[-1][1], unit, decimals)}"
        dashed = "--" if "custom.lineStyle" in mine else "-"
        axes.plot(when, heights, dashed, color=color, linewidth=1.6, label=label)
    if below is not None and own[below]["custom.fillBelowTo"] in curves:
        low = curves[own[below]["custom.fillBelowTo"]][1]
        when, high = curves[below]
        color = own[below]["color"]["fixedColor"]
        axes.fill_between(when, low, high, color=color, alpha=0.25, linewidth=0)
    if custom.get("scaleDistribution", {}).get("type") == "log":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
    if "min" in settings:
        axes.set_ylim(bottom=settings["min"])
    if "max" in settings:
        axes.set_ylim(top=settings["max"] / scale)
    axes.set_ylabel({"bytes": "MiB", "percentunit": "%", "s": "s"}.get(unit, ""), fontsize=7)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, frameon=False, loc="upper left", ncols=3, bbox_to_anchor=(0, -0.12))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--run", required=True, help="the label of the run")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, help="where to draw the board")
    given = parser.parse_args()
    end = time.time()
    board = panels()
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board)
    figure = plt.figure(figsize=(16, 0.28 * height), dpi=100)
    for row in panels(rows=True):
        figure.text(0.01, 1 - (row["gridPos"]["y"] + 0.7) / height, row["title"], color=GREY)
    for panel in board:
        queries = [filled_in(target["expr"], given.run) for target in panel["targets"]]
        answers = [ask(given.prometheus, query, end, given.minutes) for query in queries]
        series = list(named(panel, answers))
        points = sum(len(values) for _, values in series)
        print(f"{panel['title']:36} {len(series):3} series {points:6} points")
        x, y, w, h = (panel["gridPos"][k] for k in "xywh")
        stat = panel["type"] == "stat"
        foot, head = (0.3, 1.0) if stat else (1.9, 1.1)
        place = (
            (x + 1.0) / 24,
            1 - (y + h - foot) / height,
            (w - 1.2) / 24,
            (h - foot - head) / height,
        )
        draw(figure.add_axes(place), panel, series, end, given.minutes)
    if given.out:
        figure.savefig(given.out)
        print(f"drawn: {given.out}")


if __name__ == "__main__":
    main()
