"""What the searches of a sweep found, against what it is worth: are there several optima?

``python benchmarks/studies/found_theta.py SWEEP --x NAME --colour NAME [--figure FILE]`` takes the
searches of a sweep that have ended and prints, from the lowest held-out score to the highest, the
learned hyperparameters. The figure shows the score over one hyperparameter, with another one as
colour and a marker for each setting. ``--swap`` asks whether these two make the difference: each Θ
below the median takes one of them, or both, from the best Θ, and plays its own held-out tasks
without a new search.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from conditions import grid_under, played
from on_chip_search import held_out
from planned import cell, over_searches

from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.population import Explicit


def found(sweep: Path) -> pd.DataFrame:
    """A row for each search that has ended: setting, seed, held-out score and learned Θ."""
    runs = sorted((sweep / "runs").glob("*/*"))
    rows = [
        {
            "setting": run.parent.name,
            "seed": int(run.name),
            "score": held_out(run, regret=False),
            **pd.read_parquet(run / "theta").iloc[0],
        }
        for run in runs
        if any((run / "transfer").glob("*.parquet"))
    ]
    return pd.DataFrame(rows).sort_values("score", ignore_index=True)


def folder(sweep: Path, row: pd.Series) -> RunFolder:
    """The run of a row."""
    return read_run(RunStore.open(sweep / "runs" / row["setting"] / str(row["seed"])))


def print_swaps(sweep: Path, frame: pd.DataFrame, names: list[str], n_tasks: int) -> None:
    """Print the scores of the lower half with values of the best Θ, and what these change."""
    best = deployed(folder(sweep, frame.iloc[-1]))
    swaps = {"as found": [], **{name: [name] for name in names}, "both": names}
    lower = [folder(sweep, row) for _, row in frame.iloc[: len(frame) // 2].iterrows()]
    scores: dict[str, list[float]] = {swap: [] for swap in swaps}
    for run in lower:
        columns = run.config.space.columns
        for swap, taken in swaps.items():
            point = deployed(run).copy()
            at = [columns.index(name) for name in taken]
            point[at] = best[at]
            grid = replace(grid_under(run, {}, n_tasks), population=Explicit(point[None]))
            scores[swap].append(played(grid, "score"))
    print("| from the best Θ | n | score | minus as found |")
    print("| --- | --- | --- | --- |")
    for swap, values in scores.items():
        change = over_searches((np.array(values) - scores["as found"]).tolist())
        minus = cell(change, True, 3) if swaps[swap] else ""
        print(f"| {swap} | {len(values)} | {cell(over_searches(values), digits=3)} | {minus} |")


def draw(sweep: Path, frame: pd.DataFrame, x: str, colour: str, path: Path) -> None:
    """Draw the score of each search over a hyperparameter that it found."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    parameters = folder(sweep, frame.iloc[0]).config.space.parameters
    shown = {p.name: p.name if p.unit == "1" else f"{p.name} ({p.unit})" for p in parameters}
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    scale = LogNorm(frame[colour].min(), frame[colour].max())
    for (setting, rows), marker in zip(frame.groupby("setting"), "osD^v", strict=False):
        points = axes.scatter(
            rows[x], rows["score"], c=rows[colour], norm=scale, marker=marker, s=36
        )
        axes.scatter([], [], color="0.4", marker=marker, label=setting)
    figure.colorbar(points, ax=axes, label=shown[colour])
    axes.set_xlabel(f"{shown[x]} that the search found")
    axes.set_ylabel("held-out score")
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sweep", type=Path, help="folder of the sweep")
    parser.add_argument("--x", required=True, help="hyperparameter of the horizontal axis")
    parser.add_argument("--colour", required=True, help="hyperparameter shown as colour")
    parser.add_argument("--figure", type=Path, help="where to draw it")
    parser.add_argument("--swap", type=int, metavar="TASKS", help="play swaps on so many tasks")
    arguments = parser.parse_args()
    frame = found(arguments.sweep)
    print(frame.round(3).to_string(index=False))
    if arguments.swap:
        names = [arguments.x, arguments.colour]
        print_swaps(arguments.sweep, frame, names, arguments.swap)
    if arguments.figure:
        draw(arguments.sweep, frame, arguments.x, arguments.colour, arguments.figure)


if __name__ == "__main__":
    main()
