"""The final phase: every variant searches with the same fresh seeds, then its point is scored.

Variants are the strategies as given, and with the settings of their best trial. Search k of all of
them has the same run seed: in each generation the same tasks and seeds, and in the end the same
held-out tasks. None of these seeds was used for tuning.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.comparison import studies, variant_search
from spikeloop.coordinator.comparison.comparison import OpenComparison
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.search.measured_scores import measured_scores
from spikeloop.coordinator.search.tables import episodes_table
from spikeloop.coordinator.stats.scores import Bootstrap, Sample
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.result_files import FINAL
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.seeding import Purpose, TaskSet, stream


@dataclass(frozen=True)
class Variant:
    """A strategy with settings.

    Attributes:
        name: in all tables.
        strategy: the name of the table that it comes from.
        settings: "default" if nothing but the kind was given, "given", or "tuned".
        searcher: the strategy.
    """

    name: str
    strategy: str
    settings: str
    searcher: Any


def check(config: ComparisonConfig) -> None:
    """Raise ConfigError if a strategy as given cannot search this space within the budget."""
    settings = config.comparison
    for name, given in config.given.items():
        try:
            variant_search.plan(
                given, given.strategy, 0, settings.budget, settings.measurements, name
            )
        except (variant_search.Refused, ValueError) as error:
            raise ConfigError(f"[strategies.{name}] {error}") from error


def variants(
    config: ComparisonConfig, tuned: Mapping[str, Mapping[str, Any] | None]
) -> list[Variant]:
    """List the variants, those as given first.

    A tuned one has the settings of its best trial; a strategy without such a trial has none.
    """
    found = [
        Variant(name, name, "default" if _default(run.strategy) else "given", run.strategy)
        for name, run in config.given.items()
    ]
    for name, settings in tuned.items():
        if settings is not None:
            searcher = variant_search.with_settings(config, name, settings)
            found.append(Variant(f"{name}_tuned", name, "tuned", searcher))
    return found


def _default(strategy: Any) -> bool:
    """Tell whether a strategy has only default settings; a user's own class may require some."""
    try:
        return bool(strategy == type(strategy)())
    except ValueError:
        return False


def run_final(comparison: OpenComparison, compared: list[Variant]) -> None:
    """Run the searches that have no score yet, seed by seed for all variants."""
    config, folder = comparison.config, comparison.folder
    seeds = studies.run_seeds(config, studies.FINAL, config.comparison.seeds)
    for number, seed in enumerate(seeds):
        for variant in compared:
            path = _path(folder, variant, number)
            if not path.exists():
                atomic_files.make_folder(path.parent)
                same = _same_search(compared, variant, number, folder)
                row = same or _search(comparison, variant, number, seed)
                atomic_files.write_json(path, row)
                comparison.reporter.result(row)


def rows(folder: Path) -> list[dict[str, Any]]:
    """Read one row for each search that has been scored, ordered by seed.

    Raises:
        ConfigError: a row, or the held-out episodes that it sums up, are damaged.
    """
    found = [read(path) for path in sorted((folder / FINAL).glob("*/*.json"))]
    return sorted(found, key=lambda row: (row["seed_index"], row["variant"]))


def read(path: Path) -> dict[str, Any]:
    """Read a row; ConfigError if it, or the held-out episodes beside it, are damaged."""
    try:
        row = atomic_files.read_json(path)
        if (row["variant"], row["seed_index"]) != (path.parent.name, int(path.stem)):
            raise ConfigError(f"{path}: damaged: it is of {row['variant']}, {row['seed_index']}")
        if row["generations"]:
            episodes = path.with_suffix(".parquet")
            checksum = atomic_files.digest(episodes)
            if row.get("held_out_checksum", checksum) != checksum:
                raise ConfigError(
                    f"{episodes}: damaged: it is not what {path.name} was scored from"
                )
    except ConfigError as error:
        raise ConfigError(
            f"{error}; remove {path} and resume: the search is scored again, to the same numbers"
        ) from error
    return row


def _path(folder: Path, variant: Variant, number: int) -> Path:
    return folder / FINAL / variant.name / f"{number:06d}.json"


def _same_search(
    compared: list[Variant], variant: Variant, number: int, folder: Path
) -> dict[str, Any] | None:
    """The row of an earlier variant with the same settings, whose search this would repeat.

    This happens where tuning finds nothing better than the settings as given.
    """
    for other in compared:
        if other is variant:
            return None
        if (other.strategy, other.searcher) == (variant.strategy, variant.searcher):
            source = _path(folder, other, number)
            episodes = source.with_suffix(".parquet")
            if episodes.exists():
                atomic_files.write_bytes(
                    _path(folder, variant, number).with_suffix(".parquet"),
                    atomic_files.read(episodes, bytes),
                )
            own = {"variant": variant.name, "settings": variant.settings}
            return {**read(source), **own, "same_as": other.name, "wall_s": 0.0}
    return None


def _search(comparison: OpenComparison, variant: Variant, number: int, seed: int) -> dict[str, Any]:
    """Run a search and score it on held-out tasks; a failed one has a reason and no score."""
    config, settings = comparison.config, comparison.config.comparison
    run_folder = comparison.folder / "runs" / variant.name / f"{number:06d}"
    row: dict[str, Any] = {
        "variant": variant.name,
        "strategy": variant.strategy,
        "settings": variant.settings,
        "seed_index": number,
        "run_seed": seed,
        "same_as": "",
    }
    started = time.perf_counter()
    try:
        plan = variant_search.plan(
            config.given[variant.strategy],
            variant.searcher,
            seed,
            settings.budget,
            settings.measurements,
            f"{variant.name}-{number}",
        )
        n_tasks = plan.transfer.tasks
        found = variant_search.run(comparison, plan, run_folder, n_tasks, TaskSet.TRANSFER)
    except (variant_search.Refused, RunFailed) as error:
        store = RunStore(run_folder)
        done = store.rows(["n_episodes", "n_failed"])
        return {
            **row,
            **_NOTHING,
            "episodes": sum(generation["n_episodes"] for generation in done),
            "failed_episodes": sum(generation["n_failed"] for generation in done),
            "anytime": list(measured_scores(store)) if done else [],
            "error": str(error),
        }
    tested = found.held_out
    episodes_path = _path(comparison.folder, variant, number).with_suffix(".parquet")
    atomic_files.write_parquet(episodes_path, episodes_table(tested, 0))
    scored, reason = _NOTHING, ""
    if np.isfinite(tested.fitness(plan.run.max_failed_share)[0]):
        rng = stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, plan.transfer.seed)
        estimate = Bootstrap.over(n_tasks, rng).estimate(Sample(tested.gain, tested.span))
        scored = {
            "score": estimate.value,
            "score_low": _finite(estimate.low),
            "score_high": _finite(estimate.high),
            "n_tasks": estimate.n,
        }
    else:  # a search whose point fails on hard tasks would be scored on easy ones only
        reason = f"{tested.n_failed} of {n_tasks} held-out episodes failed"
    return {
        **row,
        **scored,
        "held_out_checksum": atomic_files.digest(episodes_path),
        "failed_held_out": tested.n_failed,
        "episodes": found.episodes,
        "failed_episodes": found.failed_episodes,
        "generations": plan.run.generations,
        "error": reason,
        "anytime": list(measured_scores(found.store)),
        "wall_s": time.perf_counter() - started,
    }


_NOTHING: Mapping[str, Any] = {
    "score": None,
    "score_low": None,
    "score_high": None,
    "n_tasks": 0,
    "failed_held_out": 0,
    "generations": 0,
    "anytime": [],
    "wall_s": 0.0,
}
"""Columns of a search without a score."""


def _finite(value: float) -> float | None:
    """A number as JSON has it; None for nan."""
    return float(value) if np.isfinite(value) else None
