"""What the searches of a sweep found, against what it is worth: are there several optima?

``python benchmarks/studies/found_theta.py SWEEP --x NAME --colour NAME [--figure FILE]`` takes the
searches of a sweep that have ended and prints, from the lowest held-out score to the highest, the
learned hyperparameters. The figure shows the score over one hyperparameter, with another one as
colour and a marker for each setting.
"""

import argparse
from pathlib import Path

import pandas as pd
from on_chip_search import held_out


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


def draw(frame: pd.DataFrame, x: str, colour: str, path: Path) -> None:
    """Draw the score of each search over a hyperparameter that it found."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    scale = LogNorm(frame[colour].min(), frame[colour].max())
    for (setting, rows), marker in zip(frame.groupby("setting"), "osD^v", strict=False):
        points = axes.scatter(
            rows[x], rows["score"], c=rows[colour], norm=scale, marker=marker, s=36
        )
        axes.scatter([], [], color="0.4", marker=marker, label=setting)
    figure.colorbar(points, ax=axes, label=colour)
    axes.set_xlabel(f"{x} that the search found")
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
    arguments = parser.parse_args()
    frame = found(arguments.sweep)
    print(frame.round(3).to_string(index=False))
    if arguments.figure:
        draw(frame, arguments.x, arguments.colour, arguments.figure)


if __name__ == "__main__":
    main()
