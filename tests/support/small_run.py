"""A small run, and the check that two runs are the same."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import tomli_w

from spikeloop.cluster.signals import Interrupted, StopSignal
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.schemas import VOLATILE
from support.paths import OWN_CLASSES

TABLES: dict[str, dict[str, Any]] = {
    "run": {"name": "small", "seed": 7, "generations": 3, "tasks": 4, "tile_tasks": 2},
    "family": {"kind": "random_mdp", "n_states": 3, "n_actions": 2, "n_steps": 60},
    "learner": {"kind": "tabular_td"},
    "strategy": {"kind": "evolution", "population_size": 6},
    "target": {"kind": "inline"},
    "transfer": {"tasks": 6, "random_points": 3, "monitor_every": 2, "monitor_tasks": 4},
    "deploy": {},
    "stop": {},
    "tracking": {},
}


def small_tables(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return ``TABLES`` with some keys of some tables replaced."""
    return {name: {**table, **changes.get(name, {})} for name, table in TABLES.items()}


def small_config(**changes: dict[str, Any]) -> RunConfig:
    """The configuration of ``small_tables``, own classes looked up in ``OWN_CLASSES``."""
    return parse(small_tables(**changes), "small.toml", OWN_CLASSES)


def small_toml(path: Path, **changes: dict[str, Any]) -> Path:
    """Write the tables as a TOML file."""
    path.write_text(tomli_w.dumps(small_tables(**changes)))
    return path


def run_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return all tables of a run without the columns that may differ between equal runs."""
    store = RunStore(folder)
    tables = {}
    for name in ("generations", "candidates", "episodes", "curves", "finalists", "transfer"):
        table = store.table(name)
        if table is not None:
            frame = table.to_pandas()
            tables[name] = frame.drop(columns=[c for c in frame.columns if c in VOLATILE])
    return tables


def assert_same_contents(one: Path, other: Path) -> None:
    """Fail unless both runs hold the same rows, bit for bit, and end in the same state."""
    first, second = run_tables(one), run_tables(other)
    assert first.keys() == second.keys()
    for name in first:
        pd.testing.assert_frame_equal(first[name], second[name], check_exact=True)
    stores = RunStore(one), RunStore(other)
    last = stores[0].generation()
    assert stores[1].generation() == last
    states = [store.state(last) for store in stores]
    assert states[0].keys() == states[1].keys()
    for name, array in states[0].items():
        assert array.tobytes() == states[1][name].tobytes(), name


def change_part(
    store: RunStore, path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    """Change the rows of a part and write its checksum anew, as other code could."""
    table = store.read_part(path)
    frame = change(table.to_pandas())
    schema = pa.schema([field for field in table.schema if field.name in frame])
    changed = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    atomic_files.write_parquet(path, changed.replace_schema_metadata(table.schema.metadata))


def start_config(config: RunConfig, folder: Path, reporter: Any = None) -> Path:
    """Run a configuration in this process and return its folder."""
    run_session.start(config, folder, reporter or SilentReporter(), StopSignal())
    return folder


class SilentReporter:
    """A reporter that says nothing."""

    def pool(self, description: str) -> None: ...

    def note(self, text: str) -> None: ...

    def started(self, what: str, n_episodes: int) -> None: ...

    def episodes_done(self, n_episodes: int) -> None: ...

    def generation(self, report: object) -> None: ...


class RecordingReporter(SilentReporter):
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.grids: list[tuple[str, int]] = []
        self.reports: list[GenerationReport] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def started(self, what: str, n_episodes: int) -> None:
        self.grids.append((what, n_episodes))

    def generation(self, report: Any) -> None:
        self.reports.append(report)


class InterruptingReporter(SilentReporter):
    """A reporter that requests a stop when a grid of this name begins."""

    def __init__(self, stop: StopSignal, grid: str) -> None:
        self.stop, self.grid = stop, grid

    def started(self, what: str, n_episodes: int) -> None:
        self.stop.requested = what.startswith(self.grid)


def start_run(folder: Path, reporter: Any = None, **changes: Any) -> Path:
    """Run the small run with some changes in this process and return its folder."""
    return start_config(small_config(**changes), folder, reporter)


def interrupt_run(folder: Path, grid: str, config: RunConfig) -> None:
    """Run until a grid of this name begins."""
    stop = StopSignal()
    with pytest.raises(Interrupted):
        run_session.start(config, folder, InterruptingReporter(stop, grid), stop)


def resume_run(folder: Path, reporter: Any = None, after: int | None = None) -> None:
    """Resume a run, whose own classes may only be imported ones."""
    run = read_run(RunStore.open(folder))
    run_session.resume(run, reporter or SilentReporter(), StopSignal(), after)


def crash_before_each_file(folder: Path, start: Callable[[], object]) -> set[str]:
    """Run with a process that dies before it first writes each file, and is always resumed.

    Returns:
        The files before which it died.
    """
    replace, survived = os.replace, set[str]()

    def crash_before(source: Any, target: Any) -> None:
        path = Path(target)
        name = f"{path.parent.name}/{path.name}"
        if name not in survived and path.name != "run.json":  # without it there is no run
            survived.add(name)
            raise Crash
        replace(source, target)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "replace", crash_before)
        while True:
            try:
                resume_run(folder) if folder.exists() else start()
                return survived
            except Crash:
                pass


class Crash(BaseException):
    """The end of a process at this point."""
