"""A run is uploaded in the order of commits, whatever its storage does, and never over another."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from pyarrow import fs
from support.command_line import cli, refused
from support.folders import folder_contents
from support.recording_storage import RecordingStorage
from support.s3_server import BUCKET, S3
from support.small_run import SilentReporter, assert_same_contents, small_config, small_toml

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.store.commit_order import rank
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync import upload as uploads
from spikeloop.coordinator.sync.download import StoredRun, download
from spikeloop.coordinator.sync.storage import Storage
from spikeloop.coordinator.sync.upload import Upload

pytestmark = pytest.mark.usefixtures("without_figures")

PART, TABLE = "episodes/part-000001.parquet", "transfer/part-000000.parquet"
GIVE_UP_S = 60.0


def upload_of(
    run: Path, storage: RecordingStorage, note: Callable[[str], None] = lambda text: None
) -> tuple[Upload, RunStore]:
    store = RunStore(run)
    return Upload(cast(Storage, storage), store, note, StopSignal()), store


def push(run: Path, storage: RecordingStorage, finished: bool = True) -> None:
    upload, _ = upload_of(run, storage)
    upload.begin()
    upload.end(finished)


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + GIVE_UP_S
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.001)


def test_storage_holds_the_very_files_of_the_run_and_pandas_reads_them(run: Path, s3: S3) -> None:
    assert s3.objects("lab/small") == folder_contents(run)
    assert len(folder_contents(run)) > 15
    store = fs.S3FileSystem(endpoint_override=f"127.0.0.1:{s3.port}", scheme="http")
    there = pd.read_parquet(f"{BUCKET}/lab/small/episodes", filesystem=store)
    pd.testing.assert_frame_equal(there, pd.read_parquet(run / "episodes"))


def test_files_are_written_in_the_order_of_commits_and_removed_in_the_opposite_one(
    run: Path,
) -> None:
    storage = RecordingStorage()
    push(run, storage)
    written = storage.written
    assert written[0] == "run.json"
    states = [name for name in written if name.startswith("state")]
    assert states == [f"state/{number:06d}.npz" for number in range(4)]
    parts = ("episodes", "candidates", "curves", "generations")
    last_part = max(written.index(f"{name}/part-000002.parquet") for name in parts)
    assert written.index("state/000002.npz") == last_part + 1
    assert written.index(TABLE) > written.index("state/000003.npz")
    ranks = [rank(name) for name in written]
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda found: found or (0, 0))

    upload_of(run, storage)[0].go_back(1)
    assert storage.removed == [name for name in reversed(written) if name in storage.removed]
    assert storage.removed[:2] == [TABLE, "state/000003.npz"]
    assert StoredRun(storage).generation == 1
    push(run, storage)
    assert storage.files == folder_contents(run)


def test_stored_files_are_not_written_again_and_lost_ones_are(run: Path, tmp_path: Path) -> None:
    storage = RecordingStorage()
    push(run, storage, finished=False)
    assert StoredRun(storage).generation == 3  # an interrupted run uploads what it has committed
    storage.written.clear()
    push(run, storage, finished=False)
    assert storage.written == []
    del storage.files[PART], storage.files["state/000003.npz"]
    storage.files["episodes/part-000003.parquet"] = b"begun and never committed"
    push(run, storage, finished=False)
    assert storage.written[0] == PART
    assert storage.files["episodes/part-000003.parquet"] != b"begun and never committed"


def test_transfer_on_other_tasks_is_uploaded_and_downloaded(
    run: Path, s3: S3, tmp_path: Path, stored: str
) -> None:
    folder = download(s3.uri(stored), tmp_path)
    other = ("--tasks", "6", "--seed", "4", "--inline", "--trust")
    assert cli("transfer", folder, *other) == 0  # uploads to lab, as run.json says
    name = "other_transfers/seed-000004-tasks-000006-generation-000003.parquet"
    assert s3.objects("lab/small")[name] == (folder / name).read_bytes()
    again = download(s3.uri("lab/small"), tmp_path / "again")
    assert folder_contents(again).keys() == folder_contents(folder).keys()
    s3.remove(f"lab/small/{name}")


# Storage that fails


class Listener(SilentReporter):
    """A reporter that does something at the first generation and at a failure."""

    def __init__(self, on_generation: Callable[[], None], on_failure: Callable[[], None]) -> None:
        self.notes: list[str] = []
        self._on_generation, self._on_failure = on_generation, on_failure

    def generation(self, report: Any) -> None:
        if report.generation == 1:
            self._on_generation()

    def note(self, text: str) -> None:
        self.notes.append(text)
        if "trying again" in text:
            self._on_failure()


def test_outage_is_reported_once_and_caught_up_with(
    run: Path, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PAUSE_S", 0.05)
    listener = Listener(on_generation=s3.stop, on_failure=s3.start)
    config = small_config(run={"upload_to": s3.uri("outage")})
    run_session.start(config, tmp_path / "small", listener, StopSignal())
    assert len([note for note in listener.notes if "trying again" in note]) == 1
    assert listener.notes[-1] == f"uploaded to {s3.uri('outage/small')}"
    assert s3.objects("outage/small") == folder_contents(tmp_path / "small")
    assert_same_contents(tmp_path / "small", run)


def test_storage_that_stays_away_ends_a_run_that_is_whole_here(
    run: Path, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PAUSE_S", 0.05)
    monkeypatch.setattr(uploads, "LAST_S", 0.0)
    listener = Listener(on_generation=s3.stop, on_failure=lambda: None)
    config = small_config(run={"upload_to": s3.uri("away")})
    with pytest.raises(PoolError, match=r"^s3://bucket/away/small.*is the store up"):
        run_session.start(config, tmp_path / "small", listener, StopSignal())
    assert_same_contents(tmp_path / "small", run)
    s3.start()
    store = RunStore.open(tmp_path / "small")
    run_session.resume(RunFolder(config, store), SilentReporter(), StopSignal())
    assert s3.objects("away/small") == folder_contents(tmp_path / "small")


@pytest.mark.parametrize(
    ("error", "noted"),
    [(PoolError("there: no"), "there: no"), (KeyError("x"), "there: unexpected KeyError: 'x'")],
)
def test_upload_that_fails_is_noted_tried_again_and_given_up_after_the_patience(
    run: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, noted: str
) -> None:
    storage, notes = RecordingStorage(), list[str]()
    upload, store = upload_of(run, storage, notes.append)
    tried: list[None] = []

    def failing() -> Exception:
        tried.append(None)
        return error

    storage.failing = failing
    upload.begin()
    wait_until(lambda: upload.error is not None)
    store.after_commit[0](2)
    assert notes == [f"upload: {noted}; going on, and trying again"]
    wait_until(lambda: len(tried) > 1)
    monkeypatch.setattr(uploads, "PATIENCE_S", -1.0)
    with pytest.raises(PoolError, match="the upload is behind"):
        store.after_commit[0](3)
    upload.end(finished=False)
    assert notes[-1].startswith(f"the upload is 4 generations behind ({noted})")
    storage.failing = lambda: None
    monkeypatch.setattr(uploads, "PATIENCE_S", 60.0)
    push(run, storage)
    assert storage.files == folder_contents(run)


def test_interrupted_run_does_not_wait_for_a_write_that_hangs(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LEAVING_S", 0.05)
    storage, notes = RecordingStorage(), list[str]()
    upload, _ = upload_of(run, storage, notes.append)
    hanging, released = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        released.wait()

    storage.failing = hang
    upload.begin()
    try:
        assert hanging.wait(GIVE_UP_S)
        upload.end(finished=False)
        assert notes[0].startswith("the upload is 4 generations behind (there is too slow)")
        assert storage.written == []
    finally:
        released.set()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/lab?endpoint_override=127.0.0.1:1&scheme=http", "is the store up, and"),
        ("s3://other/lab{options}", "there is no bucket other; make it first"),
    ],
)
def test_storage_that_does_not_exist_is_refused_before_work_begins(
    s3: S3, tmp_path: Path, uri: str, expected: str
) -> None:
    address = uri.format(options=s3.options)
    config = small_toml(tmp_path / "small.toml", run={"upload_to": address})
    errors = refused("run", config, "--out", tmp_path, "--resume", code=3)
    assert errors.startswith("spikeloop: s3://")
    assert expected in errors
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


# What is not overwritten


def test_another_run_is_not_overwritten(run: Path, s3: S3, tmp_path: Path) -> None:
    before = s3.objects("lab/small")
    config = small_toml(tmp_path / "small.toml", run={"upload_to": s3.uri("lab")})
    errors = refused("run", config, "--out", tmp_path)
    assert "s3://bucket/lab/small" in errors
    assert "holds another run" in errors
    assert not (tmp_path / "small").exists()
    errors = refused("run", config, "--resume", "--out", tmp_path, "--set", "run.seed=8")
    assert errors.startswith("spikeloop: s3://bucket/lab/small")
    assert "begun with run.seed = 7, not 8" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]
    assert s3.objects("lab/small") == before


def test_run_that_another_one_replaced_on_storage_ends(run: Path, finished_run: Path) -> None:
    storage = RecordingStorage()
    upload, _ = upload_of(run, storage)
    upload.begin()
    wait_until(lambda: "state/000003.npz" in storage.files)
    storage.files["run.json"] = (finished_run / "run.json").read_bytes()
    with pytest.raises(ConfigError, match="holds another run"):
        upload.end(finished=True)


def test_more_of_a_run_is_not_overwritten_by_less(
    run: Path, s3: S3, stored: str, tmp_path: Path
) -> None:
    folder = download(s3.uri(stored), tmp_path)
    RunStore(folder).go_back(1)
    uri = s3.uri(stored.removesuffix("/small"))
    config = small_toml(tmp_path / "small.toml", run={"upload_to": uri})
    errors = refused("run", config, "--resume", "--out", tmp_path)
    assert "has generation 3" in errors
    assert f"spikeloop fetch '{s3.uri(stored)}' --out {tmp_path}" in errors
    download(s3.uri(stored), tmp_path)
    assert cli("run", config, "--resume", "--out", tmp_path) == 0
