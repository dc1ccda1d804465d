"""Expected regret of learned rules on the held-out bandits of a sweep, paired by search.

``python benchmarks/studies/rule_regrets.py SWEEP [SWEEP...] [--against SETTING] [--policies]``
reads the transfer tables of finished sweeps whose runs share seeds and family, and prints for each
setting the regret of the learned Θ, of the default and of random Θ, and the learned one's
difference to one setting (by default the first), with its p-value after Holm. With ``--policies``
it adds what policies without a chip lose on the same bandits.
"""

import argparse
from pathlib import Path

import pandas as pd
from planned import against, cell, over_searches

from spikeloop.coordinator.search.baselines import measure
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore


def transfer(folder: Path) -> pd.DataFrame:
    """Episodes on the held-out tasks of a run that did not fail."""
    episodes = pd.read_parquet(folder / "transfer")
    return episodes[episodes["status"] == "ok"]


def regrets(folder: Path) -> dict[str, float]:
    """Mean regret of default, random and learned Θ of a run."""
    episodes = transfer(folder)
    missed = episodes["optimal"] - episodes["return"]
    return {str(theta): float(x) for theta, x in missed.groupby(episodes["theta"]).mean().items()}


def settings(sweeps: list[Path]) -> dict[str, list[Path]]:
    """Finished runs of each setting of the sweeps, by seed."""
    found: dict[str, list[Path]] = {}
    for setting in (folder for sweep in sweeps for folder in sorted((sweep / "runs").iterdir())):
        finished = [run for run in setting.iterdir() if any((run / "transfer").glob("*.parquet"))]
        found.setdefault(setting.name, []).extend(finished)
    return {
        name: sorted(runs, key=lambda run: int(run.name)) for name, runs in found.items() if runs
    }


def policies(folders: list[Path]) -> dict[str, list[float]]:
    """Mean regret of policies without a chip, of each run's held-out bandits."""
    found: dict[str, list[float]] = {}
    for folder in folders:
        config = read_run(RunStore.open(folder)).config
        measured = measure(config, pd.read_parquet(folder / "transfer"))
        for name, baseline in measured.items():
            found.setdefault(name, []).append(baseline.regret.value)
        tasks = transfer(folder).drop_duplicates("task")
        random = float((tasks["optimal"] - tasks["random"]).mean())
        found.setdefault("uniform pulls", []).append(random)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweeps", type=Path, nargs="+", metavar="SWEEP")
    parser.add_argument("--against", help="the setting that is subtracted")
    parser.add_argument("--policies", action="store_true", help="add policies without a chip")
    arguments = parser.parse_args()
    folders = settings(arguments.sweeps)
    rows = {name: [regrets(run) for run in runs] for name, runs in folders.items()}
    learned = {name: [row["learned"] for row in found] for name, found in rows.items()}
    baseline = arguments.against or next(iter(learned))
    differences = against(learned, baseline)

    print(f"| setting | n | learned Θ | each | minus {baseline} | p, Holm | default Θ | random Θ |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, found in rows.items():
        default, random = (
            cell(over_searches([row[theta] for row in found])) for theta in ("default", "random")
        )
        each = " ".join(f"{value:.2f}" for value in learned[name])
        difference, p = "", ""
        if name in differences:
            compared, corrected = differences[name]
            difference, p = cell(compared, signed=True), f"{corrected:.2g}"
        print(
            f"| {name} | {len(found)} | {cell(over_searches(learned[name]))} | {each} "
            f"| {difference} | {p} | {default} | {random} |"
        )
    if arguments.policies:
        for name, values in policies(folders[baseline]).items():
            print(f"| {name} | {len(values)} | {cell(over_searches(values))} | | | | | |")


if __name__ == "__main__":
    main()
