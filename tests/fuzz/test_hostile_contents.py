"""Files that are whole by their checksum, and hostile by what they hold."""

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from support.folders import folder_contents
from support.small_run import small_toml

from fuzz.promise import run_and_check
from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files, reading, safe_npz
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.base import to_arrays

STATE, ROWS = "state/000001.npz", "generations/part-000001.parquet"


def rewritten(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Change a file and write its checksum anew, as its own author would."""
    path, store = folder / name, RunStore(folder)
    if path.suffix == ".npz":
        arrays, metadata = atomic_files.read_arrays(path)
        atomic_files.write_arrays(path, change(arrays), metadata, compressed=True)
    else:
        table = store.read_part(path)
        atomic_files.write_parquet(
            path, change(table).replace_schema_metadata(table.schema.metadata)
        )


def column(name: str, values: Any) -> Callable[[pa.Table], pa.Table]:
    """Return a change of a table that replaces a column."""
    return lambda table: table.set_column(table.column_names.index(name), name, pa.array(values))


CONTENTS: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "unknown rule": (ROWS, column("stopped", ["whim"]), "stopped must be one of episodes, target"),
    "another type": (ROWS, column("n_episodes", ["many"]), "n_episodes must be of the type int64"),
    "long state": (STATE, lambda a: {**a, "center": np.zeros(2_000_000)}, "center must be of"),
    "text in a state": (STATE, lambda a: {**a, "center": np.array("x")}, "center must be of"),
    "no field": (STATE, lambda a: {k: v for k, v in a.items() if k != "center"}, "has the fields"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_hostile_contents_of_a_run(run: Path, tmp_path: Path, name: str) -> None:
    file, change, words = CONTENTS[name]
    place = Path(shutil.copytree(run, tmp_path / "it"))
    rewritten(place, file, change)
    before = folder_contents(place)
    for command in (["resume", "it", "--inline"], ["transfer", "it", "--inline"], ["verify", "it"]):
        with chdir(tmp_path):
            result = run_and_check(*command)
        # A table of a wrong type cannot even be read; of the others ``verify`` names a problem.
        readable = command[0] == "verify" and file != ROWS
        assert result.code == (1 if readable else 2)
        assert words in result.message
        assert file in result.message
        assert folder_contents(place) == before


def test_a_state_that_lacks_what_an_earlier_version_did_not_have_is_read(
    run: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(run, tmp_path / "it"))
    rewritten(place, STATE, lambda a: {k: v for k, v in a.items() if k != "matrices"})
    state, known = (
        to_arrays(read_run(RunStore.open(folder), trust=True).state_after(1))
        for folder in (place, run)
    )
    assert state.keys() == known.keys()
    for name, array in known.items():
        np.testing.assert_array_equal(state[name], array)


def test_what_unpacks_to_more_than_is_allowed_is_not_unpacked(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(shutil.copytree(run, tmp_path / "it"))
    rewritten(place, STATE, lambda arrays: {**arrays, "center": np.zeros(4_000_000)})
    long = column("worker", ["x" * 1000] * 50_000)
    rewritten(place, "episodes/part-000001.parquet", lambda table: repeated(table, 50_000, long))
    for name in (STATE, "episodes/part-000001.parquet"):
        assert (place / name).stat().st_size < 1_000_000
    monkeypatch.setattr(reading, "LARGEST", 20 << 20)
    for read in (lambda: RunStore(place).state(1), lambda: RunStore(place).table("episodes")):
        with pytest.raises(ConfigError, match="it would unpack to more than 20 MiB"):
            read()


def repeated(table: pa.Table, n: int, change: Callable[[pa.Table], pa.Table]) -> pa.Table:
    """The first row of a table n times over, changed."""
    return change(table.take(pa.array([0] * n)))


def test_text_that_is_repeated_is_counted_as_often_as_it_stands_there(tmp_path: Path) -> None:
    few, many = ["a" * 10_000] * 10, ["a" * 10_000] * 10_000
    for texts in (few, many):
        atomic_files.write_parquet(tmp_path / "x.parquet", pa.table({"t": texts}))
        data = (tmp_path / "x.parquet").read_bytes()
        assert len(data) < 100_000
        safe_npz.check_table(data, 10_001 * len(texts))
        with pytest.raises(safe_npz.TooLarge):
            safe_npz.check_table(data, 9_999 * len(texts))


def test_a_state_of_millions_of_weights_is_read(tmp_path: Path) -> None:
    arrays = {"center": np.arange(3_000_000.0), "first": np.zeros(3_000_000)}
    atomic_files.write_arrays(tmp_path / "x.npz", arrays)
    found, _ = atomic_files.read_arrays(tmp_path / "x.npz")
    np.testing.assert_array_equal(found["center"], arrays["center"])


def test_nesting_is_counted() -> None:
    for depth in (reading.DEEPEST, reading.DEEPEST + 1):
        text = '{"a":' * depth + "1" + "}" * depth
        if depth == reading.DEEPEST:
            assert "a" in reading.parse_json(text)
        else:
            with pytest.raises(ValueError, match="nested deeper than 64 levels"):
                reading.parse_json(text)


def test_a_pipe_in_the_place_of_a_temporary_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".x.json.tmp")
    with pytest.raises(OSError, match=r"\.x\.json\.tmp is in the way"):
        atomic_files.write_json(tmp_path / "x.json", {})


def test_a_configuration_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As a shell's ``<(...)`` gives it; it is the user's own."""
    text = small_toml(tmp_path / "small.toml").read_text()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(text))
    writer.start()
    assert load(tmp_path / "pipe").run.name == "small"
    writer.join()
