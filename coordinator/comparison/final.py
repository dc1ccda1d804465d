"""The contest: every contestant searches with the same fresh seeds, then its point is scored.

Contestants are the strategies as given, and with the settings of their best trial. Search k of all
of them has the same run seed: generation for generation the same tasks and episode seeds, and in
the end the same held-out tasks. None of these seeds was used for tuning.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.comparison import variant_search as searches
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.comparison.studies import CONTEST, run_seeds
from spikeloop.coordinator.comparison.tuning import Tuned
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.search import rows as tables
from spikeloop.coordinator.search.reporter import Reporter
from spikeloop.coordinator.stats.scores import Bootstrap, Sample, score
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.seeding import Purpose, TaskSet, stream


class ContestReporter(Reporter, Protocol):
    """A reporter that is also told of the contest's searches."""

    def result(self, row: Mapping[str, Any]) -> None:
        """A search of the contest has been scored."""
        ...


@dataclass(frozen=True)
class Contestant:
    """A strategy with settings.

    Attributes:
        arm: its name in all tables.
        strategy: the name of the table it comes from.
        settings: "default" if nothing but the kind was given, "given", or "tuned".
        searcher: the strategy.
    """

    arm: str
    strategy: str
    settings: str
    searcher: Any


def check(config: ComparisonConfig) -> None:
    """ConfigError if a strategy as given cannot search this space within the budget."""
    settings = config.comparison
    for name, given in config.given.items():
        try:
            searches.plan(given, given.strategy, 0, settings.budget, settings.measurements, name)
        except (searches.Refused, ValueError) as error:
            raise ConfigError(f"[strategies.{name}] {error}") from error


def contestants(
    config: ComparisonConfig, tuned: Mapping[str, Tuned | None]
) -> Iterator[Contestant]:
    """All contestants; a strategy whose every trial failed has no tuned one."""
    for name, run in config.given.items():
        yield Contestant(name, name, "default" if _default(run.strategy) else "given", run.strategy)
    for name, best in tuned.items():
        if best is not None:
            searcher = searches.with_settings(config, name, best.settings)
            yield Contestant(f"{name}_tuned", name, "tuned", searcher)


def _default(strategy: Any) -> bool:
    """Whether a strategy has nothing but default settings; a user's own may need some."""
    try:
        return bool(strategy == type(strategy)())
    except ValueError:
        return False


def hold(
    config: ComparisonConfig,
    entrants: list[Contestant],
    folder: Path,
    pool: WorkerPool,
    reporter: ContestReporter,
) -> None:
    """Holds whatever part of the contest has not been held yet; seed by seed, for all."""
    for number, seed in enumerate(run_seeds(config, CONTEST, config.comparison.seeds)):
        for contestant in entrants:
            path = _path(folder, contestant, number)
            if not path.exists():
                atomic_files.make_folder(path.parent)
                row = _taken_over(entrants, contestant, number, folder) or _search(
                    config, contestant, number, seed, folder, pool, reporter
                )
                atomic_files.write_json(path, row)
                reporter.result(row)


def rows(folder: Path) -> list[dict[str, Any]]:
    """One row for each search of the contest that has been scored, seed by seed.

    Raises:
        ConfigError: a row, or the held-out episodes that it sums up, are damaged.
    """
    found = [read(path) for path in sorted((folder / "contest").glob("*/*.json"))]
    return sorted(found, key=lambda row: (row["seed_index"], row["arm"]))


def read(path: Path) -> dict[str, Any]:
    """The row in a file; ConfigError if it, or the held-out episodes beside it, are damaged."""
    try:
        row = atomic_files.read_json(path)
        if (row["arm"], row["seed_index"]) != (path.parent.name, int(path.stem)):
            raise ConfigError(f"{path}: damaged: it is of {row['arm']}, {row['seed_index']}")
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


def _path(folder: Path, contestant: Contestant, number: int) -> Path:
    return folder / "contest" / contestant.arm / f"{number:06d}.json"


def _taken_over(
    entrants: list[Contestant], contestant: Contestant, number: int, folder: Path
) -> dict[str, Any] | None:
    """The row of an earlier contestant with the very same settings, whose search this would repeat.

    It happens where tuning finds nothing better than the settings as given.
    """
    for other in entrants:
        if other is contestant:
            return None
        if (other.strategy, other.searcher) == (contestant.strategy, contestant.searcher):
            source = _path(folder, other, number)
            episodes = source.with_suffix(".parquet")
            if episodes.exists():
                atomic_files.write_bytes(
                    _path(folder, contestant, number).with_suffix(".parquet"),
                    atomic_files.read(episodes, bytes),
                )
            row = read(source)
            own = {"arm": contestant.arm, "settings": contestant.settings}
            return {**row, **own, "same_as": other.arm, "wall_s": 0.0}
    return None


def _search(
    config: ComparisonConfig,
    contestant: Contestant,
    number: int,
    seed: int,
    folder: Path,
    pool: WorkerPool,
    reporter: Reporter,
) -> dict[str, Any]:
    """One search with its score on held-out tasks; a failed one has a reason and no score."""
    comparison = config.comparison
    run_folder = folder / "runs" / contestant.arm / f"{number:06d}"
    name = f"{contestant.arm}-{number}"
    row: dict[str, Any] = {
        "arm": contestant.arm,
        "strategy": contestant.strategy,
        "settings": contestant.settings,
        "seed_index": number,
        "run_seed": seed,
        "same_as": "",
    }
    started = time.perf_counter()
    try:
        plan = searches.plan(
            config.given[contestant.strategy],
            contestant.searcher,
            seed,
            comparison.budget,
            comparison.measurements,
            name,
        )
        found = searches.run(plan, run_folder, pool, reporter)
    except (searches.Refused, RunFailed) as error:
        done = RunStore(run_folder).rows()
        counts = {
            "episodes": sum(generation["n_episodes"] for generation in done),
            "failed_episodes": sum(generation["n_failed"] for generation in done),
        }
        anytime = list(_anytime(RunStore(run_folder))) if done else []
        return {**row, **_NOTHING, **counts, "anytime": anytime, "error": str(error)}
    settings = plan.transfer
    episodes_done = searches.held_out(found, pool, settings.tasks, TaskSet.TRANSFER, reporter)
    episodes_path = _path(folder, contestant, number).with_suffix(".parquet")
    atomic_files.write_parquet(episodes_path, tables.episodes_table(episodes_done, 0))
    rng = stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, settings.seed)
    estimate = Bootstrap.over(settings.tasks, rng).estimate(
        Sample(episodes_done.gain, episodes_done.span)
    )
    scored, reason = _NOTHING, ""
    if np.isfinite(episodes_done.fitness(plan.run.max_failed_share)[0]):
        scored = {
            "score": estimate.value,
            "score_low": _plain(estimate.low),
            "score_high": _plain(estimate.high),
            "n_tasks": estimate.n_tasks,
        }
    else:  # by failing on hard tasks it would be scored on easy ones
        reason = f"{episodes_done.n_failed} of {settings.tasks} held-out episodes failed"
    return {
        **row,
        **scored,
        "held_out_checksum": atomic_files.digest(episodes_path),
        "failed_held_out": episodes_done.n_failed,
        "episodes": found.episodes,
        "failed_episodes": found.failed_episodes,
        "generations": plan.run.generations,
        "error": reason,
        "anytime": list(_anytime(found.store)),
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


def _anytime(store: RunStore) -> Iterator[list[float | int | None]]:
    """(generation, episodes so far, held-out score) wherever it was measured while searching."""
    curves, generations = store.table("curves"), store.table("generations")
    if curves is None or generations is None:
        return
    columns = (generations[name].to_pylist() for name in ("generation", "total_episodes"))
    episodes = dict(zip(*columns, strict=True))
    frame = curves.select(["generation", "return", "random", "optimal", "status"]).to_pandas()
    frame = frame[frame["status"] == "ok"]
    gain = (frame["return"] - frame["random"]).groupby(frame["generation"]).sum()
    span = (frame["optimal"] - frame["random"]).groupby(frame["generation"]).sum()
    scores = score(gain.to_numpy(), span.to_numpy())
    for generation, value in zip(gain.index, scores, strict=True):
        yield [int(generation), episodes.get(int(generation), 0), _plain(float(value))]


def _plain(value: float) -> float | None:
    """A number as JSON has it."""
    return float(value) if np.isfinite(value) else None
