"""Comparisons and sweeps are downloaded run by run, whole, sound, and never over one's own work."""

import shutil
from pathlib import Path

import pytest
from support.command_line import answer, cli, refused
from support.folders import flip, flipped, folder_contents
from support.recording_storage import RecordingStorage
from support.small_comparison import assert_same_comparison, comparison_toml
from support.small_run import Crash
from support.small_sweep import KilledInRun, assert_same_sweep, run_sweep, small_sweep

from spikeloop.coordinator.store.folder_kind import Kind
from spikeloop.coordinator.sync.stored_runs import StoredRuns

pytestmark = pytest.mark.usefixtures("without_figures")
RUN = "runs/population_size-12/8"
"""The last run of the small sweep."""


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "small"
    run_sweep(small_sweep(), folder)
    return folder


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparisons")
    config = comparison_toml(folder / "small.toml", seeds="seeds = 1")
    assert cli("compare", config, "--inline", "--out", folder) == 0
    return folder / "small"


@pytest.fixture
def copied(swept: Path, tmp_path: Path) -> Path:
    """A copy of the sweep, to be changed."""
    return shutil.copytree(swept, tmp_path / "stored" / "small")


def memory(folder: Path) -> RecordingStorage:
    """Return storage that holds what is in a folder."""
    storage = RecordingStorage()
    storage.files = folder_contents(folder)
    return storage


@pytest.mark.exhaustive
def test_fetched_sweep_is_the_same_and_verified(swept: Path, tmp_path: Path) -> None:
    found = answer("fetch", swept, "--out", tmp_path)
    assert (found["kind"], found["n_runs"], found["note"]) == ("sweep", 4, "")
    assert found["n_new"] == found["n_files"]
    assert_same_sweep(tmp_path / "small", swept)
    files = folder_contents(swept)
    left_out = {name for name in files if name.endswith("report.html")}
    assert folder_contents(tmp_path / "small").keys() == files.keys() - left_out
    assert answer("fetch", swept, "--out", tmp_path)["note"] == ""


def test_fetched_comparison_is_the_same_and_verified(compared: Path, tmp_path: Path) -> None:
    found = answer("fetch", compared, "--out", tmp_path)
    assert (found["kind"], found["note"]) == ("comparison", "")
    assert_same_comparison(tmp_path / "small", compared)
    assert (tmp_path / "small" / "study.db").exists()
    assert cli("resume", tmp_path / "small", "--inline") == 0
    assert_same_comparison(tmp_path / "small", compared)


@pytest.mark.exhaustive
def test_part_of_a_sweep_is_fetched_then_resumed_or_fetched_again(
    swept: Path, tmp_path: Path
) -> None:
    there = tmp_path / "stored" / "small"
    with pytest.raises(Crash):
        run_sweep(small_sweep(), there, KilledInRun(3))
    for name in ("resumed", "again"):
        assert 0 < answer("fetch", there, "--out", tmp_path / name)["n_runs"] < 4
    assert cli("resume", tmp_path / "resumed" / "small", "--inline") == 0
    run_sweep(small_sweep(), there)
    assert answer("fetch", there, "--out", tmp_path / "again")["n_runs"] == 4
    for name in ("resumed", "again"):
        assert_same_sweep(tmp_path / name / "small", swept)


def test_results_are_never_ahead_of_their_runs(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last run appears, and the results with it, right after the first listing."""
    storage = memory(swept)
    everything = dict(storage.files)
    storage.files = {name: data for name, data in everything.items() if RUN not in name}
    plain = storage.names

    def names() -> set[str]:
        found = plain()
        storage.files = everything
        return found

    monkeypatch.setattr(storage, "names", names)
    StoredRuns(storage, "sweep").download(tmp_path / "small")
    assert_same_sweep(tmp_path / "small", swept)


@pytest.mark.parametrize(
    "name", ["results.parquet", "findings.json", f"{RUN}/episodes/part-000002.parquet"]
)
def test_damaged_file_is_named_and_not_taken(copied: Path, tmp_path: Path, name: str) -> None:
    flip(copied / name)
    assert f"{name}: damaged" in refused("fetch", copied, "--out", tmp_path / "out")
    assert not (tmp_path / "out" / "small" / name).exists()


def test_damaged_manifest_leaves_nothing(copied: Path, tmp_path: Path) -> None:
    flip(copied / "sweep.json")
    assert "sweep.json: damaged" in refused("fetch", copied, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["comparison", "sweep"])
def test_only_files_with_names_of_such_a_folder_are_read(
    swept: Path, compared: Path, tmp_path: Path, kind: Kind
) -> None:
    storage = memory(swept if kind == "sweep" else compared)
    odd = {"../evil", "evil.py", "report.html", "runs/../../1/run.json", "runs/.a/1/run.json"}
    odd |= {"runs/a/b/run.json", "runs/a/1/evil.py", "final/a/1.py", "tuning/a/1/run.json"}
    storage.files.update(dict.fromkeys(odd, b"evil"))
    StoredRuns(storage, kind).download(tmp_path / "out" / "small")
    assert not list(tmp_path.rglob("evil"))
    assert not odd & folder_contents(tmp_path / "out" / "small").keys()


def test_what_is_in_the_way_is_left_alone(swept: Path, copied: Path, tmp_path: Path) -> None:
    (tmp_path / "a" / "small").mkdir(parents=True)
    (tmp_path / "a" / "small" / "mine").touch()
    assert "is in the way" in refused("fetch", swept, "--out", tmp_path / "a")
    run_sweep(small_sweep({"over": {"strategy.population_size": [6]}}), tmp_path / "b" / "small")
    assert "holds another sweep" in refused("fetch", swept, "--out", tmp_path / "b")
    before = folder_contents(copied)
    assert "does not fetch" in refused("fetch", swept, "--out", copied.parent)
    assert folder_contents(copied) == before


def test_studies_are_taken_only_when_nobody_writes_them(
    compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = memory(compared)
    whole = storage.files["study.db"]
    storage.files["study.db-journal"] = b"half of a transaction"
    StoredRuns(storage, "comparison").download(tmp_path / "one")
    assert not (tmp_path / "one" / "study.db").exists()
    del storage.files["study.db-journal"]
    torn = [flipped(whole), flipped(whole, 4000)]
    plain = storage.read

    def read(name: str) -> bytes | None:
        return torn.pop() if name == "study.db" and torn else plain(name)

    monkeypatch.setattr(storage, "read", read)
    StoredRuns(storage, "comparison").download(tmp_path / "two")
    assert (tmp_path / "two" / "study.db").read_bytes() == whole
