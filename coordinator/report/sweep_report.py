"""The report of a sweep, from its folder: findings first, then what they rest on."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.comparison.findings.variants import VariantFinding
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import command_line, duration
from spikeloop.coordinator.report.comparison_figures import PLOTS
from spikeloop.coordinator.report.comparison_report import differences_table
from spikeloop.coordinator.report.page import (
    Block,
    Drawing,
    Folded,
    Page,
    Section,
    Table,
    Text,
    bounds,
    configuration,
    facts,
    number,
    reading,
    records,
    table_of,
)
from spikeloop.coordinator.report.run_report import versions
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.folder_kind import SWEEP_MANIFEST
from spikeloop.coordinator.store.result_files import RESULTS
from spikeloop.coordinator.sweep import results, session
from spikeloop.coordinator.sweep.settings_grid import value_at
from spikeloop.coordinator.sweep.sweep_config import SweepConfig


def sweep_page(config: SweepConfig, folder: Path) -> Page:
    """Build the report of a sweep; ConfigError if it is not finished."""
    if not (folder / results.MEASURED_SCORES).exists():
        raise ConfigError(
            f"{folder}: the sweep is not finished; continue it by: {command_line('resume', folder)}"
        )
    found = session.find(config, folder)
    runs = results.read(folder, RESULTS, results.RUN_COLUMNS)
    return Page(
        title=config.name,
        about=f"A sweep by Spikeloop: {len(config.settings)} settings, {len(config.seeds)} seeds "
        "each.",
        sections=[
            Section("findings", "Findings", list(_findings(config, found, runs))),
            Section("scores", "Scores of the settings", list(_scores(config, found))),
            Section("differences", "Differences to the baseline", list(_differences(found))),
            Section("search", "Score against episodes", list(_search(found))),
            Section("runs", "All runs", list(_runs(runs))),
            Section("sweep", "The sweep", list(_sweep(config, folder, runs))),
        ],
    )


def _findings(config: SweepConfig, found: Findings, runs: pd.DataFrame) -> Iterator[Block]:
    yield from (Text(sentence, "lead") for sentence in found.sentences)
    yield from (Text(caution, "note") for caution in found.cautions)
    tasks = runs["n_tasks"].max()
    yield Text(
        "Scores are those of the learned Θ"
        + (f" on {int(tasks)} tasks that no search has seen" if np.isfinite(tasks) else "")
        + " (0 by chance, 1 at the optimum). Runs with the same seed have the same random numbers, "
        f"so differences are taken seed by seed; {config.baseline} was declared as the baseline "
        "beforehand, or is the first setting."
    )


def scores_table(config: SweepConfig, found: Findings) -> Table:
    """Show each setting with its score."""
    tables = {setting.label: setting.config.tables() for setting in config.settings}

    def value_of(key: str) -> Callable[[VariantFinding], object]:
        return lambda setting: value_at(tables[setting.name], key)

    return table_of(
        "Held-out score of the learned Θ: mean over seeds with its 95 % interval (bootstrap over "
        "seeds), and interquartile mean (IQM)",
        found.variants,
        {
            "setting": lambda setting: setting.name,
            **{key: value_of(key) for key in config.keys},
            "runs": lambda setting: setting.n_runs,
            "failed": lambda setting: setting.n_failed,
            "mean": lambda setting: number(setting.mean.value),
            "95 % interval": lambda setting: bounds(setting.mean.low, setting.mean.high),
            "IQM": lambda setting: number(setting.iqm.value),
            "episodes a run": lambda setting: f"{setting.episodes / setting.n_runs:,.0f}",
        },
    )


def _scores(config: SweepConfig, found: Findings) -> Iterator[Block]:
    yield scores_table(config, found)
    if any(np.isfinite(setting.scores).any() for setting in found.variants):
        yield Drawing(
            PLOTS["scores"].figure(found),
            "Held-out scores at the end: small points are runs, one for each seed; large ones "
            "their interquartile mean with its 95 % interval.",
            "Scores of the settings: "
            + ", ".join(
                f"{setting.name} {number(setting.iqm.value)}" for setting in found.variants
            ),
        )


def _differences(found: Findings) -> Iterator[Block]:
    if any(comparison.n for comparison in found.comparisons):
        yield Drawing(
            PLOTS["differences"].figure(found),
            "Small points are differences on one seed, large ones their mean with its 95 % BCa "
            "interval; p after Holm's correction.",
            f"Differences of the settings to {found.baseline}.",
        )
    if found.comparisons:
        yield differences_table(found)


def _search(found: Findings) -> Iterator[Block]:
    if any(np.isfinite(setting.anytime.value).any() for setting in found.variants):
        yield Drawing(
            PLOTS["anytime"].figure(found),
            "Held-out score of the recommended point by episodes spent, as the interquartile mean "
            "over seeds; thin lines are single runs and bands 95 % intervals where they are drawn.",
            "Held-out scores during the searches.",
        )


def _runs(runs: pd.DataFrame) -> Iterator[Block]:
    failed = runs[runs["error"] != ""]
    if len(failed):
        rows = [(f"{row['setting']}, seed {row['seed']}", row["error"]) for row in records(failed)]
        yield Table("Runs that failed", ("run", "reason"), rows, "ll")
    yield Folded("All runs", [_runs_table(runs)])


def _runs_table(runs: pd.DataFrame) -> Table:
    columns: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
        "setting": lambda row: row["setting"],
        "seed": lambda row: row["seed"],
        "score": lambda row: number(row["score"]),
        "95 % interval": lambda row: bounds(row["score_low"], row["score_high"]),
        "default Θ": lambda row: number(row["default"]),
        "random Θ": lambda row: number(row["random"]),
        "generations": lambda row: row["generations"],
        "episodes": lambda row: f"{row['episodes']:,}",
        "failed": lambda row: f"{row['failed_episodes']:,}",
        "time": lambda row: duration(row["wall_s"]),
    }
    return table_of(
        "Every run, with the interval of its own score over held-out tasks; times are long where "
        "several runs shared the workers",
        records(runs.sort_values(["setting", "seed"])),
        columns,
    )


def _sweep(config: SweepConfig, folder: Path, runs: pd.DataFrame) -> Iterator[Block]:
    manifest: dict[str, Any] = atomic_files.read_json(folder / SWEEP_MANIFEST)
    yield facts(
        "Size and seeds",
        {
            "runs": len(runs),
            "varied": ", ".join(config.keys),
            "seeds": ", ".join(map(str, config.seeds)),
            "baseline": config.baseline,
            "episodes of all searches": f"{int(runs['episodes'].sum()):,}",
            "begun": manifest.get("created", ""),
        },
    )
    yield facts("What made the numbers", versions(manifest))
    yield Text("Every number above follows from the files of the folder.")
    yield reading(
        [
            f'results = pd.read_parquet("{folder.name}/{RESULTS}")',
            f'measured = pd.read_parquet("{folder.name}/{results.MEASURED_SCORES}")',
        ]
    )
    yield Folded(
        f"Configuration of the first setting, {config.settings[0].label}",
        [configuration(config.first.tables())],
    )
