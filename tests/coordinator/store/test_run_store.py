"""A run folder: what is committed, what is refused, and what a crash leaves."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files, schemas
from spikeloop.coordinator.store.run_store import RunStore

MANIFEST: dict[str, Any] = {"config": {}}


def table(*values: float) -> pa.Table:
    return pa.table({"value": pa.array(values, pa.float64())})


def test_existing_folder_is_refused_and_untouched(tmp_path: Path) -> None:
    RunStore.create(tmp_path / "run", MANIFEST)
    with pytest.raises(ConfigError, match="spikeloop resume"):
        RunStore.create(tmp_path / "run", MANIFEST)
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigError, match="--out"):
        RunStore.create(tmp_path / "other", MANIFEST)
    assert list((tmp_path / "other").iterdir()) == []


def test_a_folder_that_appears_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "exists", lambda path: False)
        folder.mkdir()
        (folder / "run.json").write_text("another's")
        with pytest.raises(ConfigError, match="cannot be written"):
            RunStore.create(folder, MANIFEST)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (folder / "run.json").read_text() == "another's"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"config": 3}'])
def test_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ConfigError, match=r"run\.json: damaged"):
        RunStore.open(tmp_path)


def test_another_schema_is_refused_with_the_version_that_wrote_it(tmp_path: Path) -> None:
    manifest = {"config": {}, "schema_version": 1, "spikeloop": "0.1.0"}
    atomic_files.write_json(tmp_path / "run.json", manifest)
    with pytest.raises(ConfigError) as error:
        RunStore.open(tmp_path)
    message = str(error.value)
    assert message.startswith(f"{tmp_path}: written by Spikeloop 0.1.0 with schema 1; ")
    assert f"reads schema {schemas.SCHEMA_VERSION}" in message


def test_not_a_run_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a run folder"):
        RunStore.open(tmp_path)


def test_second_coordinator_is_kept_out(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "run", MANIFEST)
    with (
        store.locked(),
        pytest.raises(ConfigError, match=rf"process {os.getpid()} on .* is writing it"),
        RunStore(store.folder).locked(),
    ):
        pass
    with RunStore(store.folder).locked():
        pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    store = RunStore.create(tmp_path / "run", MANIFEST)
    monkeypatch.setattr(fcntl, "flock", unsupported)
    with pytest.raises(PoolError) as error, store.locked():
        pass
    assert str(error.value).startswith(f"{store.folder}: cannot be locked ({os.strerror(number)})")
    assert str(error.value).endswith("keep it on another file system")


def test_an_error_of_the_disk_names_the_file_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore.create(tmp_path / "run", MANIFEST)
    store.commit(0, {"episodes": table(1.0)}, {"x": np.zeros(1)})
    path = store.part_path("episodes", 0)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as error:
            store.commit(0, {"episodes": table(2.0)}, {"x": np.ones(1)})
    assert error.value.filename == str(path)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert store.read_part(path)["value"].to_pylist() == [1.0]


def test_readers_see_committed_generations_only(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "run", MANIFEST)
    store.commit(0, {}, {"x": np.zeros(1)})
    now = store.as_of_now()
    assert store.table("episodes") is None
    store.commit(1, {"episodes": table(1.0)}, {"x": np.zeros(1)})
    store.state_path(1).rename(tmp_path / "away")  # the last instant before the commit
    assert store.table("episodes") is None
    (tmp_path / "away").rename(store.state_path(1))
    assert store.table("episodes") is not None
    assert now.table("episodes") is None


def test_text_that_imitates_a_checksum_changes_nothing(tmp_path: Path) -> None:
    imitation = '"sha256": "' + "0" * 64
    value = {"a": imitation, "sha256": "1" * 64, "z": {"sha256": "f" * 64}}
    atomic_files.write_json(tmp_path / "x.json", value)
    assert atomic_files.read_json(tmp_path / "x.json") == {
        "a": imitation,
        "z": {"sha256": "f" * 64},
    }
    rows = pa.table({"text": [imitation, "sha256\x18\x40" + "0" * 64]})
    atomic_files.write_parquet(tmp_path / "x.parquet", rows)
    assert atomic_files.read_parquet(tmp_path / "x.parquet") == rows


def test_objects_are_not_pickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        atomic_files.write_arrays(tmp_path / "x.npz", {"x": np.array([object()])})
    assert list(tmp_path.iterdir()) == []
