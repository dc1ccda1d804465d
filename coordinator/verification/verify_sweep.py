"""Checks a sweep's folder: every run in it, and that results and findings follow from them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search.finished_run import read_transfer
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.folder_kind import is_run
from spikeloop.coordinator.store.result_files import FINDINGS, RESULTS
from spikeloop.coordinator.store.run_folder import RunFolder, require_same_config
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sweep import results, session
from spikeloop.coordinator.sweep.sweep_config import SweepConfig
from spikeloop.coordinator.verification.run_folders import verify_runs
from spikeloop.coordinator.verification.verify_run import Report


def verify(folder: Path, trust: bool = False) -> Report:
    """Read every file of a sweep, check its checksum, and what should follow from what.

    Raises:
        ConfigError: the folder is no sweep, its ``sweep.json`` is damaged, or it needs trust.
    """
    config, report = session.read_config(folder, trust), Report()
    n_runs = verify_runs(folder, ["runs/*/*"], report, trust)
    report.checked.append(f"runs: {n_runs} run folders verified")
    if not report.problems:
        report.problems += _other_configurations(config, folder)
    if not report.problems:
        report.problems += _results_problems(config, folder, report)
    return report


def _other_configurations(config: SweepConfig, folder: Path) -> Iterator[str]:
    """Look for runs of other settings than those of the sweep."""
    for planned in config.runs():
        if is_run(folder / planned.path):
            try:
                require_same_config(RunStore.open(folder / planned.path), planned.config)
            except ConfigError as error:
                yield str(error)


def _results_problems(config: SweepConfig, folder: Path, report: Report) -> Iterator[str]:
    """Compare the results with the runs, and the findings with the results."""
    if not (folder / RESULTS).exists():
        report.checked.append("unfinished: no run has ended yet")
        return
    try:
        written = results.read(folder, RESULTS, results.RUN_COLUMNS)
        yield from _other_rows(config, folder, written)
        if not (folder / FINDINGS).exists():
            report.checked.append(f"unfinished: {len(written)} runs have ended")
            return
        measured = results.read(folder, results.MEASURED_SCORES, results.MEASURED)
        follows = pd.DataFrame(results.measured_rows(config, folder), columns=measured.columns)
        if not measured.equals(follows.astype(measured.dtypes)):
            yield f"{folder / results.MEASURED_SCORES}: it does not follow from the runs"
        found = json.loads(json.dumps(session.find(config, folder).as_json()))
        if found != atomic_files.read_json(folder / FINDINGS):
            yield f"{folder / FINDINGS}: the findings do not follow from the results"
    except ConfigError as error:
        yield str(error)
    report.checked.append("results and findings were compared with the runs")


def _other_rows(config: SweepConfig, folder: Path, written: pd.DataFrame) -> Iterator[str]:
    """Look for rows of the results that do not follow from their runs."""
    rows = {}
    ended = {(row["setting"], row["seed"]): row for row in written.to_dict("records")}
    for planned in config.runs():
        row = ended.get((planned.setting.label, planned.seed))
        if row is None:
            continue
        store = RunStore(folder / planned.path)
        transfer = None if row["error"] else read_transfer(RunFolder(planned.config, store))
        if transfer is not None:
            rows[planned.path] = results.finished_row(planned, store, transfer)
        elif row["error"]:
            rows[planned.path] = results.failed_row(planned, folder, row["error"])
    follows = results.results_table(config, rows).to_pandas()
    if not follows.equals(written):
        yield f"{folder / RESULTS}: it does not follow from the runs"
