"""The copy of a run: on an S3 server and in a folder, sound at any instant, brought back, refused.

Kills at chosen operations are in ``store_faults/test_copies.py``.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyarrow import fs
from support.command_line import cli, one_line
from support.folders import folder_contents
from support.s3_server import BUCKET, ENVIRONMENT, S3
from support.small_run import SilentReporter, assert_same_contents, small_config, small_toml

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config import uris
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.store.commit_order import rank
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.sync import background_upload, download, storage
from spikeloop.coordinator.sync.background_upload import Copying
from spikeloop.coordinator.sync.download import Copy
from spikeloop.coordinator.sync.upload import Mirror

pytestmark = pytest.mark.usefixtures("without_figures")

PART = "episodes/part-000001.parquet"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in ENVIRONMENT.items():
            patched.setenv(name, value)
        server = S3()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def run(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose copy is at ``lab/small`` of the server."""
    folder = tmp_path_factory.mktemp("copies")
    config = small_toml(folder / "small.toml", run={"copy_to": s3.uri("lab")})
    assert cli("run", str(config), "--out", str(folder)) == 0
    return folder / "small"


@pytest.fixture
def copied(run: Path, s3: S3, request: pytest.FixtureRequest) -> str:
    """A prefix with a copy of its own, for a test to spoil."""
    prefix = f"spoilt/{request.node.name}/small"
    for name, data in s3.objects("lab/small").items():
        s3.write(f"{prefix}/{name}", data)
    return prefix


# --- what a copy is -------------------------------------------------------------------------------


def test_a_copy_holds_the_very_files_of_the_run(run: Path, s3: S3) -> None:
    assert s3.objects("lab/small") == folder_contents(run)
    assert len(folder_contents(run)) > 15


def test_pandas_reads_a_copy_where_it_is(run: Path, s3: S3) -> None:
    store = fs.S3FileSystem(endpoint_override=f"127.0.0.1:{s3.port}", scheme="http")
    there = pd.read_parquet(f"{BUCKET}/lab/small/episodes", filesystem=store)
    pd.testing.assert_frame_equal(there, pd.read_parquet(run / "episodes"))


class Recorder:
    """A place that remembers in which order files come and go."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.written: list[str] = []
        self.removed: list[str] = []
        self.failing: Callable[[], Exception | None] = lambda: None

    def __str__(self) -> str:
        return "there"

    def _fail(self) -> None:
        if error := self.failing():
            raise error

    def names(self) -> set[str]:
        self._fail()
        return set(self.files)

    def read(self, name: str) -> bytes | None:
        self._fail()
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        self._fail()
        self.files[name] = data
        self.written.append(name)

    def remove(self, name: str) -> None:
        self._fail()
        del self.files[name]
        self.removed.append(name)


def test_files_come_in_the_order_of_commits_and_go_in_the_opposite_one(run: Path) -> None:
    place, store = Recorder(), RunStore(run)
    mirror = Mirror(place)
    mirror.push(store, store.generation())
    mirror.push_results(store)
    assert place.written[0] == "run.json"
    assert [n for n in place.written if n.startswith("state")] == [
        f"state/{number:06d}.npz" for number in range(4)
    ]
    assert place.written.index("state/000002.npz") == 1 + max(
        place.written.index(f"{name}/part-000002.parquet")
        for name in ("episodes", "candidates", "curves", "generations")
    )
    assert place.written.index("transfer/part-000000.parquet") > place.written.index(
        "state/000003.npz"
    )
    ranks = [rank(name) for name in place.written]
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda found: found or (0, 0))

    mirror.go_back(1)
    assert place.removed == [n for n in reversed(place.written) if n in place.removed]
    assert place.removed[:2] == ["transfer/part-000000.parquet", "state/000003.npz"]
    assert mirror.generation == Copy(place).generation == 1
    again = Mirror(place)
    again.push(store, store.generation())
    assert place.files.keys() == folder_contents(run).keys() - {"transfer/part-000000.parquet"} | {
        "figures/search.png",
        "figures/learning.png",
    }


def test_what_is_there_is_not_written_again_and_what_is_lost_is(run: Path) -> None:
    place, store = Recorder(), RunStore(run)
    Mirror(place).push(store, 2)
    place.written.clear()
    Mirror(place).push(store, 2)
    assert place.written == []
    del place.files["episodes/part-000001.parquet"]
    place.files["episodes/part-000003.parquet"] = b"begun and never committed"
    Mirror(place).push(store, 3)
    assert place.written[0] == "episodes/part-000001.parquet"
    assert (
        place.files["episodes/part-000003.parquet"]
        == folder_contents(run)["episodes/part-000003.parquet"]
    )


# --- a run that has lost its folder ---------------------------------------------------------------


def test_a_lost_folder_is_brought_back_by_the_same_command(
    run: Path, s3: S3, tmp_path: Path, copied: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the copy was after generation 2, a third begun."""
    for name in s3.objects(copied):
        if name == "state/000003.npz" or name.startswith(("transfer", "figures")):
            s3.remove(f"{copied}/{name}")
    uri = s3.uri(copied.removesuffix("/small"))
    config = str(small_toml(tmp_path / "small.toml", run={"copy_to": uri}))
    assert cli("run", config, "--resume", "--out", str(tmp_path)) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert "up to generation 2, from s3://bucket/" in output
    assert "resumed after generation 2 of 3" in output
    assert_same_contents(tmp_path / "small", run)
    assert s3.objects(copied) == folder_contents(tmp_path / "small")
    assert cli("verify", str(tmp_path / "small")) == 0


def test_a_copy_is_resumed_by_its_address(
    run: Path, s3: S3, tmp_path: Path, copied: str, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.remove(f"{copied}/state/000003.npz")
    assert cli("resume", s3.uri(copied), "--out", str(tmp_path)) == 0
    assert f"copy: s3://bucket/{copied}?" in capsys.readouterr().out
    assert_same_contents(tmp_path / "small", run)
    assert "state/000003.npz" in s3.objects(copied)  # and not in lab, as run.json says


def test_fetch_brings_what_is_missing(run: Path, s3: S3, tmp_path: Path, copied: str) -> None:
    last = s3.read(f"{copied}/state/000003.npz")
    s3.remove(f"{copied}/state/000003.npz")
    folder = download.fetch(s3.uri(copied), tmp_path)
    assert folder == tmp_path / "small"
    store = RunStore.open(folder)
    assert (store.generation(), store.uncommitted()) == (2, [])
    s3.write(f"{copied}/state/000003.npz", last)
    with store.locked(), pytest.raises(ConfigError, match="is writing it"):
        download.fetch(s3.uri(copied), tmp_path)
    flipped = bytearray((folder / PART).read_bytes())
    flipped[99] ^= 4
    (folder / PART).write_bytes(flipped)
    (folder / "figures" / "search.png").write_bytes(b"drawn earlier")
    download.fetch(s3.uri(copied), tmp_path)
    assert folder_contents(folder) == folder_contents(run)
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_fetch_brings_a_table_that_was_written_again(
    run: Path, s3: S3, tmp_path: Path, copied: str
) -> None:
    """``spikeloop transfer`` before the end of a search, and the search's own at its end."""
    last, table = "state/000003.npz", "transfer/part-000000.parquet"
    at_the_end = {name: s3.read(f"{copied}/{name}") for name in (last, table)}
    s3.remove(f"{copied}/{last}")
    store = RunStore.open(download.fetch(s3.uri(copied), tmp_path))
    store.write_transfer(store.folder / table, store.read_part(store.folder / table).slice(1))
    s3.write(f"{copied}/{last}", at_the_end[last])
    download.fetch(s3.uri(copied), tmp_path)
    assert (store.folder / table).read_bytes() == at_the_end[table]
    RunStore(run).check(run / table)


def test_two_histories_of_one_run_are_not_mixed(
    run: Path, s3: S3, tmp_path: Path, copied: str
) -> None:
    """Gone back to generation 1 and run again by other code, up to generation 2."""
    store = RunStore.open(download.fetch(s3.uri(copied), tmp_path))
    other = {name: array + 1 for name, array in store.state(2).items() if array.dtype.kind == "f"}
    parts = {"episodes": store.read_part(store.part_path("episodes", 2))}
    store.go_back(1)
    download.fetch(s3.uri(copied), tmp_path)  # nothing was run again yet
    assert store.generation() == 3
    store.go_back(1)
    store.commit(2, parts, other)
    before, there = folder_contents(tmp_path), s3.objects(copied)
    with pytest.raises(ConfigError, match=r"run again elsewhere; choose another --out"):
        download.fetch(s3.uri(copied), tmp_path)
    config = small_config(run={"copy_to": s3.uri(copied.removesuffix("/small"))})
    with pytest.raises(ConfigError, match="run again elsewhere; choose another place"):
        run_session.resume(config, store, SilentReporter(), StopSignal())
    assert folder_contents(tmp_path) == before
    assert s3.objects(copied) == there


def test_fetch_leaves_what_is_no_such_run(
    run: Path, s3: S3, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch = ("fetch", s3.uri("lab/small"), "--out", str(tmp_path))
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "mine").touch()
    assert cli(*fetch) == 2
    assert f"{tmp_path / 'small'}: is in the way" in one_line(capsys)
    (tmp_path / "small" / "mine").unlink()
    run_session.start(
        small_config(), tmp_path / "small", SilentReporter(), StopSignal(), or_resume=True
    )
    before = folder_contents(tmp_path)
    assert cli(*fetch) == 2
    assert f"{tmp_path / 'small'}: holds another run than s3://bucket/lab/" in one_line(capsys)
    assert folder_contents(tmp_path) == before


def test_another_evaluation_is_copied_too(run: Path, s3: S3, tmp_path: Path, copied: str) -> None:
    folder = download.fetch(s3.uri(copied), tmp_path)
    uri = s3.uri(copied.removesuffix("/small"))
    config = small_config(run={"copy_to": uri})
    run_session.transfer(
        config,
        RunStore.open(folder),
        config.transfer.model_copy(update={"seed": 4}),
        SilentReporter(),
        StopSignal(),
    )
    assert s3.objects(copied) == folder_contents(folder)
    other = "other_transfers/seed-000004-tasks-000006-generation-000003.parquet"
    assert other in s3.objects(copied)
    again = download.fetch(s3.uri(copied), tmp_path / "again")
    assert folder_contents(again).keys() == folder_contents(folder).keys()


def test_going_back_goes_back_in_the_copy(run: Path, s3: S3, tmp_path: Path, copied: str) -> None:
    folder = download.fetch(s3.uri(copied), tmp_path)
    assert cli("resume", s3.uri(copied), "--out", str(tmp_path), "--after", "1") == 0
    assert_same_contents(folder, run)
    assert s3.objects(copied) == folder_contents(folder)


# --- a folder as the place ------------------------------------------------------------------------


def test_a_folder_holds_a_copy_that_is_a_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(small_toml(tmp_path / "small.toml"))
    shared = tmp_path / "shared"
    start = ("run", config, "--resume", "--out", str(tmp_path), "--set")
    assert cli(*start, f"run.copy_to={shared}") == 3
    assert f"{shared}: there is no such folder; make or mount it" in one_line(capsys)
    assert not (tmp_path / "small").exists()
    shared.mkdir()
    assert cli(*start, f"run.copy_to=file://{shared}") == 0
    assert folder_contents(shared / "small") == folder_contents(tmp_path / "small")
    shutil.rmtree(tmp_path / "small")
    assert cli(*start, f"run.copy_to={shared}") == 0
    assert cli("verify", str(shared / "small")) == 0
    assert_same_contents(shared / "small", run)
    capsys.readouterr()
    # Resumed where it lies, it is the run itself and has no copy.
    assert cli("resume", str(shared / "small"), "--trust") == 0
    assert "copy:" not in capsys.readouterr().out


def test_generations_that_are_written_together_are_copied_and_brought_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared, out = tmp_path / "shared", tmp_path / "out"
    shared.mkdir()
    changes = {"run": {"generations": 7, "commit_every": 3, "copy_to": str(shared)}}
    config = str(small_toml(tmp_path / "small.toml", **changes, transfer={"monitor_every": 0}))
    start = ("run", config, "--resume", "--out", str(out))
    assert cli(*start) == 0
    there, here = shared / "small", out / "small"
    assert folder_contents(there) == folder_contents(here)
    assert [number for _, number in RunStore(there).states()] == [0, 3, 6, 7]
    assert cli("resume", str(here), "--after", "5") == 0
    assert_same_contents(there, here)
    shutil.rmtree(here)
    assert cli(*start) == 0
    assert_same_contents(here, there)
    (there / "state" / "000003.npz").unlink()
    capsys.readouterr()
    assert cli("fetch", f"file://{there}", "--out", str(tmp_path / "other")) == 2
    assert "state/000003.npz is missing" in one_line(capsys)


def test_links_in_a_folder_are_not_followed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    for name in ("figures/b.png", "run.json", "episodes"):
        there = shutil.copytree(run, tmp_path / name.replace("/", "_") / "small")
        if (there / name).is_dir():
            shutil.rmtree(there / name)
        (there / name).unlink(missing_ok=True)
        (there / name).symlink_to(
            run / name if name != "figures/b.png" else tmp_path / "secret.png"
        )
        assert cli("fetch", str(there), "--out", str(tmp_path / "out")) == 2
        assert f"{there / name}: is a link, and no links are followed there" in one_line(capsys)
        with pytest.raises(PoolError, match=r"symbolic links|Not a directory"):
            storage.below(str(there.parent), "small").read(name if name != "episodes" else PART)
    assert not (tmp_path / "out").exists()


def test_nothing_is_changed_through_a_link(run: Path, tmp_path: Path) -> None:
    for linked in ("small", "small/episodes"):
        above, target = tmp_path / linked.replace("/", "_"), tmp_path / f"target{len(linked)}"
        victim = target / (PART if linked == "small" else Path(PART).name)
        victim.parent.mkdir(parents=True)
        victim.write_bytes(b"precious")
        (above / linked).parent.mkdir(parents=True)
        (above / linked).symlink_to(target)
        place = storage.below(str(above), "small")
        changes = (place.names, lambda p=place: p.write(PART, b""), lambda p=place: p.remove(PART))
        for change in changes:
            with pytest.raises(ConfigError, match=f"{linked}: is a link, and no links"):
                change()
        with pytest.raises(PoolError):
            place.read(PART)
        assert [path for path in target.rglob("*") if path.is_file()] == [victim]
        assert victim.read_bytes() == b"precious"


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "small"
    there.mkdir()
    os.mkfifo(there / "run.json")
    for command in ("fetch", "resume"):
        assert cli(command, there.as_uri(), "--out", str(tmp_path / "out")) == 3
        assert f"{there}: run.json: it is no regular file" in one_line(capsys)
    assert not (tmp_path / "out").exists()


# --- a store that fails ---------------------------------------------------------------------------


class Listener(SilentReporter):
    """A reporter that does something at a generation or a note."""

    def __init__(self, on_generation: Callable[[], None], on_trouble: Callable[[], None]) -> None:
        self.notes: list[str] = []
        self._on_generation, self._on_trouble = on_generation, on_trouble

    def generation(self, report: Any) -> None:
        if report.generation == 1:
            self._on_generation()

    def note(self, text: str) -> None:
        self.notes.append(text)
        if "trying again" in text:
            self._on_trouble()


def test_a_server_that_fails_for_a_while_is_told_of_and_caught_up_with(
    run: Path, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_upload, "PAUSE_S", 0.05)
    listener = Listener(on_generation=s3.stop, on_trouble=s3.start)
    config = small_config(run={"copy_to": s3.uri("outage")})
    run_session.start(config, tmp_path / "small", listener, StopSignal())
    assert len([note for note in listener.notes if "trying again" in note]) == 1
    assert listener.notes[-1] == f"copy: {s3.uri('outage/small')}"
    assert s3.objects("outage/small") == folder_contents(tmp_path / "small")
    assert_same_contents(tmp_path / "small", run)


def test_a_server_that_stays_away_ends_a_run_that_is_whole_here(
    run: Path, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_upload, "PAUSE_S", 0.05)
    monkeypatch.setattr(background_upload, "LAST_S", 0.0)
    listener = Listener(on_generation=s3.stop, on_trouble=lambda: None)
    config = small_config(run={"copy_to": s3.uri("away")})
    with pytest.raises(PoolError, match=r"^s3://bucket/away/small.*is the store up"):
        run_session.start(config, tmp_path / "small", listener, StopSignal())
    assert_same_contents(tmp_path / "small", run)
    s3.start()
    run_session.resume(config, RunStore.open(tmp_path / "small"), SilentReporter(), StopSignal())
    assert s3.objects("away/small") == folder_contents(tmp_path / "small")


def test_patience_with_a_copy_ends(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_upload, "PAUSE_S", 0.0)
    place, store, notes = Recorder(), RunStore(run), list[str]()
    keeper = Copying(Mirror(place), store, notes.append, StopSignal())
    tried: list[None] = []

    def failing() -> PoolError:
        tried.append(None)
        return PoolError("there: no")

    place.failing = failing
    keeper.begin()
    give_up = time.monotonic() + 60
    while len(tried) < 2:  # the second attempt comes when the first is known to have failed
        assert time.monotonic() < give_up
        time.sleep(0.001)
    store.after_commit(1)
    assert notes[0] == "copy: there: no; going on, and trying again"
    monkeypatch.setattr(background_upload, "PATIENCE_S", -1.0)
    with pytest.raises(PoolError, match="the copy is behind"):
        store.after_commit(2)
    keeper.end(finished=False)
    assert notes[-1].startswith("the copy is 3 generations behind (there: no)")


def test_an_error_that_nobody_expected_is_told_and_tried_again(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_upload, "PAUSE_S", 0.0)
    place, store, notes = Recorder(), RunStore(run), list[str]()
    keeper = Copying(Mirror(place), store, notes.append, StopSignal())
    tried: list[None] = []

    def failing() -> Exception:
        tried.append(None)
        return KeyError("no such thing")

    place.failing = failing
    keeper.begin()
    give_up = time.monotonic() + 60
    while len(tried) < 2:
        assert time.monotonic() < give_up
        time.sleep(0.001)
    store.after_commit(1)
    assert notes[0].startswith("copy: there: unexpected KeyError: 'no such thing'; going on, and")
    place.failing = lambda: None
    while not place.files.keys() >= {"state/000003.npz"}:
        assert time.monotonic() < give_up
        time.sleep(0.001)
    keeper.end(finished=True)
    assert notes[-1] == "copy: there"


def test_an_interrupted_run_copies_what_it_has_committed(run: Path) -> None:
    place, store, notes = Recorder(), RunStore(run), list[str]()
    keeper = Copying(Mirror(place), store, notes.append, StopSignal())
    keeper.begin()
    keeper.end(finished=False)
    assert Copy(place).generation == 3
    assert notes == []


def test_an_interrupted_run_does_not_wait_for_a_write_that_hangs(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_upload, "LEAVING_S", 0.05)
    place, store, notes = Recorder(), RunStore(run), list[str]()
    keeper = Copying(Mirror(place), store, notes.append, StopSignal())
    hanging, released = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        released.wait()

    place.failing = hang
    keeper.begin()
    try:
        assert hanging.wait(60)
        keeper.end(finished=False)
        assert notes[0].startswith("the copy is 4 generations behind (there is too slow)")
        assert place.written == []
    finally:
        released.set()


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://bucket/lab?endpoint_override=127.0.0.1:1&scheme=http", "is the store up, and"),
        ("s3://other/lab{options}", "there is no bucket other; make it first"),
    ],
)
def test_a_store_that_is_not_there_is_told_before_work_begins(
    s3: S3, tmp_path: Path, capsys: pytest.CaptureFixture[str], uri: str, words: str
) -> None:
    copy = uri.format(options=s3.options)
    config = str(small_toml(tmp_path / "small.toml", run={"copy_to": copy}))
    for more in ((), ("--resume",)):
        assert cli("run", config, "--out", str(tmp_path), *more) == 3
        errors = one_line(capsys)
        assert errors.startswith("spikeloop: s3://")
        assert words in errors
        assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


# --- what is refused ------------------------------------------------------------------------------


def flip(s3: S3, key: str) -> None:
    data = bytearray(s3.read(key))
    data[len(data) // 3] ^= 4
    s3.write(key, bytes(data))


def foreign(s3: S3, copied: str, tmp_path: Path) -> None:
    """A part of another run with the same configuration."""
    folder = tmp_path / "another" / "small"
    run_session.start(small_config(), folder, SilentReporter(), StopSignal())
    s3.write(
        f"{copied}/episodes/part-000002.parquet",
        (folder / "episodes" / "part-000002.parquet").read_bytes(),
    )
    shutil.rmtree(tmp_path / "another")


def emptied(s3: S3, copied: str, tmp_path: Path) -> None:
    for name in s3.objects(copied):
        s3.remove(f"{copied}/{name}")


SPOILERS: dict[str, tuple[Callable[[S3, str, Path], None], str]] = {
    "manifest flipped": (lambda s3, at, _: flip(s3, f"{at}/run.json"), "run.json is damaged"),
    "manifest lost": (lambda s3, at, _: s3.remove(f"{at}/run.json"), "without its run.json"),
    "nothing there": (emptied, "there is no run here"),
    "part flipped": (
        lambda s3, at, _: flip(s3, f"{at}/episodes/part-000001.parquet"),
        "episodes/part-000001.parquet: damaged",
    ),
    "state cut": (
        lambda s3, at, _: s3.write(
            f"{at}/state/000002.npz", s3.read(f"{at}/state/000002.npz")[:99]
        ),
        "state/000002.npz: damaged",
    ),
    "part lost": (
        lambda s3, at, _: s3.remove(f"{at}/candidates/part-000002.parquet"),
        "candidates/part-000002.parquet is missing",
    ),
    "part of another run": (foreign, "damaged: it was written by another run"),
    "part renamed": (
        lambda s3, at, _: s3.write(
            f"{at}/episodes/part-000002.parquet", s3.read(f"{at}/episodes/part-000001.parquet")
        ),
        "it was written as episodes/part-000001.parquet",
    ),
    "figure that is none": (
        lambda s3, at, _: s3.write(f"{at}/figures/search.png", b"<script>evil()</script>"),
        "figures/search.png: damaged: it is no PNG image",
    ),
    "later program": (
        lambda s3, at, _: s3.write(f"{at}/run.json", resealed(s3.read(f"{at}/run.json"))),
        "written with schema version 99",
    ),
}


def resealed(manifest: bytes) -> bytes:
    from spikeloop.coordinator.store import checksums

    value = {**json.loads(manifest), "schema_version": 99}
    data = bytearray(json.dumps({**value, "sha256": checksums.EMPTY}, indent=2).encode())
    checksums.insert(memoryview(data))
    return bytes(data)


@pytest.mark.parametrize("how", SPOILERS)
def test_a_damaged_copy_is_refused_and_nothing_is_left(
    s3: S3, copied: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    spoil, words = SPOILERS[how]
    spoil(s3, copied, tmp_path)
    assert cli("resume", s3.uri(copied), "--out", str(tmp_path)) == 2
    errors = one_line(capsys)
    assert errors.startswith("spikeloop: s3://bucket/spoilt/")
    assert words in errors
    assert str(tmp_path) not in errors
    assert list(tmp_path.iterdir()) == []


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


def test_nothing_but_a_runs_files_is_brought(
    run: Path, s3: S3, copied: str, tmp_path: Path
) -> None:
    for key in ("..\\evil.png", "evil.sh", "episodes/part-000001.parquet.exe", "episodes/.x.tmp"):
        s3.write(f"{copied}/{key}", b"evil")
    s3.write(f"{copied}/report.html", b"<script>evil()</script>")
    out = tmp_path / "here" / "runs"
    download.fetch(s3.uri(copied), out)
    assert folder_contents(out / "small") == folder_contents(run)
    assert folder_contents(tmp_path).keys() == {
        f"here/runs/small/{name}" for name in folder_contents(run)
    }


def test_a_copy_of_another_run_is_left_alone(
    run: Path, s3: S3, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = s3.objects("lab/small")
    config = str(small_toml(tmp_path / "small.toml", run={"copy_to": s3.uri("lab")}))
    assert cli("run", config, "--out", str(tmp_path)) == 2
    assert "the copy of another run" in one_line(capsys)
    assert not (tmp_path / "small").exists()
    seed = ("--set", "run.seed=8")
    assert cli("run", config, "--resume", "--out", str(tmp_path), *seed) == 2
    errors = one_line(capsys)
    assert errors.startswith("spikeloop: s3://bucket/lab/small")
    assert "begun with run.seed = 7, not 8" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]
    assert s3.objects("lab/small") == before


def test_another_run_that_takes_the_place_ends_this_one(run: Path, tmp_path: Path) -> None:
    """Two of the same name began at the same time on different machines."""
    run_session.start(small_config(), tmp_path / "small", SilentReporter(), StopSignal())
    place = Recorder()
    mine, theirs = Mirror(place), Mirror(place)
    mine.push(RunStore(run), 1)
    theirs.push(RunStore(tmp_path / "small"), 1)
    place.files["run.json"] = (tmp_path / "small" / "run.json").read_bytes()
    with pytest.raises(ConfigError, match="the copy of another run"):
        mine.push(RunStore(run), 2)


def test_a_copy_that_is_ahead_is_not_overwritten(
    run: Path, s3: S3, copied: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = download.fetch(s3.uri(copied), tmp_path)
    RunStore(folder).go_back(1)
    uri = s3.uri(copied.removesuffix("/small"))
    config = str(small_toml(tmp_path / "small.toml", run={"copy_to": uri}))
    assert cli("run", config, "--resume", "--out", str(tmp_path)) == 2
    errors = one_line(capsys)
    assert "has generation 3" in errors
    assert f"spikeloop fetch '{s3.uri(copied)}' --out {tmp_path}" in errors
    download.fetch(s3.uri(copied), tmp_path)
    assert cli("run", config, "--resume", "--out", str(tmp_path)) == 0


@pytest.mark.parametrize(
    ("copy", "words"),
    [
        ("s3://key:hunter2@bucket/x", "must hold no credentials; give them in the environment"),
        ("s3://bucket/x?secret_key=hunter2", "must have no option 'secret_key' after the ?"),
        ("s3://bucket/../x", "must have no # and no . or .. in its path"),
        ("s3://", "must be s3:// and the name of a bucket"),
        ("s3://bucket:99999999/x", "must be a URI"),
        ("ftp://bucket/x", "must be an absolute path, or begin with one of s3://, gs://, file://"),
        ("hunter2", "must be an absolute path"),
        ("file://host/x", "must be file:/// and an absolute path"),
    ],
)
def test_places_that_are_none_are_refused_without_being_quoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], copy: str, words: str
) -> None:
    config = str(small_toml(tmp_path / "small.toml", run={"copy_to": copy}))
    assert cli("run", config, "--out", str(tmp_path)) == 2
    errors = one_line(capsys)
    assert f"{config}: [run] copy_to {words}" in errors
    assert "hunter2" not in errors
    if "://" in copy:
        assert cli("resume", f"{copy}/small", "--out", str(tmp_path)) == 2
        assert "hunter2" not in one_line(capsys)


def test_a_comparison_says_that_it_is_not_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[comparison]\nbudget = 100\n[run]\ncopy_to = "/tmp"\n')
    assert cli("compare", str(path), "--out", str(tmp_path)) == 2
    assert "comparisons are not copied" in one_line(capsys)


@pytest.mark.parametrize(
    ("text", "above", "name"),
    [
        ("s3://bucket/a/b/name?scheme=http", "s3://bucket/a/b?scheme=http", "name"),
        ("s3://bucket/name/", "s3://bucket/", "name"),
        ("gs://anonymous@bucket/a/name", "gs://anonymous@bucket/a", "name"),
        ("file:///small", "file:///", "small"),
        ("file:///mnt/small", "file:///mnt", "small"),
        ("/mnt/a?b/name", "/mnt/a?b", "name"),
        ("/mnt/runs/name", "/mnt/runs", "name"),
        ("/name", "/", "name"),
    ],
)
def test_an_address_is_a_place_and_a_name(text: str, above: str, name: str) -> None:
    assert uris.split(text) == (above, name)
    uris.check(above)  # so that it can be kept as run.copy_to


def test_a_folder_of_the_root_is_found_by_its_address() -> None:
    above, name = uris.split("file:///small")
    assert str(storage.below(above, name)) == "/small"


@pytest.mark.parametrize("text", ["s3://bucket", "s3://bucket/?scheme=http", "file:///", "/"])
def test_an_address_without_a_name_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    with pytest.raises(ValueError, match="must end with a name"):
        uris.split(text)
    assert cli("fetch", text, "--out", str(tmp_path)) == 2
    assert "the address of a copy must end with a name" in one_line(capsys)
