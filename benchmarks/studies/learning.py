"""Learning to learn on the chip, over several search seeds: the tables of docs/results/.

``python benchmarks/studies/learning.py SET [--seeds 5] [--out runs/learning] [--figure FILE]`` runs
every search of a set that is not there yet, one after the other on all cores, then prints its table
and draws it. An interrupted one is resumed. ``--set run.generations=8`` and the like give all of
them another budget. Each row is a search repeated with different seeds,
each with its own tasks, also the held-out ones; intervals are 95 % t-intervals over seeds,
differences are paired by seed.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

EXAMPLES = Path(__file__).parents[2] / "examples"

RAW = ["learner.mismatch=uncalibrated"]
CEILING = ["learner.kind=tabular_td", "learner.search_trace_decay=true"]
FREE = [*CEILING, "learner.largest_value=3.0"]

WEAK = "learner.circuit.gm_exc_u10=51"
PUNISHED = "family.bump=-2.0"


def fixed_trace(trace_decay: float, table: str = "learner") -> list[str]:
    """λ fixed instead of searched."""
    return [f"{table}.search_trace_decay=false", f"{table}.trace_decay={trace_decay}"]


NO_TRACE = fixed_trace(0.0, "learner.program")
LARGE = ["family.n_rows=3", "family.n_columns=3"]
FREE_BUMPS = "family.bump=0.0"

Search = tuple[str, str, list[str]]
SETS: dict[str, list[Search]] = {
    "mdp": [
        ("fired, calibrated", "mdp_published", []),
        ("opened, calibrated", "mdp_opened", []),
        ("fired, uncalibrated", "mdp_published", RAW),
        ("opened, uncalibrated", "mdp_opened", RAW),
        ("tabular_td", "mdp_published", CEILING),
        ("tabular_td, values to 3", "mdp_published", FREE),
    ],
    "advantages": [
        ("td_advantage", "mdp_evolution", []),
        ("constant rate", "mdp_evolution", ["learner.program.falling_rate=false"]),
        ("values in weight codes", "mdp_evolution", ["learner.program.dropped_bits=7"]),
        ("values instead of advantages", "mdp_evolution", ["learner.program.weights=values"]),
        ("γ = 0", "mdp_evolution", ["learner.program.discount=false"]),
        ("default strength", "mdp_evolution", [WEAK]),
        ("values, default strength", "mdp_evolution", ["learner.program.weights=values", WEAK]),
    ],
    "maze_size": [
        ("2 × 2 cells, λ = 0", "maze_evolution", NO_TRACE),
        ("2 × 2 cells, λ searched", "maze_evolution", []),
        ("3 × 3 cells, λ = 0", "maze_evolution", [*NO_TRACE, *LARGE]),
        ("3 × 3 cells, λ searched", "maze_evolution", LARGE),
        ("3 × 3 cells, bumps free, λ = 0", "maze_evolution", [*NO_TRACE, *LARGE, FREE_BUMPS]),
        ("3 × 3 cells, bumps free, λ searched", "maze_evolution", [*LARGE, FREE_BUMPS]),
    ],
    "reward_stdp": [
        ("td_lambda", "mdp_published", ["run.generations=12", "strategy.population_size=40"]),
        ("reward_stdp, chosen", "mdp_reward_stdp", []),
        ("reward_stdp, fired", "mdp_reward_stdp", ["learner.program.credit=fired"]),
    ],
    "trace": [
        ("λ = 0", "maze_trace", fixed_trace(0.0)),
        ("λ = 0.5", "maze_trace", fixed_trace(0.5)),
        ("λ = 0.9", "maze_trace", fixed_trace(0.9)),
        ("λ searched", "maze_trace", []),
        ("bumps punished, λ = 0", "maze_trace", [*fixed_trace(0.0), PUNISHED]),
        ("bumps punished, λ = 0.9", "maze_trace", [*fixed_trace(0.9), PUNISHED]),
        ("bumps punished, λ searched", "maze_trace", [PUNISHED]),
    ],
}


def folder_name(label: str, seed: int) -> str:
    """The run's name: its label in letters that every file system takes."""
    words = "".join(c if c.isalnum() and c.isascii() else " " for c in label).split()
    return "-".join([*words, str(seed)])


def complete(search: Search, seed: int, out: Path, budget: Sequence[str]) -> Path:
    """Runs or resumes one search unless it is done, and returns its folder."""
    label, example, sets = search
    folder = out / folder_name(f"{example} {label}", seed)
    if (folder / "figures" / "learning.png").exists():
        return folder
    command = [sys.executable, "-c", "from spikeloop.coordinator.cli.main import main; main()"]
    if (folder / "run.json").exists():
        command += ["resume", str(folder)]
    else:
        named = [*sets, *budget, f"run.seed={seed}", f"run.name={folder.name}"]
        command += ["run", str(EXAMPLES / f"{example}.toml"), "--out", str(out)]
        command += [word for value in named for word in ("--set", value)]
    print(f"{label}, seed {seed}", file=sys.stderr, flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def scores(folder: Path) -> dict[str, float]:
    """Score of each theta on the run's held-out tasks: a ratio of sums."""
    episodes = pd.read_parquet(folder / "transfer")
    episodes = episodes[episodes["status"] == "ok"]
    sums = episodes.groupby("theta")[["return", "random", "optimal"]].sum()
    ratio = (sums["return"] - sums["random"]) / (sums["optimal"] - sums["random"])
    return {str(theta): float(value) for theta, value in ratio.items()}


def interval(values: Sequence[float]) -> str:
    """Mean and 95 % t-interval."""
    if len(values) < 2:
        return f"{values[0]:.3f}"
    mean, error = float(np.mean(values)), float(stats.sem(values))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return f"{mean:.3f} [{mean - half:.3f}, {mean + half:.3f}]"


COLOURS = {"default": "0.55", "random": "#e69f00", "learned": "#0072b2"}
NAMES = {"default": "default Θ", "random": "random Θ, mean of 50", "learned": "learned Θ"}


def draw(found: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Scores of all searches, one row a kind of search: points are seeds, lines are means."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 0.9 + 0.5 * len(found)), layout="constrained", dpi=150)
    axes = figure.subplots()
    for row, rows in enumerate(found.values()):
        for offset, (theta, colour) in zip((-0.2, 0.0, 0.2), COLOURS.items(), strict=True):
            values = [scores[theta] for scores in rows]
            place = row + offset
            axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.6, markersize=4)
            mean = float(np.mean(values))
            axes.plot([mean, mean], [place - 0.12, place + 0.12], color=colour, linewidth=2)
    axes.set_yticks(range(len(found)), list(found))
    axes.invert_yaxis()
    axes.set_xlim(min(0.0, axes.get_xlim()[0]), 1.0)
    axes.set_xlabel("score on held-out tasks (0 random policy, 1 optimal policy)")
    axes.grid(axis="x", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    for theta, colour in COLOURS.items():
        axes.plot([], [], "o", color=colour, label=NAMES[theta])
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--seeds", type=int, default=5, help="searches per row")
    parser.add_argument("--out", type=Path, default=Path("runs/learning"))
    parser.add_argument("--set", action="append", default=[], dest="budget", help="TABLE.KEY=VALUE")
    parser.add_argument("--figure", type=Path, help="a PNG file of the table")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    seeds = range(1, arguments.seeds + 1)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:  # a whole seed first, so that an interrupted set is a smaller whole one
        for search in SETS[arguments.set]:
            folder = complete(search, seed, arguments.out, arguments.budget)
            found.setdefault(search[0], []).append(scores(folder))

    if arguments.figure:
        draw(found, arguments.figure)
    first = SETS[arguments.set][0][0]
    print(f"n = {arguments.seeds} searches a row; scores of each: learned Θ, by seed")
    print()
    print(f"| search | default Θ | random Θ | learned Θ | each | learned, minus *{first}* |")
    print("| --- | --- | --- | --- | --- | --- |")
    for label, rows in found.items():
        default, random, learned = (
            [row[theta] for row in rows] for theta in ("default", "random", "learned")
        )
        baseline = [row["learned"] for row in found[first]]
        gain = [a - b for a, b in zip(learned, baseline, strict=True)]
        print(
            f"| {label} | {interval(default)} | {interval(random)} | {interval(learned)} "
            f"| {' '.join(f'{value:.3f}' for value in learned)} "
            f"| {'' if label == first else interval(gain)} |"
        )


if __name__ == "__main__":
    main()
