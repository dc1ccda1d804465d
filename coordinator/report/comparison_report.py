"""The report of a comparison, from its folder: findings first, then what they rest on."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeloop.coordinator.comparison import result_tables, session
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.comparison.findings.variants import ArmFinding
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import duration
from spikeloop.coordinator.report import figures, parameter_traces
from spikeloop.coordinator.report.comparison_figures import comparison_figures
from spikeloop.coordinator.report.page import (
    Block,
    Code,
    Drawing,
    Folded,
    Page,
    Section,
    Table,
    Text,
    facts,
    number,
    records,
    signed,
    toml,
)
from spikeloop.coordinator.report.run_report import frame, versions
from spikeloop.coordinator.report.tuning_report import tuning_blocks
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.manifest import read_config
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.trust import again

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


def comparison_page(folder: Path, trust: bool = False) -> Page:
    """Everything that is known of a comparison; own classes are loaded as by ``read_config``."""
    config = session.read_config(folder, trust)
    if not (folder / "results.parquet").exists():
        raise ConfigError(
            f"{folder}: the comparison is not finished; go on with: {again('resume', folder)}"
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
        about=f"A comparison by Spikeloop: {len(found.arms)} contestants, {seeds} seeds each, "
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
        f"(0 by chance, 1 at the optimum); {found.baseline} is the baseline. All contestants "
        f"search with the same {config.comparison.seeds} seeds, none of which was used for tuning, "
        "so differences are taken seed by seed."
    )


def _scores(
    found: Findings, results: pd.DataFrame, drawn: Mapping[str, Drawing]
) -> Iterator[Block]:
    head = ["contestant", "settings", "searches", "failed", "IQM", "95 % interval", "mean", "area"]
    targeted = found.target is not None
    yield Table(
        f"Held-out score after {found.budget:,} episodes: interquartile mean (IQM) over seeds with "
        "its 95 % interval, mean, and mean over the whole search (area)"
        + (f"; episodes to a score of {found.target:g}" if targeted else ""),
        [*head, *(("reached it", "median episodes") if targeted else ())],
        [[*_arm_cells(arm), *(_target_cells(arm) if targeted else ())] for arm in found.arms],
        "ll" + "r" * (6 + 2 * targeted),
    )
    yield from (drawn[name] for name in ("scores", "profile") if name in drawn)
    yield Folded("All searches", [_results_table(results)])


def _arm_cells(arm: ArmFinding) -> list[str]:
    iqm = arm.iqm
    return [
        arm.arm,
        arm.settings,
        str(arm.n_runs),
        str(arm.n_failed),
        number(iqm.value),
        f"[{number(iqm.low)}, {number(iqm.high)}]",
        number(arm.mean.value),
        number(arm.area.value),
    ]


def _target_cells(arm: ArmFinding) -> list[str]:
    attained = arm.attainment
    if attained is None:
        return ["", ""]
    median = attained.median.value
    return [f"{attained.n_reached} of {attained.n}", f"{median:,.0f}" if median < np.inf else "-"]


def _results_table(results: pd.DataFrame) -> Table:
    return Table(
        "Every search of the contest, with the interval of its own score over held-out tasks",
        ("contestant", "seed", "run seed", "score", "95 % interval", "episodes", "failed", "time"),
        [
            (
                row["arm"],
                str(row["seed_index"]),
                str(row["run_seed"]),
                number(row["score"]),
                f"[{number(row['score_low'])}, {number(row['score_high'])}]",
                f"{row['episodes']:,}",
                f"{row['failed_episodes']:,}",
                duration(row["wall_s"]),
            )
            for row in records(results.sort_values(["arm", "seed_index"]))
        ],
    )


def _differences(found: Findings, drawn: Mapping[str, Drawing]) -> Iterator[Block]:
    if "differences" in drawn:
        yield drawn["differences"]
    yield Table(
        "Mean difference of held-out scores, paired by seed, with its 95 % BCa interval; exact "
        "Wilcoxon signed-rank test, p corrected by Holm over all rows; effect is the rank-biserial "
        "correlation; detectable is the difference that this test finds four times in five",
        (
            "comparison",
            "n",
            "difference",
            "95 % interval",
            "p",
            "p (Holm)",
            "effect",
            "P(higher)",
            "detectable",
            "verdict",
        ),
        [
            (
                f"{c.arm}\u00a0− {c.other}",
                str(c.n),
                signed(c.difference.value),
                f"[{signed(c.difference.low)}, {signed(c.difference.high)}]",
                f"{c.test.p:.3g}",
                f"{c.p_holm:.3g}",
                f"{c.test.effect:+.2f}",
                f"{c.improvement.value:.2f}",
                number(c.detectable),
                c.verdict,
            )
            for c in found.comparisons
        ],
        "l" + "r" * 8 + "l",
    )


def _where(folder: Path, found: Findings) -> Iterator[Block]:
    """The search of median score of each arm, as an example."""
    for arm in found.arms:
        finished = np.flatnonzero(np.isfinite(arm.scores))
        if not finished.size:
            continue
        order = finished[np.argsort(arm.scores[finished], kind="stable")]
        example = int(order[(len(order) - 1) // 2])
        path = folder / "runs" / arm.arm / f"{arm.seeds[example]:06d}"
        if not (path / "run.json").exists():
            continue
        store = RunStore.open(path)
        config = read_config(store)
        figure = figures.new()
        recommended = parameter_traces.recommended_values(store, config)
        if parameter_traces.draw_traces(
            figure, frame(store, "candidates"), recommended, config.space
        ):
            score = arm.scores[example]
            yield Folded(
                f"{arm.arm}, seed {arm.seeds[example]}, score {score:.3f}",
                [
                    Drawing(
                        figure,
                        "The population in each generation, in physical units; the vertical axis "
                        f"is the whole range of a parameter. {path.relative_to(folder)} is the "
                        "search with the median score.",
                        f"Hyperparameters over the generations of a search by {arm.arm}.",
                    )
                ],
            )


def _failures(results: pd.DataFrame, trials: pd.DataFrame) -> Iterator[Block]:
    failed = results[~np.isfinite(results["score"])]
    rows = [
        (f"{row['arm']}, seed {row['seed_index']}", str(row.get("error", "") or "no score"))
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
        f"{n_failed:,} of {n_episodes:,} episodes of the contest failed."
        + ("" if rows else " No search and no trial failed.")
    )


def _comparison(
    config: ComparisonConfig, folder: Path, results: pd.DataFrame, trials: pd.DataFrame
) -> Iterator[Block]:
    manifest: dict[str, Any] = atomic_files.read_json(folder / "comparison.json")
    tables = config.tables()
    results = results[results["same_as"] == ""]
    n_episodes, n_tuning = int(results["episodes"].sum()), int(trials["episodes"].sum())
    yield Text(
        f"Budget: every contestant searches {config.comparison.seeds} times with "
        f"{config.comparison.budget:,} episodes, failed ones included. The contest spent "
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
            "time of the contest's searches": duration(float(results["wall_s"].sum())),
            "begun": manifest.get("created", ""),
        },
    )
    yield facts("What made the numbers", versions(manifest))
    yield Text("Every number above follows from the files of the folder.")
    names = ("results", "anytime", "trials")
    lines = [f'{name} = pd.read_parquet("{folder.name}/{name}.parquet")' for name in names]
    yield Code("\n".join(("import pandas as pd", "", *lines)))
    yield Folded("Configuration as resolved", [Code(toml(tables))])


def _about(name: str, found: Findings) -> str:
    """What a figure shows, in words, for readers who do not see it."""
    iqm = ", ".join(f"{arm.arm} {number(arm.iqm.value)}" for arm in found.arms)
    return {
        "differences": "Differences of the planned comparisons: "
        + ", ".join(
            f"{c.arm} minus {c.other} {signed(c.difference.value)}" for c in found.comparisons
        ),
        "scores": f"Interquartile means of the final scores: {iqm}.",
    }.get(name, f"{CAPTIONS[name]} At the end of the budget: {iqm}.")
