"""A sweep from its configuration to its findings, new or resumed.

    sweep.json                 settings as resolved, seeds, baseline, versions, schema version
    runs/<setting>/<seed>/     ordinary run folders
    results.parquet            a row for each run: varied keys, seed, scores with intervals
    measured.parquet           a row for each held-out score that was measured during a search
    findings.json, report.html

Runs with the same seed meet the same tasks with the same random numbers, as far as their settings
leave them: so settings are compared seed by seed. A kill costs each run that is under way at most
the generations after its last commit, and changes no number.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.comparison.findings.findings import Findings, findings
from spikeloop.coordinator.config.own_classes import code_of
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.search.worker_pool import open_shared_workers
from spikeloop.coordinator.store import atomic_files, manifest, new_folder
from spikeloop.coordinator.store.folder_kind import SWEEP_MANIFEST
from spikeloop.coordinator.store.lock import locked
from spikeloop.coordinator.store.result_files import FINDINGS, RESULTS
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sweep import SCHEMA_VERSION, results
from spikeloop.coordinator.sweep.settings_grid import SAME_FOR_ALL
from spikeloop.coordinator.sweep.side_by_side import SweepReporter, run_side_by_side
from spikeloop.coordinator.sweep.sweep_config import PlannedRun, SweepConfig, from_json
from spikeloop.workers.fingerprint import difference
from spikeloop.workers.garbage_collection import RARELY, frozen
from spikeloop.workers.seeding import Purpose, stream


def start(config: SweepConfig, folder: Path, reporter: SweepReporter, stop: StopSignal) -> Findings:
    """Run a new sweep in a new folder; ``require_all`` then tells whether some runs failed.

    Raises:
        ConfigError: the folder exists or cannot be written.
        PoolError, Interrupted: what was committed stays and can be resumed.
    """
    new_folder.begin(folder, SWEEP_MANIFEST, _describe(config))
    return resume(config, folder, reporter, stop)


def resume(
    config: SweepConfig, folder: Path, reporter: SweepReporter, stop: StopSignal
) -> Findings:
    """Continue a sweep, to the numbers of an undisturbed one; raises as ``start`` does.

    Runs that failed are tried again.
    """
    with locked(folder):
        rows = results.known_rows(config, folder)
        if rows:
            reporter.note(f"{len(rows)} runs found, as written")
        to_do = [planned for planned in config.runs() if planned.path not in rows]
        if to_do:
            _run(config, to_do, folder, rows, reporter, stop)
        results.write(config, folder, rows)
        results.write_measured(config, folder)
        found = find(config, folder)
        atomic_files.write_json(folder / FINDINGS, found.as_json())
    return found


def _run(
    config: SweepConfig,
    to_do: list[PlannedRun],
    folder: Path,
    rows: dict[Path, results.Row],
    reporter: SweepReporter,
    stop: StopSignal,
) -> None:
    """Do what is left, and keep the results on disk up to date."""

    def ended(planned: PlannedRun, row: results.Row) -> None:
        rows[planned.path] = row
        results.write(config, folder, rows)

    for planned in to_do:
        atomic_files.make_folder((folder / planned.path).parent)
    left = list(dict.fromkeys(planned.setting.label for planned in to_do))
    configs = [setting.config for setting in config.settings if setting.label in left]
    with (
        open_shared_workers(configs, stop, reporter, folder.name) as pool,
        frozen(RARELY),
    ):
        run_side_by_side(to_do, folder, pool, reporter, ended)


def require_all(folder: Path, how: str) -> None:
    """RunFailed if some runs of a sweep that has ended failed; ``how`` says how to try again."""
    frame = results.read(folder, RESULTS, results.RUN_COLUMNS)
    failed = frame[frame["error"] != ""]
    if len(failed):
        first = failed.iloc[0]
        raise RunFailed(
            f"{folder}: {len(failed)} of {len(frame)} runs failed; the first "
            f"({first['setting']}, seed {first['seed']}): {first['error']}; once the cause is "
            f"mended, {how}"
        )


def read_config(folder: Path, trust: bool = False) -> SweepConfig:
    """Read a sweep's configuration; ``trust`` loads the user's own classes, as for a run."""
    path = folder / SWEEP_MANIFEST
    if not path.exists():
        raise ConfigError(f"{folder}: not a sweep (there is no {SWEEP_MANIFEST} in it)")
    value = atomic_files.read_versioned(path, SCHEMA_VERSION)
    plan: Any = value.get("sweep")
    if not isinstance(plan, dict):
        raise ConfigError(f"{path}: damaged: no sweep in it")
    return from_json(plan, str(path), {"working_dir": value.get("working_dir")}, trust)


def require_same_config(config: SweepConfig, folder: Path) -> None:
    """ConfigError unless the sweep in a folder has the same settings and seeds.

    Name, target and trackers may differ, because they change no result.
    """
    begun = read_config(folder, trust=config.first.working_dir is not None)
    if _what_counts(begun) != _what_counts(config):
        raise ConfigError(
            f"{folder}: begun with other settings or seeds; give them again, or the sweep another "
            "name with --set sweep.name=NAME (in Python with out=)"
        )


def _what_counts(config: SweepConfig) -> dict[str, Any]:
    """Give a sweep as JSON without its name and the tables that change no result."""
    plan = config.as_json()
    del plan["name"]
    for setting in plan["settings"]:
        del setting["config"]["run"]["name"]  # which is the sweep's
        for table in SAME_FOR_ALL:
            del setting["config"][table]
    return plan


def has_ended(planned: PlannedRun, folder: Path) -> bool:
    """Tell whether a run of a sweep has been scored."""
    store = RunStore(folder / planned.path)
    return store.part_path("transfer", planned.config.transfer.seed).exists()


def find(config: SweepConfig, folder: Path) -> Findings:
    """Compute the findings from the tables; resampling depends on the first seed alone."""
    runs = results.read(folder, RESULTS, results.RUN_COLUMNS)
    measured = results.read(folder, results.MEASURED_SCORES, results.MEASURED)
    names = {"setting": "variant", "seed": "seed_index"}
    budget = max(1, int(runs["episodes"].max()))
    return findings(
        runs.rename(columns=names).assign(strategy=runs["setting"], settings="given"),
        measured.rename(columns=names),
        budget=budget,
        baseline=config.baseline,
        rng=stream(config.seeds[0], Purpose.BOOTSTRAP),
    )


def changed_code(config: SweepConfig, folder: Path) -> str:
    """Describe what differs between this code and the code that began a sweep, or give ""."""
    begun: Any = atomic_files.read_json(folder / SWEEP_MANIFEST)
    code = code_of(replace(config.first, working_dir=_classes(config)))
    return difference(code, begun.get("fingerprint", {}))


def _classes(config: SweepConfig) -> Path | None:
    folders = (setting.config.working_dir for setting in config.settings)
    return next((folder for folder in folders if folder is not None), None)


def _describe(config: SweepConfig) -> dict[str, Any]:
    first = replace(config.first, working_dir=_classes(config))
    described = {k: v for k, v in manifest.describe(first).items() if k not in ("config", "space")}
    return {"schema_version": SCHEMA_VERSION, **described, "sweep": config.as_json()}
