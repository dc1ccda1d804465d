"""Score the learned Θ on held-out tasks, and beside it the baselines that the family knows."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from spikeloop.cluster.pool import WorkerPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.search import tables
from spikeloop.coordinator.search.deployment import deployed, deployed_generation
from spikeloop.coordinator.search.evaluation import evaluate_grid
from spikeloop.coordinator.search.reporter import Reporter, SessionReporter
from spikeloop.coordinator.search.transfer import (
    Transfer,
    warn_of_scores,
    with_baselines,
)
from spikeloop.coordinator.search.transfer_design import (
    transfer_jobs,
    transfer_size,
    transfer_theta,
)
from spikeloop.coordinator.search.worker_pool import open_workers
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync.upload import uploading
from spikeloop.tasks.base import FloatArray


def score_run(
    run: RunFolder, settings: TransferSettings, reporter: SessionReporter, stop: StopSignal
) -> Transfer:
    """Score the point that a run would deploy on held-out tasks of a given number and seed.

    The episodes are run even if the run has these very ones on file, because the question is
    whether they come out the same here and now; ``resume`` shows those on file. They are written to
    ``transfer_path``, and no other evaluation is ever replaced.
    """
    point = deployed(run)
    path = transfer_path(run, settings)
    _require_same_size(run.store, path, transfer_size(settings))
    with (
        run.store.locked(),
        uploading(run.config, run.store, reporter.note, stop),
        open_workers(run.config, stop, reporter) as pool,
    ):
        return score_and_write(run, pool, path, settings, point, reporter)


def score_point(
    config: RunConfig,
    point: FloatArray,
    source: Path,
    settings: TransferSettings,
    reporter: SessionReporter,
    stop: StopSignal,
) -> Transfer:
    """Score a point that is in no run folder as ``score_run`` does, and write nothing."""
    with open_workers(config, stop, reporter) as pool:
        return _score(config, pool, source, settings, point, reporter)


def transfer_path(run: RunFolder, settings: TransferSettings) -> Path:
    """Give the file for held-out episodes of the point that a run would deploy as it stands.

    Only the run's own seed and number of tasks belong into the folder ``transfer``.
    """
    if settings == run.config.transfer:
        return run.store.part_path("transfer", settings.seed)
    generation = deployed_generation(run)
    return run.store.other_transfer_path(settings.seed, settings.tasks, generation)


def score_and_write(
    run: RunFolder,
    pool: WorkerPool,
    path: Path,
    settings: TransferSettings,
    point: FloatArray,
    reporter: Reporter,
) -> Transfer:
    """Score a point on held-out tasks and write the episodes to a file of the run."""
    write = partial(run.store.write_part, path)
    return _score(run.config, pool, run.folder, settings, point, reporter, write)


def _require_same_size(store: RunStore, path: Path, n_episodes: int) -> None:
    """ConfigError if a file holds a transfer evaluation of another size."""
    if path.exists() and (found := store.read_part(path).num_rows) != n_episodes:
        raise ConfigError(
            f"{path}: holds an evaluation of {found} episodes, this one has {n_episodes} and would "
            "replace it; choose another --seed"
        )


def _score(
    config: RunConfig,
    pool: WorkerPool,
    source: Path,
    settings: TransferSettings,
    point: FloatArray,
    reporter: Reporter,
    write: Callable[[pa.Table], None] = lambda table: None,
) -> Transfer:
    """Run the held-out episodes and score them; RunFailed if all of the learned Θ failed."""
    reporter.started("transfer to held-out tasks", transfer_size(settings))
    jobs, theta = transfer_jobs(config, settings, point), transfer_theta(settings)
    episodes = evaluate_grid(pool, jobs, reporter.episodes_done)
    table = tables.transfer_table(episodes, theta)
    write(table)
    learned = theta.index("learned")
    if not episodes.ok[learned].any():
        first = next(f for f in episodes.failures if f.tile.c0 == learned)
        raise RunFailed(
            f"{source}: every held-out episode of the learned Θ failed; the first (task "
            f"{first.tile.t0}): {first.message}",
            first.traceback,
        )
    with pool.stop.raising():
        transfer = with_baselines(config, tables.without_curves(table))
    warn_of_scores(config, transfer)
    return transfer
