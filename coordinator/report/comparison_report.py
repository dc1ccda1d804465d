"""The report of a comparison, from its folder: findings first, then what they rest on."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeloop.coordinator.comparison import result_tables, session
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.comparison.findings.variants import VariantFinding
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import command_line, duration
from spikeloop.coordinator.report import parameter_traces
from spikeloop.coordinator.report.comparison_figures import comparison_figures
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
    signed,
    table_of,
)
from spikeloop.coordinator.report.run_figures import frame
from spikeloop.coordinator.report.run_report import versions
from spikeloop.coordinator.report.tuning_report import tuning_blocks
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.folder_kind import COMPARISON_MANIFEST, is_run
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore

CAPTIONS = {
    "anytime": "Held-out score of the recommended point by episodes spent, as the interquartile "
    "mean over seeds; thin lines are single searches and bands 95 % intervals where they are drawn."
    " Lines end at the budget.",
    "anytime_by_strategy": "The same, strategy by strategy, with pointwise 95 % bands over seeds "
    "and single searches as thin lines; the baseline in grey.",
    "scores": "Final held-out scores: small points are searches, one for each seed; large ones "
    "their interquartile mean with its 95 % interval.",
    "differences": "Planned comparisons: small points are differences on one seed, large ones "
    "their mean with its 95 % BCa interval; p after Holm's correction.",
    "profile": "Performance profile: the share of searches that score at least τ, with pointwise "
    "95 % bands over seeds. Higher is better.",
}


def comparison_page(config: ComparisonConfig, folder: Path) -> Page:
    """Build the report of a comparison; ConfigError if it is not finished."""
    if not (folder / "results.parquet").exists():
        raise ConfigError(
            f"{folder}: the comparison is not finished; continue it by: "
            f"{command_line('resume', folder)}"
        )
    found = session.find(config, folder)
    trials, results = (result_tables.read(folder, name) for name in ("trials", "results"))
    drawn = {
        name: Drawing(figure, CAPTIONS[name], _about(name, found))
        for name, figure in comparison_figures(found)
    }
    seeds = config.comparison.seeds
    return Page(
        title=config.comparison.name,
        about=f"A comparison by Spikeloop: {len(found.variants)} variants, {seeds} seeds each, "
        f"{found.budget:,} episodes a search.",
        sections=[
            Section("findings", "Findings", list(_findings(config, found, results))),
            Section("scores", "Final scores", list(_scores(found, results, drawn))),
            Section("differences", "Planned comparisons", list(_differences(found, drawn))),
            Section(
                "anytime",
                "Score against episodes",
                [drawn[name] for name in ("anytime", "anytime_by_strategy") if name in drawn],
            ),
            Section("tuning", "Tuning", list(tuning_blocks(config, trials))),
            Section("where", "Where searches went", list(_where(folder, found))),
            Section("failures", "Failures", list(_failures(results, trials))),
            Section("run", "The comparison", list(_comparison(config, folder, results, trials))),
        ],
    )


def _findings(config: ComparisonConfig, found: Findings, results: pd.DataFrame) -> Iterator[Block]:
    yield from (Text(sentence, "lead") for sentence in found.sentences)
    yield from (Text(caution, "note") for caution in found.cautions)
    tasks = int(results["n_tasks"].max())
    yield Text(
        "Declared beforehand: the primary metric is the held-out score of the recommended point "
        f"after {found.budget:,} episodes of search, on {tasks} tasks that no search has seen "
        f"(0 by chance, 1 at the optimum); {found.baseline} is the baseline. All variants "
        f"search with the same {config.comparison.seeds} seeds, none of which was used for tuning, "
        "so differences are taken seed by seed."
    )


def _scores(
    found: Findings, results: pd.DataFrame, drawn: Mapping[str, Drawing]
) -> Iterator[Block]:
    columns: dict[str, Callable[[VariantFinding], object]] = {
        "variant": lambda variant: variant.name,
        "settings": lambda variant: variant.settings,
        "searches": lambda variant: variant.n_runs,
        "failed": lambda variant: variant.n_failed,
        "IQM": lambda variant: number(variant.iqm.value),
        "95 % interval": lambda variant: bounds(variant.iqm.low, variant.iqm.high),
        "mean": lambda variant: number(variant.mean.value),
        "area": lambda variant: number(variant.area.value),
    }
    caption = (
        f"Held-out score after {found.budget:,} episodes: interquartile mean (IQM) over seeds with "
        "its 95 % interval, mean, and mean over the whole search (area)"
    )
    if found.target is not None:
        columns |= {"reached it": _reached, "median episodes": _median_episodes}
        caption += f"; episodes to a score of {found.target:g}"
    yield table_of(caption, found.variants, columns, "ll" + "r" * (len(columns) - 2))
    yield from (drawn[name] for name in ("scores", "profile") if name in drawn)
    yield Folded("All searches", [_results_table(results)])


def _reached(variant: VariantFinding) -> str:
    attained = variant.attainment
    return "" if attained is None else f"{attained.n_reached} of {attained.n}"


def _median_episodes(variant: VariantFinding) -> str:
    if variant.attainment is None:
        return ""
    median = variant.attainment.median.value
    return f"{median:,.0f}" if median < np.inf else "-"


def _results_table(results: pd.DataFrame) -> Table:
    return table_of(
        "Every search of the final phase, with the interval of its own score over held-out tasks",
        records(results.sort_values(["variant", "seed_index"])),
        {
            "variant": lambda row: row["variant"],
            "seed": lambda row: row["seed_index"],
            "run seed": lambda row: row["run_seed"],
            "score": lambda row: number(row["score"]),
            "95 % interval": lambda row: bounds(row["score_low"], row["score_high"]),
            "episodes": lambda row: f"{row['episodes']:,}",
            "failed": lambda row: f"{row['failed_episodes']:,}",
            "time": lambda row: duration(row["wall_s"]),
        },
    )


def _differences(found: Findings, drawn: Mapping[str, Drawing]) -> Iterator[Block]:
    if "differences" in drawn:
        yield drawn["differences"]
    yield differences_table(found)


def differences_table(found: Findings) -> Table:
    """Show the planned comparisons with their tests."""
    return table_of(
        "Mean difference of held-out scores, paired by seed, with its 95 % BCa interval; exact "
        "Wilcoxon signed-rank test, p corrected by Holm over all rows; effect is the rank-biserial "
        "correlation; detectable is the difference that this test finds four times in five",
        found.comparisons,
        {
            "comparison": lambda c: f"{c.variant}\u00a0− {c.other}",
            "n": lambda c: c.n,
            "difference": lambda c: signed(c.difference.value),
            "95 % interval": lambda c: bounds(c.difference.low, c.difference.high, signed),
            "p": lambda c: f"{c.test.p:.3g}",
            "p (Holm)": lambda c: f"{c.p_holm:.3g}",
            "effect": lambda c: f"{c.test.effect:+.2f}",
            "P(higher)": lambda c: f"{c.improvement.value:.2f}",
            "detectable": lambda c: number(c.detectable),
            "verdict": lambda c: c.verdict,
        },
        "l" + "r" * 8 + "l",
    )


def _where(folder: Path, found: Findings) -> Iterator[Block]:
    """Show the search with the median score of each variant, as an example."""
    for variant in found.variants:
        finished = np.flatnonzero(np.isfinite(variant.scores))
        if not finished.size:
            continue
        order = finished[np.argsort(variant.scores[finished], kind="stable")]
        example = int(order[(len(order) - 1) // 2])
        path = folder / "runs" / variant.name / f"{variant.seeds[example]:06d}"
        if not is_run(path):
            continue
        run = read_run(RunStore.open(path))
        candidates = frame(run.store, "candidates")
        recommended = parameter_traces.recommended_values(run)
        figure = parameter_traces.traces_figure(candidates, recommended, run.config.space)
        if figure is not None:
            score = variant.scores[example]
            yield Folded(
                f"{variant.name}, seed {variant.seeds[example]}, score {score:.3f}",
                [
                    Drawing(
                        figure,
                        "The population in each generation, in physical units; the vertical axis "
                        f"is the whole range of a parameter. {path.relative_to(folder)} is the "
                        "search with the median score.",
                        f"Hyperparameters over the generations of a search by {variant.name}.",
                    )
                ],
            )


def _failures(results: pd.DataFrame, trials: pd.DataFrame) -> Iterator[Block]:
    failed = results[~np.isfinite(results["score"])]
    rows = [
        (f"{row['variant']}, seed {row['seed_index']}", str(row.get("error", "") or "no score"))
        for row in records(failed)
    ]
    rows += [
        (f"{row['strategy']}, trial {row['trial']}", str(row.get("reason", "") or "no value"))
        for row in records(trials[trials["state"] == "failed"])
    ]
    if rows:
        yield Table("Searches and trials that failed", ("which", "reason"), rows, "ll")
    results = results[results["same_as"] == ""]
    n_episodes, n_failed = int(results["episodes"].sum()), int(results["failed_episodes"].sum())
    yield Text(
        f"{n_failed:,} of {n_episodes:,} episodes of the final phase failed."
        + ("" if rows else " No search and no trial failed.")
    )


def _comparison(
    config: ComparisonConfig, folder: Path, results: pd.DataFrame, trials: pd.DataFrame
) -> Iterator[Block]:
    manifest: dict[str, Any] = atomic_files.read_json(folder / COMPARISON_MANIFEST)
    tables = config.tables()
    results = results[results["same_as"] == ""]
    n_episodes, n_tuning = int(results["episodes"].sum()), int(trials["episodes"].sum())
    yield Text(
        f"Budget: every variant searches {config.comparison.seeds} times with "
        f"{config.comparison.budget:,} episodes, failed ones included. The final phase spent "
        f"{n_episodes:,} episodes in {len(results)} searches, tuning {n_tuning:,} in {len(trials)} "
        "trials; held-out scores come on top and are not counted."
    )
    yield facts(
        "Size and seeds",
        {
            "task family": tables["family"]["kind"],
            "learner": tables["learner"]["kind"],
            "strategies": ", ".join(config.given),
            "tuned": ", ".join(config.tuned) or "none",
            "seed of the comparison": config.comparison.seed,
            "time of the searches of the final phase": duration(float(results["wall_s"].sum())),
            "begun": manifest.get("created", ""),
        },
    )
    yield facts("What made the numbers", versions(manifest))
    yield Text("Every number above follows from the files of the folder.")
    names = ("results", "anytime", "trials")
    lines = [f'{name} = pd.read_parquet("{folder.name}/{name}.parquet")' for name in names]
    yield reading(lines)
    yield configuration(tables)


def _about(name: str, found: Findings) -> str:
    """Describe a figure for readers who do not see it."""
    iqm = ", ".join(f"{variant.name} {number(variant.iqm.value)}" for variant in found.variants)
    return {
        "differences": "Differences of the planned comparisons: "
        + ", ".join(
            f"{c.variant} minus {c.other} {signed(c.difference.value)}" for c in found.comparisons
        ),
        "scores": f"Interquartile means of the final scores: {iqm}.",
    }.get(name, f"{CAPTIONS[name]} At the end of the budget: {iqm}.")
