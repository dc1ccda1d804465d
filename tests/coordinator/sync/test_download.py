"""A stored run is downloaded whole and sound, or refused in one line.

Kills at chosen operations are in ``store_faults/test_storage_kills.py``.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import cli, printed, refused
from support.folders import flip, flipped, folder_contents
from support.recording_storage import RecordingStorage
from support.s3_server import S3
from support.small_run import SilentReporter, assert_same_contents, small_config, small_toml

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.store import checksums
from spikeloop.coordinator.store.commit_order import rank
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync.download import StoredRun, download

pytestmark = pytest.mark.usefixtures("without_figures")

LAST, PART, TABLE = (
    "state/000003.npz",
    "episodes/part-000001.parquet",
    "transfer/part-000000.parquet",
)


@pytest.mark.parametrize("options", [(), ("--after", "1")])
def test_resume_by_address_uploads_to_that_address(
    run: Path, s3: S3, tmp_path: Path, stored: str, options: tuple[str, ...]
) -> None:
    if not options:
        s3.remove(f"{stored}/{LAST}")
    assert cli("resume", s3.uri(stored), "--out", tmp_path, *options) == 0
    assert_same_contents(tmp_path / "small", run)
    assert s3.objects(stored) == folder_contents(tmp_path / "small")


def test_second_download_brings_only_what_is_missing_damaged_or_drawn_again(
    run: Path, s3: S3, tmp_path: Path, stored: str
) -> None:
    last = s3.read(f"{stored}/{LAST}")
    s3.remove(f"{stored}/{LAST}")
    folder = download(s3.uri(stored), tmp_path)
    store = RunStore.open(folder)
    assert (store.generation(), store.uncommitted()) == (2, [])
    store.write_part(folder / TABLE, store.read_part(folder / TABLE).slice(1))
    s3.write(f"{stored}/{LAST}", last)
    with store.locked(), pytest.raises(ConfigError, match="is writing it"):
        download(s3.uri(stored), tmp_path)
    flip(folder / PART)
    (folder / "figures" / "search.png").write_bytes(b"drawn earlier")
    download(s3.uri(stored), tmp_path)
    assert folder_contents(folder) == folder_contents(run)
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_part_that_the_first_listing_missed_is_downloaded(run: Path, tmp_path: Path) -> None:
    """A listing of storage that grows may have a state and not all that was stored before it."""
    storage = RecordingStorage()
    storage.files = folder_contents(run)
    part = storage.files.pop(PART)
    stored = StoredRun(storage)
    storage.files[PART] = part
    stored.download(tmp_path / "small")
    assert folder_contents(tmp_path / "small") == folder_contents(run)


def test_two_histories_of_one_run_are_not_mixed(
    run: Path, s3: S3, tmp_path: Path, stored: str
) -> None:
    store = RunStore.open(download(s3.uri(stored), tmp_path))
    other = {name: array + 1 for name, array in store.state(2).items() if array.dtype.kind == "f"}
    parts = {"episodes": store.read_part(store.part_path("episodes", 2))}
    store.go_back(1)
    download(s3.uri(stored), tmp_path)  # nothing was repeated yet
    assert store.generation() == 3
    store.go_back(1)
    store.commit(2, parts, other)  # as other code could
    before, there = folder_contents(tmp_path), s3.objects(stored)
    with pytest.raises(ConfigError, match=r"generation 2 differs .* --out"):
        download(s3.uri(stored), tmp_path)
    config = small_config(run={"upload_to": s3.uri(stored.removesuffix("/small"))})
    with pytest.raises(ConfigError, match=r"generation 2 differs .* run.upload_to"):
        run_session.resume(RunFolder(config, store), SilentReporter(), StopSignal())
    assert folder_contents(tmp_path) == before
    assert s3.objects(stored) == there


def test_download_leaves_what_is_no_such_run(run: Path, s3: S3, tmp_path: Path) -> None:
    fetch = ("fetch", s3.uri("lab/small"), "--out", tmp_path)
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "mine").touch()
    assert f"{folder}: is in the way" in refused(*fetch)
    (folder / "mine").unlink()
    run_session.start(small_config(), folder, SilentReporter(), StopSignal(), or_resume=True)
    before = folder_contents(tmp_path)
    assert f"{folder}: holds another run than s3://bucket/lab/" in refused(*fetch)
    assert folder_contents(tmp_path) == before


def test_mounted_folder_holds_a_run_that_can_be_resumed_in_place(run: Path, tmp_path: Path) -> None:
    config, shared = small_toml(tmp_path / "small.toml"), tmp_path / "shared"
    start = ("run", config, "--resume", "--out", tmp_path, "--set")
    error = refused(*start, f"run.upload_to={shared}", code=3)
    assert f"{shared}: there is no such folder" in error
    assert not (tmp_path / "small").exists()
    shared.mkdir()
    assert cli(*start, f"run.upload_to=file://{shared}") == 0
    assert folder_contents(shared / "small") == folder_contents(tmp_path / "small")
    shutil.rmtree(tmp_path / "small")
    assert cli(*start, f"run.upload_to={shared}") == 0
    assert cli("verify", shared / "small") == 0
    assert_same_contents(shared / "small", run)
    assert "uploaded" not in printed("resume", shared / "small", "--trust")


def test_generations_that_are_written_together_are_stored_and_downloaded(tmp_path: Path) -> None:
    shared, out = tmp_path / "shared", tmp_path / "out"
    shared.mkdir()
    changes = {"run": {"generations": 7, "commit_every": 3, "upload_to": str(shared)}}
    config = small_toml(tmp_path / "small.toml", **changes, transfer={"monitor_every": 0})
    start = ("run", config, "--resume", "--out", out)
    assert cli(*start) == 0
    there, here = shared / "small", out / "small"
    assert folder_contents(there) == folder_contents(here)
    assert [number for _, number in RunStore(there).states()] == [0, 3, 6, 7]
    assert cli("resume", here, "--after", "5", "--trust") == 0
    assert_same_contents(there, here)
    shutil.rmtree(here)
    assert cli(*start) == 0
    assert_same_contents(here, there)
    (there / "state" / "000003.npz").unlink()
    error = refused("fetch", f"file://{there}", "--out", tmp_path / "other", code=1)
    assert "state/000003.npz: missing" in error


def test_named_pipe_in_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    there = tmp_path / "small"
    there.mkdir()
    os.mkfifo(there / "run.json")
    error = refused("fetch", there.as_uri(), "--out", tmp_path / "out", code=3)
    assert f"{there}/run.json: it is no regular file" in error
    assert not (tmp_path / "out").exists()


def newer_schema(manifest: bytes) -> bytes:
    value = {**json.loads(manifest), "schema_version": 99, "sha256": checksums.EMPTY}
    data = bytearray(json.dumps(value, indent=2).encode())
    checksums.insert(memoryview(data))
    return bytes(data)


Change = Callable[[dict[str, bytes]], object]
DAMAGE: dict[str, tuple[Change, str]] = {
    "manifest flipped": (
        lambda at: at.update({"run.json": flipped(at["run.json"])}),
        "run.json is damaged",
    ),
    "manifest lost": (lambda at: at.pop("run.json"), "without its run.json"),
    "nothing there": (lambda at: at.clear(), "there is no run here"),
    "part flipped": (lambda at: at.update({PART: flipped(at[PART])}), f"{PART}: damaged"),
    "state cut": (lambda at: at.update({LAST: at[LAST][:99]}), f"{LAST}: damaged"),
    "part renamed": (
        lambda at: at.update({PART: at["episodes/part-000002.parquet"]}),
        "it was written as episodes/part-000002.parquet",
    ),
    "figure that is none": (
        lambda at: at.update({"figures/search.png": b"<script>evil()</script>"}),
        "figures/search.png: damaged: it is no PNG image",
    ),
    "newer program": (
        lambda at: at.update({"run.json": newer_schema(at["run.json"])}),
        "schema 99",
    ),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_storage_is_refused_and_nothing_is_left(
    run: Path, tmp_path: Path, how: str
) -> None:
    change, expected = DAMAGE[how]
    files = folder_contents(run)
    change(files)
    shared, out = tmp_path / "shared" / "small", tmp_path / "out"
    shared.mkdir(parents=True)
    out.mkdir()
    for name, data in files.items():
        (shared / name).parent.mkdir(exist_ok=True)
        (shared / name).write_bytes(data)
    errors = refused("resume", shared.as_uri(), "--out", out)
    assert errors.startswith(f"spikeloop: {shared}")
    assert expected in errors
    assert str(out) not in errors
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    "key",
    [
        "../evil.parquet",
        "episodes/../../../evil.parquet",
        "figures/../../evil.png",
        "/evil.png",
        "figures/.evil.png",
        "episodes/part-1.parquet",
        "episodes/part-000001.parquet.exe",
        "episodes/part-00000١.parquet",  # a digit, but of another alphabet
        "state/000003.npz\n",
        "evil/part-000001.parquet",
        "report.html/evil.png",
        "episodes\\part-000001.parquet",
    ],
)
def test_hostile_names_are_no_files_of_a_run(key: str) -> None:
    assert rank(key) is None


def test_only_files_of_a_run_are_downloaded(run: Path, s3: S3, stored: str, tmp_path: Path) -> None:
    for key in ("..\\evil.png", "evil.sh", "episodes/part-000001.parquet.exe", "episodes/.x.tmp"):
        s3.write(f"{stored}/{key}", b"evil")
    s3.write(f"{stored}/report.html", b"<script>evil()</script>")
    out = tmp_path / "here" / "runs"
    download(s3.uri(stored), out)
    assert folder_contents(out / "small") == folder_contents(run)
    assert folder_contents(tmp_path).keys() == {
        f"here/runs/small/{name}" for name in folder_contents(run)
    }
