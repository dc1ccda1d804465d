"""Learned Θ of several searches beside the policies that no outer loop has made.

``python benchmarks/studies/beside_baselines.py RUN...`` takes finished runs of one configuration
with different seeds, each with held-out tasks of its own. Means with 95 % t-intervals over the
searches, differences paired by search; and the mean difference over all tasks, whose interval is
about new tasks.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from learning import interval, scores
from scipy import stats

from spikeloop.coordinator.search.baselines import Baseline, measure
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore


def baselines(folder: Path) -> dict[str, Baseline]:
    """What the policies earn on the held-out tasks of a run."""
    config = read_run(RunStore.open(folder)).config
    return measure(config, pd.read_parquet(folder / "transfer"))


def over_tasks(found: list[Baseline]) -> str:
    """Mean of the searches' differences, with an interval from their own intervals over tasks."""
    z = stats.norm.ppf(0.975)
    gains = [row.learned_minus for row in found]
    errors = [(gain.high - gain.low) / (2 * z) for gain in gains]
    mean = float(np.mean([gain.value for gain in gains]))
    half = z * float(np.sqrt(np.sum(np.square(errors)))) / len(gains)
    return f"{mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    folders = parser.parse_args().runs
    searched = [scores(folder) for folder in folders]
    learned = [row["learned"] for row in searched]
    found = [baselines(folder) for folder in folders]
    print(f"n = {len(folders)} searches: {' '.join(f'{value:.3f}' for value in learned)}")
    print()
    print("| Θ or policy | score | learned minus it | the same over all tasks |")
    print("| --- | --- | --- | --- |")
    print(f"| learned Θ | {interval(learned)} | | |")
    for theta in ("default", "random"):
        values = [row[theta] for row in searched]
        gains = [a - b for a, b in zip(learned, values, strict=True)]
        print(f"| {theta} Θ | {interval(values)} | {interval(gains)} | |")
    for name in found[0]:
        rows = [row[name] for row in found]
        gains = [row.learned_minus.value for row in rows]
        score = interval([row.score.value for row in rows])
        print(f"| {name} | {score} | {interval(gains)} | {over_tasks(rows)} |")


if __name__ == "__main__":
    main()
