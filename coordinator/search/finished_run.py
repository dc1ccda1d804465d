"""Read the transfer of a finished run from its files; no episode is run again."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search import baselines, tables
from spikeloop.coordinator.search.deployment import deployed, is_race_over
from spikeloop.coordinator.search.evaluation import GridEpisodes
from spikeloop.coordinator.search.transfer import Transfer, summarise
from spikeloop.coordinator.search.transfer_design import (
    transfer_areas,
    transfer_grid,
    transfer_theta,
)
from spikeloop.coordinator.store import schemas
from spikeloop.coordinator.store.run_folder import Run
from spikeloop.tasks.base import References
from spikeloop.workers.job import Failure, Grid, Status, Tile

STATUS = {status.words: status for status in Status}


def read_transfer(run: Run) -> Transfer | None:
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
    grid = transfer_grid(config, config.transfer, deployed(run))
    theta = transfer_theta(config.transfer)
    episodes = _episodes(grid, _wanted(config, grid), theta, store.read_part(path))
    if episodes is None or not episodes.ok[theta.index("learned")].any():
        return None
    result = summarise(config.run.seed, config.transfer.seed, episodes, theta)
    try:
        baselines.check_tasks(config, config.transfer.seed, episodes.references)
        known = baselines.measure(config, config.transfer.seed, episodes.references)
    except baselines.OtherTasks:
        return None
    return replace(result, baselines=known)


def _wanted(config: RunConfig, grid: Grid) -> NDArray[np.bool_]:
    """Which episodes a transfer of this size has, (n_candidates, n_tasks)."""
    whole = Tile(0, grid.n_candidates, 0, grid.n_tasks)
    wanted = np.zeros(whole.shape, dtype=np.bool_)
    for area in transfer_areas(config.transfer):
        wanted[area.within(whole)] = True
    return wanted


def _episodes(
    grid: Grid, wanted: NDArray[np.bool_], theta: tuple[str, ...], table: pa.Table
) -> GridEpisodes | None:
    """Give the episodes of a table without their curves; None if they are not the wanted ones."""
    if not table.schema.equals(schemas.TRANSFER) or table.num_rows != wanted.sum():
        return None
    if (table.schema.metadata or {}).get(tables.POINTS) != tables.points_digest(grid):
        return None
    column: dict[str, Any] = {
        name: table[name].to_numpy() for name in table.column_names if name != "curve"
    }
    row, task = np.nonzero(wanted)  # in reading order, as they were written
    same = (
        (column["theta"] == np.array(theta, dtype=object)[row])
        & (column["task"] == task)
        & (column["episode_seed"] == grid.seeds()[row, task])
        & np.isin(column["status"], list(STATUS))
    )
    if not same.all():
        return None

    def placed(values: NDArray[Any], empty: Any) -> NDArray[Any]:
        array = np.full(wanted.shape, empty, dtype=values.dtype)
        array[wanted] = values
        return array

    status = np.array([STATUS[words] for words in column["status"]], dtype=np.uint8)
    failed = [
        Failure(Tile(int(r), int(r) + 1, int(t), int(t) + 1), Status(s), message or "")
        for r, t, s, message in zip(row, task, status, column["error"], strict=True)
        if s != Status.OK
    ]
    everywhere = row == 0  # the default Θ meets all tasks
    return GridEpisodes(
        grid,
        References(column["random"][everywhere], column["optimal"][everywhere]),
        placed(column["return"], np.nan),
        np.full((*wanted.shape, 1), np.nan),
        placed(status, Status.RAISED),
        placed(column["attempts"].astype(np.int64), 0),
        placed(column["worker"], ""),
        tuple(failed),
        n_simulated_steps=0,
        work_s=0.0,
    )
