"""Whatever stands in the place of a file of a run or a comparison, commands end in one line.

Commands run in a child process with little memory that is killed when it takes too long, so that
one that waits for ever fails its test. In a run each kind of hostility meets ``verify``, ``resume``
and one of the other commands, in a comparison one command; with ``SPIKELOOP_FUZZ`` above 1 it meets
all of them.
"""

import os
import shutil
import threading
from collections.abc import Callable, Sequence, Set
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from blank import blank_figures
from contest import write_toml
from small import small_toml

from fuzz.promise import TIMES, kept
from fuzz.test_bombs import ended
from spikeloop.coordinator.cli.main import main
from spikeloop.coordinator.config.load import load
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files, reading, safe_npz
from spikeloop.coordinator.store.run_store import RunStore

STATE, ROWS = "state/000001.npz", "generations/part-000001.parquet"
OF_A_RUN = (
    *("run.json", STATE, ROWS, "episodes/part-000001.parquet", "curves/part-000000.parquet"),
    *("transfer/part-000000.parquet", ".lock"),
)
OF_A_COMPARISON = (
    *("comparison.json", "study.db", "study.db-journal", "findings.json", "results.parquet"),
    *("tuning/evolution/000000/trial.json", "contest/evolution/000000.json", ".lock"),
    *("contest/evolution/000000.parquet", "runs/evolution/000000/run.json"),
)
CHECKS = (["verify", "IT"], ["resume", "IT", "--inline"])
COMMANDS = (
    *(["transfer", "IT", "--inline"], ["report", "IT"], ["watch", "IT", "--once"]),
    *(["watch", "IT", "--json"], ["export", "IT", "--to", "weights", "--out", "out/IT.npz"]),
    *(["episodes", "IT", "--tasks", "2"], ["policies", "IT"]),
)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def hole(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 40)


def nested(path: Path) -> None:
    path.write_text("[" * 200_000 + "]" * 200_000)


KINDS = (pipe, device, folder, loop, hole, nested)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run")
    config = small_toml(place / "small.toml", run={"generations": 1})
    with blank_figures(), pytest.raises(SystemExit):
        main(["run", str(config), "--out", str(place)])
    return place / "small"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("comparison")
    with blank_figures(), pytest.raises(SystemExit):
        main(["compare", str(write_toml(place / "small.toml")), "--out", str(place)])
    return place / "small"


def tree(place: Path) -> dict[str, tuple[int, int, int]]:
    """What is in a folder, by kind, size and time of the last change; locks are taken anew."""
    found = {}
    for path in place.rglob("*"):
        if path.name != ".lock":
            at = path.lstat()
            found[str(path)] = (at.st_mode, at.st_size, at.st_mtime_ns if path.is_file() else 0)
    return found


def placed(source: Path, place: Path, name: str, kind: Callable[[Path], None]) -> Path:
    """A copy of a folder in which something hostile stands in the place of a file."""
    shutil.copytree(source, place)
    path = place / name
    if path.exists():
        path.unlink()
    kind(path)
    return place


def check(
    where: Path,
    source: Path,
    name: str,
    first: int,
    always: Sequence[Sequence[str]],
    rest: Sequence[Sequence[str]],
    notice: Set[str],
) -> None:
    """Every hostility in the place of a file: each command ends by itself and in one line.

    Args:
        where: to work in.
        source: the folder.
        name: of the file.
        first: which of the other commands the first hostility meets.
        always: commands that each of them meets.
        rest: the others.
        notice: the commands that read every file, so that they must not end as if all were well.
    """
    (where / "out").mkdir()
    tried: list[tuple[str, Path, list[str]]] = []
    for number, kind in enumerate(KINDS, start=first):
        some = rest if TIMES > 1 else (rest[number % len(rest)],)
        for command in (*always, *some):
            place = placed(source, where / f"it-{len(tried)}", name, kind)
            words = [word.replace("IT", place.name) for word in command]
            tried.append((kind.__name__, place, words))
    before = [tree(place) for _, place, _ in tried]
    found = ended(where, *(words for _, _, words in tried))
    for (kind_name, place, words), was, (code, lines) in zip(tried, before, found, strict=True):
        what = (words, name, kind_name, code, lines)
        told = [line for line in lines if not line.startswith("spikeloop: warning: ")]
        assert code in (0, 2, 3) or (words[0] == "verify" and code == 1), what
        assert len(told) == (code != 0), what
        assert "unexpected" not in "".join(told), what
        # What stands in a lock is for people, and only those that write have need of it.
        harmless = name == ".lock" and (words[0] == "verify" or kind_name in ("hole", "nested"))
        harmless |= name == "study.db-journal" and kind_name == "nested"  # SQLite takes no notice
        if words[0] in notice and not harmless:
            assert code != 0, what
        if code != 0 and (words[0] in notice or words[0] != "resume"):
            assert tree(place) == was, what


@pytest.mark.parametrize("name", OF_A_RUN)
def test_hostile_files_of_a_run(run: Path, tmp_path: Path, name: str) -> None:
    check(tmp_path, run, name, OF_A_RUN.index(name), CHECKS, COMMANDS, {"verify", "resume"})


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_A_COMPARISON)
def test_hostile_files_of_a_comparison(comparison: Path, tmp_path: Path, name: str) -> None:
    others = (*CHECKS, ["report", "IT"], ["watch", "IT", "--once"])
    # A finished comparison is resumed from its results: no search is read, findings are rewritten.
    check(tmp_path, comparison, name, OF_A_COMPARISON.index(name), (), others, {"verify"})


@pytest.mark.parametrize("kind", [pipe, device, loop, hole])
def test_a_hostile_folder_itself(tmp_path: Path, kind: Callable[[Path], None]) -> None:
    kind(tmp_path / "it")
    commands = [[word.replace("IT", "it") for word in words] for words in (*CHECKS, *COMMANDS)]
    for command, (code, told) in zip(commands, ended(tmp_path, *commands), strict=True):
        assert (code, len(told)) == (2, 1), (command, told)
        assert "unexpected" not in told[0], (command, told)


def rewritten(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Changes a sealed file and checksums it again, as its own author would."""
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
    """Replaces a column of a table."""
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
    before = tree(place)
    for command in (["resume", "it", "--inline"], ["transfer", "it", "--inline"], ["verify", "it"]):
        with chdir(tmp_path):
            result = kept(*command)
        assert result.code == (1 if command[0] == "verify" and name not in TOLD else 2)
        assert words in result.message
        assert file in result.message
        assert tree(place) == before


TOLD = ("unknown rule", "another type")
"""What ``verify`` cannot even read its tables with; else it names a problem."""


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
