"""Read the transfer of a finished run from its files; no episode is run again."""

import numpy as np
import pyarrow as pa

from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.search import baselines, tables
from spikeloop.coordinator.search.deployment import deployed, is_race_over
from spikeloop.coordinator.search.transfer import Transfer, with_baselines
from spikeloop.coordinator.search.transfer_design import (
    transfer_areas,
    transfer_grid,
    transfer_theta,
)
from spikeloop.coordinator.store import schemas
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.workers.job import Grid, Status, Tile


def read_transfer(run: RunFolder) -> Transfer | None:
    """Give the transfer that ends a run, baselines included, as it was when it was run.

    None if something is still to be run: the search, the race, or held-out episodes of this very
    point on these very tasks. None also if every episode of the learned Θ failed, because such a
    run is resumed after the cause was mended.

    Raises:
        ConfigError: a file is damaged, or a baseline is not one finite return a task.
    """
    config, store = run.config, run.store
    if not run.search_is_over or not is_race_over(run):
        return None
    path = store.part_path("transfer", config.transfer.seed)
    if not path.exists():
        return None
    table = store.read_part(path)
    if not _fits(table, transfer_grid(config, config.transfer, deployed(run)), config.transfer):
        return None
    episodes = tables.without_curves(table)
    if not ((episodes["theta"] == "learned") & (episodes["status"] == "ok")).any():
        return None
    try:
        baselines.check_tasks(config, episodes)
        return with_baselines(config, episodes)
    except baselines.OtherTasks:
        return None


def _fits(table: pa.Table, grid: Grid, settings: TransferSettings) -> bool:
    """Tell whether a table holds the episodes of a transfer, in reading order."""
    whole = Tile(0, grid.n_candidates, 0, grid.n_tasks)
    wanted = np.zeros(whole.shape, dtype=np.bool_)
    for area in transfer_areas(settings):
        wanted[area.within(whole)] = True
    row, task = np.nonzero(wanted)
    if not table.schema.equals(schemas.TRANSFER) or table.num_rows != row.size:
        return False
    if (table.schema.metadata or {}).get(tables.POINTS) != tables.points_digest(grid):
        return False
    episodes = tables.without_curves(table)
    same = (
        (episodes["theta"] == np.array(transfer_theta(settings), dtype=object)[row])
        & (episodes["task"] == task)
        & (episodes["episode_seed"] == grid.seeds()[row, task])
        & episodes["status"].isin([status.words for status in Status])
    )
    return bool(same.all())
