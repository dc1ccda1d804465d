"""Learned rules under conditions that they were not searched under, without a new search.

``python benchmarks/studies/conditions.py FILE --sweeps FOLDER [--table OUT.parquet]
[--figure OUT.png]`` takes the learned Θ of finished sweeps below a folder and plays each on
held-out tasks under every condition of a TOML file::

    tasks = 2000             # held-out tasks of each search under each condition
    metric = "score"         # 0 random, 1 optimal; mean regret without this line
    compare = true           # differences to the first condition, else a table of Θ × conditions
    policies = ["Thompson"]  # what policies without a chip lose on the tasks of the first Θ

    [[theta]]
    name = "network"
    runs = "reversal_rules/runs/network/*"   # below FOLDER, a run for each seed

    [[condition]]
    name = "as searched"

    [[condition]]
    name = "chosen silenced"
    learner.program.silenced = ["chosen"]  # settings of the learner that are replaced
    family = { kind = "bandit" }           # another family

Seeds of tasks and episodes are those of the run's transfer, so that conditions on the same family
are paired by task. It prints means with 95 % t-intervals over searches; ``--table`` keeps the mean
of each search.
"""

import argparse
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from planned import against, cell, over_searches

from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks import FAMILIES
from spikeloop.tasks.base import FloatArray, HasBaselines, TaskBatch
from spikeloop.workers.evaluate import evaluate
from spikeloop.workers.job import Grid, cut
from spikeloop.workers.seeding import Purpose, TaskSet, stream

DIGITS = {"regret": 2, "score": 3}
TILE = 50
"""Tasks that a thread plays at a time."""


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Replace settings, those of tables within one by one."""
    tables = {
        name: merged(values[name], change)
        for name, change in changes.items()
        if isinstance(change, Mapping) and isinstance(values.get(name), Mapping)
    }
    return {**values, **changes, **tables}


def grid_under(run: RunFolder, condition: Mapping[str, Any], n_tasks: int) -> Grid:
    """Episodes of a run's learned Θ on held-out tasks under a condition."""
    config = run.config
    changed: Any = config.learner
    if "learner" in condition:
        values = merged(changed.model_dump(), condition["learner"])
        changed = type(changed).model_validate(values)
    family: Any = config.family
    if "family" in condition:
        kind: Any = FAMILIES[condition["family"]["kind"]]
        family = kind.model_validate(condition["family"])
    if changed.space(family.interface).columns != config.space.columns:
        raise SystemExit(f"{condition['name']}: its learner has another Θ than {run.store.folder}")
    return Grid(
        family,
        changed,
        Explicit(deployed(run)[None]),
        n_tasks,
        config.run.seed,
        TaskSet.TRANSFER,
        config.transfer.seed,
        config.run.common_noise,
    )


def played(grid: Grid, metric: str) -> float:
    """Play the held-out tasks: their mean regret, or their score."""
    with ThreadPoolExecutor(cpu_count()) as threads:
        results = list(threads.map(evaluate, cut(grid, 1, TILE, "conditions")))
    for result in results:
        if result.failures:
            raise SystemExit(result.failures[0].traceback)
    returns: FloatArray = np.concatenate([result.returns[0] for result in results])
    return worth(returns, grid.tasks(), metric)


def worth(returns: FloatArray, tasks: TaskBatch, metric: str) -> float:
    """Mean over tasks of the optimal minus the earned return, or the score."""
    references = tasks.references()
    if metric == "regret":
        return float((references.optimal - returns).mean())
    span = (references.optimal - references.random).sum()
    return float((returns - references.random).sum() / span)


def policies(tasks: TaskBatch, seed: int, metric: str) -> dict[str, float]:
    """What uniform actions and the family's baselines earn, by the metric."""
    references = tasks.references()
    earned = {"uniform pulls": references.random}
    if isinstance(tasks, HasBaselines):
        earned |= tasks.baselines(stream(seed, Purpose.BASELINES, TaskSet.TRANSFER, 0))
    return {name: worth(x, tasks, metric) for name, x in earned.items()}


def finished(sweeps: Path, pattern: str) -> list[Path]:
    """Folders of the runs of a Θ that have ended, by seed."""
    ended = [run for run in sweeps.glob(pattern) if any((run / "transfer").glob("*.parquet"))]
    if not ended:
        raise SystemExit(f"{sweeps / pattern}: no run has ended there yet")
    return sorted(ended, key=lambda run: int(run.name))


def measured(plan: Mapping[str, Any], sweeps: Path) -> pd.DataFrame:
    """Play every Θ under every condition: a row of theta, condition, seed and value for each."""
    metric = plan.get("metric", "regret")
    rows: list[tuple[str, str, int, float]] = []
    folders = {theta["name"]: finished(sweeps, theta["runs"]) for theta in plan["theta"]}
    for name, of_theta in folders.items():
        for run in (read_run(RunStore.open(folder)) for folder in of_theta):
            seed = run.config.run.seed
            for condition in plan["condition"]:
                grid = grid_under(run, condition, plan["tasks"])
                rows.append((name, condition["name"], seed, played(grid, metric)))
    for run in (read_run(RunStore.open(folder)) for folder in next(iter(folders.values()))):
        seed = run.config.run.seed
        for condition in plan["condition"] if "policies" in plan else ():
            found = policies(grid_under(run, condition, plan["tasks"]).tasks(), seed, metric)
            named = [name for name in plan["policies"] if name in found]
            rows += [(name, condition["name"], seed, found[name]) for name in named]
    return pd.DataFrame(rows, columns=["theta", "condition", "seed", metric])


def print_differences(frame: pd.DataFrame) -> None:
    """Print each Θ under each condition, and the difference to the first one, paired by search."""
    first, metric = frame["condition"].iloc[0], frame.columns[-1]
    digits = DIGITS[metric]
    print(f"| Θ | condition | n | {metric} | minus {first} | p, Holm |")
    print("| --- | --- | --- | --- | --- | --- |")
    for theta, rows in frame.groupby("theta", sort=False):
        groups = rows.groupby("condition", sort=False)[metric]
        found = {str(name): x.tolist() for name, x in groups}
        compared = against(found, first)
        for name, values in found.items():
            cells = " | "
            if name in compared:
                difference, p = compared[name]
                cells = f"{cell(difference, True, digits)} | {p:.2g}"
            mean = cell(over_searches(values), digits=digits)
            print(f"| {theta} | {name} | {len(values)} | {mean} | {cells} |")


def print_matrix(frame: pd.DataFrame) -> None:
    """Print a row for each condition and a column for each Θ or policy."""
    columns, metric = frame["theta"].unique(), frame.columns[-1]
    print(f"| condition | {' | '.join(columns)} |")
    print("| --- " * (1 + len(columns)) + "|")
    for name, rows in frame.groupby("condition", sort=False):
        values = {theta: x.tolist() for theta, x in rows.groupby("theta")[metric]}
        found = {name: over_searches(x) for name, x in values.items()}
        cells = [cell(found[c], digits=DIGITS[metric]) if c in found else "" for c in columns]
        print(f"| {name} | {' | '.join(cells)} |")


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Draw the value of every Θ under every condition, with intervals over searches."""
    from matplotlib.figure import Figure

    conditions, thetas = (list(frame[name].unique()) for name in ("condition", "theta"))
    figure = Figure(figsize=(6.4, 0.8 + 0.3 * len(conditions)), layout="constrained")
    axes = figure.subplots()
    for i, theta in enumerate(thetas):
        offset = 0.5 * ((i + 0.5) / len(thetas) - 0.5)
        groups = frame[frame["theta"] == theta].groupby("condition")[frame.columns[-1]]
        found = {name: over_searches(x.tolist()) for name, x in groups}
        y = [conditions.index(name) + offset for name in found]
        error = [(x.value - x.low, x.high - x.value) for x in found.values()]
        values = [x.value for x in found.values()]
        axes.errorbar(values, y, xerr=np.transpose(error), fmt="o", ms=4, lw=1, label=theta)
    axes.set_yticks(range(len(conditions)), conditions, fontsize=8)
    axes.invert_yaxis()
    labels = {"regret": "expected regret", "score": "score, 0 random and 1 optimal"}
    axes.set_xlabel(labels[frame.columns[-1]], fontsize=9)
    axes.grid(axis="x", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="TOML file of Θ and conditions")
    parser.add_argument("--sweeps", type=Path, required=True, help="folder of the sweeps")
    parser.add_argument("--table", type=Path, help="where to keep the mean of each search")
    parser.add_argument("--figure", type=Path, help="where to draw it")
    arguments = parser.parse_args()
    plan = tomllib.loads(arguments.file.read_text(encoding="utf-8"))
    frame = measured(plan, arguments.sweeps)
    if arguments.table:
        frame.to_parquet(arguments.table)
    if arguments.figure:
        draw(frame, arguments.figure)
    (print_differences if plan.get("compare", False) else print_matrix)(frame)


if __name__ == "__main__":
    main()
