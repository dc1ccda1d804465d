"""What a comparison has written is there after a power cut.

SQLite syncs its own commits, which are not recorded here.
"""

import sys
from pathlib import Path

import pytest
from support.small_comparison import comparison_toml

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api import progress as console
from spikeloop.coordinator.api.comparison_progress import ComparisonConsole
from spikeloop.coordinator.comparison import comparison_config, session
from store_faults.file_operations import Operation, Watch
from store_faults.power_cut import Disk, Survival


def held(folder: Path) -> list[Operation]:
    """What the smallest comparison does to its files; two folders are made on the way to it."""
    settings = comparison_config.load(
        comparison_toml(folder / "x.toml", episodes="episodes = 96", seeds="seeds = 1"), {}
    )
    reporter = ComparisonConsole(0, console.stream())
    with Watch(folder).watching() as watch:
        session.start(settings, folder / "new" / "comparisons" / "small", reporter, StopSignal())
    return watch.operations


def lost(operations: list[Operation]) -> set[str]:
    """Files that were written to their end and yet need not be there after a power cut."""
    disk, written = Disk(), ""
    missing = set()
    for operation in operations:
        disk.do([operation])
        if operation.kind == "rename":
            written = operation.target
        elif written and operation.kind == "sync_folder":
            # What is made under a temporary name is there once its folder has its own.
            if ".tmp" not in written and written not in disk.after_cut(Survival("none", "none")):
                missing.add(written)
            written = ""
    return missing


@pytest.mark.skipif(sys.platform != "linux", reason="operations are told from /proc")
def test_whatever_a_comparison_has_written_outlasts_a_power_cut(tmp_path: Path) -> None:
    operations = held(tmp_path)
    targets = {Path(operation.target).name for operation in operations}
    assert targets >= {"comparison.json", "trials.parquet", "000000.json", "findings.json"}
    assert lost(operations) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="operations are told from /proc")
def test_folders_that_are_not_synced_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(path: Path) -> None:
        for folder in reversed([path, *path.parents]):
            if not folder.exists():
                folder.mkdir()

    monkeypatch.setattr("spikeloop.coordinator.store.atomic_files.make_folder", careless)
    names = {Path(name).name for name in lost(held(tmp_path))}
    assert names >= {"comparison.json", "trials.parquet", "000000.json"}
