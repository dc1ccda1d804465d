"""Searches on the chip beside the host's, from a sweep with the settings "chip" and "host".

``python benchmarks/studies/on_chip_search.py SWEEP [--margin M] [--figure FILE] [--seed S]`` takes
the pairs of a sweep that have ended (it may go on) and says whether what the chip deploys is worse
than what the host deploys by more than a margin: paired differences of the score on held-out tasks,
with the one-sided 95 % bound of Student's t. ``--regret`` does the same for the regret, of bandits.
The figure shows one pair: the mean score of the candidates by generation, from what the chip's
processor has recorded, beside that of the host's.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from spikeloop.coordinator.report import figures
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.limits import REWARD_ONE_Q7

HOST, CHIP = "host", "chip"


def held_out(run: Path, regret: bool) -> float:
    """Return the score of the learned Θ of a run on held-out tasks, or its mean regret."""
    frame = pd.read_parquet(run / "transfer")
    learned = frame[frame["theta"] == "learned"]
    if regret:
        return float((learned["optimal"] - learned["return"]).mean())
    gain, span = learned["return"] - learned["random"], learned["optimal"] - learned["random"]
    return float(gain.sum() / span.sum())


def pairs(sweep: Path, regret: bool) -> dict[int, tuple[float, float]]:
    """Return host and chip of each seed for which both have ended."""
    seeds = sorted(int(path.name) for path in (sweep / "runs" / CHIP).iterdir())
    found = {}
    for seed in seeds:
        runs = [sweep / "runs" / name / str(seed) for name in (HOST, CHIP)]
        if all(list((run / "transfer").glob("*.parquet")) for run in runs):
            found[seed] = (held_out(runs[0], regret), held_out(runs[1], regret))
    return found


def show(found: dict[int, tuple[float, float]], margin: float, regret: bool) -> None:
    """Print the pairs and the planned comparison."""
    both = np.array(list(found.values()))
    for seed, (host, chip) in found.items():
        print(f"seed {seed:3}: host {host:.3f}  chip {chip:.3f}  chip − host {chip - host:+.3f}")
    worse = both[:, 1] - both[:, 0] if regret else both[:, 0] - both[:, 1]
    n, mean = worse.size, worse.mean()
    what = "regret of the chip above the host's" if regret else "score of the host above the chip's"
    print(f"host {both[:, 0].mean():.3f}, chip {both[:, 1].mean():.3f}, {n} pairs")
    if n < 2:
        return
    bound = mean + stats.t.ppf(0.95, n - 1) * worse.std(ddof=1) / np.sqrt(n)
    verdict = "not inferior" if bound < margin else "not shown to be not inferior"
    print(f"{what}: {mean:+.3f}, with 95 % confidence below {bound:+.3f}: {verdict} by {margin:g}")


def recorded(run: Path) -> tuple[FloatArray, FloatArray]:
    """Return episodes and mean score of the candidates after each generation, (n_generations,).

    Of a search on the chip it follows from the sums that the processor has recorded, and from the
    references of the tasks, which the host knows by their words.
    """
    rows = pd.read_parquet(run / "generations").sort_values("generation")
    sums = pd.read_parquet(run / "episodes").groupby("generation")[["return", "random", "optimal"]]
    total = sums.sum()
    earned = total["return"].to_numpy(float)
    if "strategy_recorded_sum" in rows:
        earned = rows["strategy_recorded_sum"].to_numpy(float) / REWARD_ONE_Q7
    random, optimal = (total[name].to_numpy(float) for name in ("random", "optimal"))
    return rows["total_episodes"].to_numpy(float), (earned - random) / (optimal - random)


def draw(sweep: Path, seed: int, path: Path) -> None:
    """Draw one pair of searches."""
    figure = figures.new(3.6)
    axis = figure.subplots()
    labels = {HOST: "host, from its episodes", CHIP: "chip, as its processor recorded it"}
    for (name, label), marker in zip(labels.items(), ("s", "o"), strict=True):
        episodes, score = recorded(sweep / "runs" / name / str(seed))
        axis.plot(episodes, score, marker=marker, ms=3, lw=1, label=label)
    axis.set(xlabel="episodes of the search", ylabel="score of the candidates, mean")
    axis.legend(frameon=False)
    figures.open_frame(axis)
    figures.save(figure, path)


def main() -> None:
    """Compare, and draw where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument(
        "--margin", type=float, default=0.02, help="largest loss that does not count"
    )
    parser.add_argument(
        "--regret", action="store_true", help="compare regret in place of the score"
    )
    parser.add_argument("--figure", type=Path, help="PNG of one pair")
    parser.add_argument("--seed", type=int, help="of the pair in the figure; by default the first")
    arguments = parser.parse_args()
    found = pairs(arguments.sweep, arguments.regret)
    if not found:
        raise SystemExit(f"{arguments.sweep}: no pair of runs has ended yet")
    show(found, arguments.margin, arguments.regret)
    if arguments.figure:
        seed = next(iter(found)) if arguments.seed is None else arguments.seed
        if seed not in found:
            raise SystemExit(f"--seed: no pair of runs with seed {seed} has ended")
        draw(arguments.sweep, seed, arguments.figure)


if __name__ == "__main__":
    main()
