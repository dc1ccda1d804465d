"""One search of a comparison: a run with a folder of its own, on a pool that is already open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spikeloop.coordinator.comparison.comparison import OpenComparison
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search.deployment import deploy, race_size
from spikeloop.coordinator.search.evaluation import GridEpisodes, evaluate_grid, grid_of
from spikeloop.coordinator.search.loop import search
from spikeloop.coordinator.search.reporter import GenerationReport, Reporter
from spikeloop.coordinator.search.search_size import generation_episodes, max_generations
from spikeloop.coordinator.store import manifest
from spikeloop.coordinator.store.folder_kind import is_run
from spikeloop.coordinator.store.integrity import examine, refuse
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.job import cut
from spikeloop.workers.seeding import TaskSet


class Refused(ConfigError):
    """Settings with which a search cannot begin: it counts as failed, and others go on.

    Other errors, such as a folder that cannot be written, end the comparison, which can be resumed
    once the cause is removed.
    """


@dataclass(frozen=True)
class Search:
    """A finished search and the held-out episodes of its point.

    Attributes:
        store: the run folder.
        episodes: episodes of the search and of the race of finalists, failed ones included.
        failed_episodes: episodes of the search that failed.
        held_out: episodes of the point to deploy on tasks that the search has not seen.
    """

    store: RunStore
    episodes: int
    failed_episodes: int
    held_out: GridEpisodes


def with_settings(config: ComparisonConfig, strategy: str, settings: Mapping[str, Any]) -> Any:
    """Replace some settings of a strategy; Refused if they contradict the others."""
    given = config.given[strategy].strategy
    kind: Any = type(given)
    try:
        return kind.model_validate(_merged(given.model_dump(mode="json"), settings))
    except ValidationError as error:
        raise Refused(
            f"{strategy}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from error


def _merged(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Put nested settings on top of others; a table of another kind replaces the whole table."""
    merged = dict(given)
    for key, value in settings.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            same = value.get("kind", old.get("kind")) == old.get("kind")
            merged[key] = _merged(old if same else {}, value)
        else:
            merged[key] = value
    return merged


def plan(
    given: RunConfig, settings: Any, seed: int, budget: int, measurements: int, name: str
) -> RunConfig:
    """Make the configuration of one search; Refused if the budget holds not one generation.

    Args:
        given: the configuration with the strategy as given.
        settings: the strategy to search with.
        seed: of the run.
        budget: episodes that the search may cost.
        measurements: number of held-out scores during the search, about.
        name: of the run.
    """
    config = replace(given, strategy=settings)
    episodes, race = generation_episodes(config), race_size(config)
    generations = (budget - race) // episodes
    if generations < 1:
        raise Refused(
            f"{name}: one generation and the race of finalists cost {episodes} and {race} "
            "episodes, the "
            f"budget is {budget}; raise comparison.budget or ask for fewer candidates"
        )
    run = {**config.run.model_dump(), "seed": seed, "generations": generations, "name": name}
    every = max(generations // measurements, 1)
    transfer = {**config.transfer.model_dump(), "monitor_every": every}
    # Generations may grow during a search.
    stop = {**config.stop.model_dump(), "episodes": without_race(config, budget)}
    planned = replace(
        config,
        run=type(config.run).model_validate(run),
        transfer=type(config.transfer).model_validate(transfer),
        stop=type(config.stop).model_validate(stop),
    )
    try:
        max_generations(planned)
    except ConfigError as error:
        raise Refused(f"{name}: {error}") from error
    return planned


def without_race(config: RunConfig, budget: int) -> int:
    """Episodes that the generations may cost: the budget without the race of finalists."""
    return min(config.stop.episodes or budget, budget - race_size(config))


def run(
    comparison: OpenComparison,
    config: RunConfig,
    folder: Path,
    tasks: int,
    task_set: TaskSet,
    measured: Callable[[RunStore], None] | None = None,
) -> Search:
    """Begin the search, or go on with it to the same bits, and score its point.

    Args:
        comparison: that the search is part of.
        config: from ``plan``.
        folder: its run folder, which exists if the comparison was interrupted.
        tasks: number of held-out tasks. All searches with the same run seed meet the same ones,
            with the same seeds.
        task_set: that they belong to.
        measured: called once at the beginning and after each generation; it may end the search by
            raising, which loses nothing, because the generation is committed.
    """
    pool, reporter = comparison.pool, comparison.reporter
    measured = measured or (lambda store: None)
    if is_run(folder):
        store = RunStore.open(folder)
        if read_run(store).config.tables()["strategy"] != config.tables()["strategy"]:
            raise ConfigError(f"{folder}: holds another search; remove it and resume")
    else:
        store = RunStore.create(folder, manifest.describe(config))
    with store.locked():
        refuse(
            examine(read_run(store)).damages,
            lambda sound: f"remove {folder} and resume: it is searched again, to the same numbers",
        )
        store.remove_uncommitted()
        measured(store)
        found = RunFolder(config, store)
        search(found, pool, _Watch(reporter, lambda: measured(store)))
        point = deploy(found, pool, reporter)
    race = store.finalists(store.generation())
    grid = grid_of(config, point, tasks, task_set, config.transfer.seed)
    reporter.started("held-out score", grid.n_episodes)
    jobs = cut(grid, 1, min(config.run.tile_tasks, -(-tasks // 16)), "held out")
    return Search(
        store,
        episodes=store.total_episodes() + (0 if race is None else race.num_rows),
        failed_episodes=sum(row["n_failed"] for row in store.rows(["n_failed"])),
        held_out=evaluate_grid(pool, jobs, reporter.episodes_done),
    )


class _Watch:
    """A reporter that passes everything on and calls a function after each generation."""

    def __init__(self, reporter: Reporter, after: Callable[[], None]) -> None:
        self._reporter = reporter
        self._after = after
        self.started = reporter.started
        self.episodes_done = reporter.episodes_done

    def generation(self, report: GenerationReport) -> None:
        self._reporter.generation(report)
        self._after()
