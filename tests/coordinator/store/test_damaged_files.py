"""Damaged files of a run are named and never read, and resume goes back to before them."""

import hashlib
import io
import os
import random
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.child_processes import child, wait_for
from support.command_line import cli, printed, refused, run_command
from support.folders import flip, flipped, folder_contents
from support.small_run import (
    Crash,
    assert_same_contents,
    interrupt_run,
    small_config,
    small_toml,
    start_run,
)

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")

DEPLOY = {"finalists": 2, "tasks": 4}
TABLES = ("episodes", "candidates", "curves", "generations", "finalists", "theta", "transfer")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start_run(tmp_path_factory.mktemp("undisturbed") / "small", deploy=DEPLOY)


@pytest.fixture
def run(undisturbed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(undisturbed, tmp_path / "small"))


# --- bits -------------------------------------------------------------------------------------


def assert_always_named(
    path: Path, bits: Iterable[int], lengths: Iterable[int], read: Callable[[], Any]
) -> None:
    """With each of these bits flipped, cut to each length and with more at its end."""
    data = path.read_bytes()
    read()

    def assert_named() -> None:
        with pytest.raises(ConfigError) as error:
            read()
        assert str(error.value).startswith(f"{path}: damaged: ")

    with open(path, "r+b", buffering=0) as file:
        for bit in bits:
            byte = data[bit // 8]
            os.pwrite(file.fileno(), bytes([byte ^ 1 << bit % 8]), bit // 8)
            assert_named()
            os.pwrite(file.fileno(), bytes([byte]), bit // 8)
        read()
        for more in (b"\0", data):
            os.pwrite(file.fileno(), more, len(data))
            assert_named()
        for length in sorted(lengths, reverse=True):
            os.ftruncate(file.fileno(), length)
            assert_named()
    path.write_bytes(data)
    read()


FILES = ("run.json", "state/000002.npz", *(f"{name}/part-" for name in TABLES))


def reader(run: Path, name: str) -> tuple[Path, Callable[[], Any]]:
    """The file of this name, of a table the last part, and what reads it."""
    store = RunStore(run)
    if name == "run.json":
        return run / name, lambda: RunStore(run).manifest()
    if name.startswith("state/"):
        return run / name, lambda: store.state(2)
    path, _ = store.parts(name.partition("/")[0])[-1]
    return path, lambda: store.read_part(path)


@pytest.mark.parametrize("sampled", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("name", FILES)
def test_flipped_bits_and_other_lengths_are_named(run: Path, name: str, sampled: bool) -> None:
    path, read = reader(run, name)
    drawn, size = random.Random(1), path.stat().st_size
    if sampled:
        bits = drawn.sample(range(8 * size), 100)
        assert_always_named(path, bits, {0, 1, size - 1, *drawn.sample(range(size), 20)}, read)
    else:
        assert_always_named(path, range(8 * size), range(size), read)


def test_without_the_checksum_a_flipped_bit_of_a_state_can_be_read_silently(run: Path) -> None:
    """The negative control: checksums of a zip's members do not protect what names them."""
    data = (run / "state" / "000002.npz").read_bytes()

    def read(data: bytes) -> dict[str, tuple[Any, ...]] | None:
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                return {k: (archive[k].dtype, archive[k].tobytes()) for k in archive.files}
        except Exception:  # zip, zlib, struct and numpy each have their own
            return None

    intact = read(data)
    directory = range(8 * data.index(b"PK\x01\x02"), 8 * data.rindex(b"PK\x05\x06"))
    assert any(read(flipped(data, bit)) not in (intact, None) for bit in directory)


def test_without_the_checksum_a_renamed_column_passes_those_of_parquet(run: Path) -> None:
    path = run / "episodes" / "part-000002.parquet"
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    variant = flipped(data, 8 * data.index(b"optimal", footer))  # "nptimal"
    reader = pq.ParquetFile(pa.BufferReader(variant), page_checksum_verification=True)
    assert "nptimal" in reader.read().column_names
    path.write_bytes(variant)
    with pytest.raises(ConfigError, match="SHA-256 differs"):
        RunStore(run).table("episodes")


def test_other_readers_ignore_the_checksums(run: Path) -> None:
    store = RunStore(run)
    for name in TABLES:
        own = store.table(name)
        assert own is not None
        frame = pd.read_parquet(run / name)
        pd.testing.assert_frame_equal(frame, own.to_pandas())
        relation = duckdb.sql(f"select count(*) from '{run / name}/*.parquet'")
        assert relation is not None
        assert relation.fetchall() == [(own.num_rows,)]
    with np.load(run / "state" / "000003.npz") as archive:
        assert set(archive.files) == set(store.state(3))


def test_one_rule_checks_every_file(run: Path) -> None:
    checked = 0
    for path in [run / "run.json", *run.glob("state/*.npz"), *run.glob("*/*.parquet")]:
        data = path.read_bytes()
        digits = re.findall(rb"sha256\W{2,4}([0-9a-f]{64})", data)[-1]
        zeros = data.replace(digits, b"0" * 64)
        assert hashlib.sha256(zeros).hexdigest().encode() == digits, path
        checked += 1
    assert checked == 1 + 4 + 3 * 3 + 3 + 3


# --- what verify and resume say and do --------------------------------------------------------


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap_with_the_one_before(path: Path) -> None:
    number = int(re.findall(r"\d+", path.name)[0])
    other = path.with_name(path.name.replace(f"{number:06d}", f"{number - 1:06d}"))
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


DAMAGES: list[tuple[list[str], Callable[[Path], object], str, int]] = [
    (["state/000003.npz"], lambda path: path.write_bytes(b""), "cut off", 2),
    (["state/000000.npz"], halve, "cut off", -1),
    (["state/000002.npz"], swap_with_the_one_before, "it was written as state/", 0),
    (["episodes/part-000002.parquet"], Path.unlink, "missing", 1),
    (["curves/part-000002.parquet"], Path.unlink, "missing", 1),
    (["state/000002.npz", "state/000003.npz"], Path.unlink, "part-000003.parquet came after it", 1),
    (["generations/part-000001.parquet"], flip, "SHA-256 differs", 0),
    (["finalists/part-000003.parquet"], flip, "SHA-256 differs", 3),
]
"""Files, what happens to each, words about the first and the last generation before them."""


@pytest.mark.parametrize(("names", "damage", "words", "sound"), DAMAGES)
def test_damage_is_named_refused_and_mended_by_going_back(
    undisturbed: Path,
    run: Path,
    names: list[str],
    damage: Callable[[Path], object],
    words: str,
    sound: int,
) -> None:
    for name in names:
        damage(run / name)
    before = folder_contents(run)
    code, output, errors = run_command("verify", run)
    assert (code, errors.count("\n")) == (1, 1)
    problems = [line for line in output.splitlines() if line.startswith("PROBLEM: ")]
    assert any(words in line for line in problems)
    assert any(str(run / names[0]) in line for line in problems)
    code, output, errors = run_command("resume", run)
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert words in errors
    assert f"spikeloop resume {run} --after {sound}" in errors
    assert folder_contents(run) == before  # a refusal changes nothing
    assert f" to {sound}; removed " in printed("resume", run, "--after", sound)
    assert_same_contents(run, undisturbed)
    assert cli("verify", run) == 0


def test_going_back_not_far_enough_is_refused_and_changes_nothing(run: Path) -> None:
    flip(run / "episodes" / "part-000001.parquet")
    before = folder_contents(run)
    assert "--after 0" in refused("resume", run, "--after", "2")
    assert "--after must be -1 to 3" in refused("resume", run, "--after", "4")
    assert folder_contents(run) == before


def test_many_damaged_files_are_all_found_and_the_earliest_decides(run: Path) -> None:
    flip(run / "state" / "000003.npz")
    flip(run / "episodes" / "part-000002.parquet")
    halve(run / "transfer" / "part-000000.parquet")
    said = run_command("verify", run)
    assert (said.code, said.output.count("PROBLEM: ")) == (1, 3)
    errors = refused("resume", run)
    assert "episodes/part-000002.parquet" in errors
    assert "and 2 more" in errors
    assert "--after 1" in errors


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commits after generations 3, 5 (where it was interrupted), 6, 9 and 10."""
    folder = tmp_path_factory.mktemp("together") / "small"
    run, transfer = {"generations": 10, "commit_every": 3}, {"monitor_every": 10}
    interrupt_run(folder, "generation 6/", small_config(run=run, transfer=transfer))
    assert cli("resume", folder) == 0
    assert [n for _, n in RunStore(folder).states()] == [0, 3, 5, 6, 9, 10]
    return folder


@pytest.mark.parametrize(
    ("names", "sound"),
    [
        (["state/000005.npz"], 3),
        (["generations/part-000005.parquet"], 3),
        (["state/000006.npz", "episodes/part-000006.parquet", "candidates/part-000006.parquet"], 5),
        (["state/000010.npz", "state/000009.npz"], 6),
        (["state/000009.npz"], 6),
    ],
)
def test_lost_files_of_generations_written_together_are_noticed(
    together: Path, tmp_path: Path, names: list[str], sound: int
) -> None:
    folder = Path(shutil.copytree(together, tmp_path / "small"))
    for name in names:
        (folder / name).unlink()
    said = run_command("verify", folder)
    assert said.code == 1
    assert "missing" in said.output
    assert f"spikeloop resume {folder} --after {sound}" in refused("resume", folder)
    assert cli("resume", folder, "--after", str(sound)) == 0
    assert_same_contents(folder, together)
    assert cli("verify", folder) == 0


def test_a_file_of_another_run_is_refused(run: Path, tmp_path: Path) -> None:
    """Even if that run has the same configuration."""
    other = start_run(tmp_path / "other" / "small", deploy=DEPLOY)
    for name in ("state/000003.npz", "episodes/part-000002.parquet"):
        own = (run / name).read_bytes()
        shutil.copy(other / name, run / name)
        for command, code in (("verify", 1), ("resume", 2)):
            errors = refused(command, run, code=code)
            assert f"{run / name}: damaged: it was written by another run" in errors
        (run / name).write_bytes(own)


def test_a_moved_run_is_the_same_run(run: Path, tmp_path: Path) -> None:
    run.rename(tmp_path / "elsewhere")
    assert cli("verify", tmp_path / "elsewhere") == 0
    assert cli("resume", tmp_path / "elsewhere") == 0


def test_an_edited_manifest_is_refused_by_every_command(run: Path) -> None:
    path = run / "run.json"
    path.write_text(path.read_text().replace('"seed": 7', '"seed": 8'))
    for command in ("verify", "resume", "transfer", "report"):
        errors = refused(command, run)
        assert f"{path}: damaged" in errors


def test_a_rewritten_manifest_does_not_fit_the_files(run: Path) -> None:
    path = run / "run.json"
    manifest = atomic_files.read_json(path)
    manifest["config"]["run"]["seed"] = 8
    atomic_files.write_json(path, manifest)
    assert cli("verify", run) == 1
    assert cli("resume", run) == 2


@pytest.mark.parametrize("command", ["transfer", "report"])
def test_readers_refuse_what_they_read(run: Path, command: str) -> None:
    flip(run / "generations" / "part-000002.parquet")
    error = refused(command, run)
    assert f"{run / 'generations' / 'part-000002.parquet'}: damaged" in error


def test_what_an_interrupted_commit_left_is_reported_and_removed(
    undisturbed: Path, run: Path
) -> None:
    (run / "state" / "000003.npz").rename(run / "state" / ".000003.npz.tmp")
    for name in ("finalists", "theta", "transfer"):
        shutil.rmtree(run / name)
        (run / name).mkdir()
    assert "5 file(s) of a commit that is going on or was interrupted" in printed("verify", run)
    resumed = printed("resume", run)
    assert (
        "resumed after generation 2 of 3, 12 files are sound; removed 5 files of an interrupted "
        "commit (state/.000003.npz.tmp, episodes/part-000003.parquet, "
        "candidates/part-000003.parquet"
        ", ...)"
    ) in resumed
    assert_same_contents(run, undisturbed)


@pytest.mark.parametrize(
    "deadline",
    [
        pytest.param(n, marks=() if n in (1, 6, 12) else pytest.mark.exhaustive)
        for n in range(4 + 3 * 3 + 3 + 3)
    ],
)
def test_going_back_killed_before_a_removal_leaves_a_run_that_can_be_resumed(
    undisturbed: Path, run: Path, monkeypatch: pytest.MonkeyPatch, deadline: int
) -> None:
    """It is resumed as it stands, or going back again."""
    unlink, left = Path.unlink, deadline

    def killing(path: Path, *arguments: Any, **keywords: Any) -> None:
        nonlocal left
        if left == 0:
            raise Crash
        left -= 1
        unlink(path, *arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killing)
        with pytest.raises(Crash):
            RunStore(run).go_back(-1)
    again = ["--after", "-1"] if deadline % 2 else []
    assert cli("resume", run, *again) == 0
    assert_same_contents(run, undisturbed)


# --- readers ----------------------------------------------------------------------------------


def test_readers_of_a_running_run_read_what_is_committed_and_its_lock_ends_with_it(
    tmp_path: Path,
) -> None:
    endless = {"run": {"generations": 100_000}, "family": {"n_steps": 5000}}
    small_toml(tmp_path / "small.toml", **endless)
    folder = tmp_path / "small"
    arguments = ["-m", "spikeloop.coordinator.cli", "run", "small.toml", "--out", "."]
    with child(arguments, tmp_path) as process:
        wait_for(process, (folder / "state" / "000003.npz").exists)
        for command in (["verify"], ["report", "--out", str(tmp_path / "report.html")]):
            assert cli(command[0], folder, *command[1:]) == 0
        seen = RunStore(folder).generation()
        wait_for(process, lambda: RunStore(folder).generation() > seen + 2)
        with pytest.raises(ConfigError), RunStore(folder).locked():
            pass
        process.kill()
        process.communicate()
    with RunStore(folder).locked():
        assert (folder / ".lock").read_text().startswith(f"process {os.getpid()} on ")
    assert cli("verify", folder) == 0
