"""Something hostile stands in the place of a file of a run or a comparison: one line, no change.

Commands run in a child process with little memory that is killed when it takes too long, so that
one that waits without end fails its test.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest
from support.blank_figures import blank_figures
from support.command_line import cli
from support.small_comparison import comparison_toml

from fuzz.test_bombs import run_with_little_memory

STATE, ROWS = "state/000001.npz", "generations/part-000001.parquet"
OF_A_RUN = (
    *("run.json", STATE, ROWS, "episodes/part-000001.parquet", "curves/part-000000.parquet"),
    *("transfer/part-000000.parquet", ".lock"),
)
OF_A_COMPARISON = (
    *("comparison.json", "study.db", "study.db-journal", "findings.json", "results.parquet"),
    *("trials.parquet", "final/evolution/000000.json", ".lock"),
    *("final/evolution/000000.parquet", "runs/evolution/000000/run.json"),
)
# A finished comparison is resumed from its results: no search is read, findings are rewritten.
OF_BOTH = ("verify IT", "resume IT --inline", "report IT", "watch IT --once")
COMMANDS = (
    *(*OF_BOTH, "transfer IT --inline", "watch IT --json", "interpret IT --episodes 2"),
    "export IT --to weights --out out/IT.npz",
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


Kind = Callable[[Path], None]
Case = tuple[str, Kind, str]
"""A file, what stands in its place, and a command."""
KINDS: tuple[Kind, ...] = (pipe, device, folder, loop, hole, nested)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("comparison")
    with blank_figures():
        assert cli("compare", comparison_toml(place / "small.toml"), "--out", place) == 0
    return place / "small"


def tree(place: Path) -> dict[str, tuple[int, int, int]]:
    """What is in a folder, by kind, size and time of the last change; locks are taken anew."""
    found = {}
    for path in place.rglob("*"):
        if path.name != ".lock":
            at = path.lstat()
            found[str(path)] = (at.st_mode, at.st_size, at.st_mtime_ns if path.is_file() else 0)
    return found


def sample(files: Sequence[str], commands: Sequence[str], n_kinds: int) -> Iterator[Case]:
    """Each file meets some kinds; each of these one command, another each time."""
    for number, (file, offset) in enumerate(product(files, range(n_kinds))):
        kind = KINDS[(number + offset) % len(KINDS)]
        yield file, kind, commands[number % len(commands)]


def check(where: Path, source: Path, cases: list[Case], notice: set[str]) -> None:
    """Each command ends by itself, in one line, and changes nothing that it refuses.

    Args:
        where: an empty folder to work in.
        source: the folder of a run or a comparison.
        cases: what to try.
        notice: commands that read every file, so that they must not end as if all were well.
    """
    (where / "out").mkdir()
    places, commands = [], []
    for number, (name, kind, command) in enumerate(cases):
        places.append(Path(shutil.copytree(source, where / f"it-{number}")))
        (places[-1] / name).unlink(missing_ok=True)
        kind(places[-1] / name)
        commands.append(command.replace("IT", places[-1].name).split())
    before = [tree(place) for place in places]
    found = run_with_little_memory(where, *commands)
    for case, words, place, was, (code, lines) in zip(
        cases, commands, places, before, found, strict=True
    ):
        name, kind, _ = case
        told = [line for line in lines if not line.startswith("spikeloop: warning: ")]
        assert code in (0, 2, 3) or (words[0] == "verify" and code == 1), (case, code, lines)
        assert len(told) == (code != 0), (case, code, lines)
        assert "unexpected" not in "".join(told), (case, code, lines)
        # What stands in a lock is for people, and only commands that write take it.
        harmless = name == ".lock" and (words[0] == "verify" or kind in (hole, nested))
        harmless |= name == "study.db-journal" and kind is nested  # SQLite takes no notice
        if words[0] in notice and not harmless:
            assert code != 0, (case, code, lines)
        if code != 0 and (words[0] in notice or words[0] != "resume"):
            assert tree(place) == was, (case, code, lines)


def test_hostile_files_of_a_run(run: Path, tmp_path: Path) -> None:
    checks = ("verify IT", "resume IT --inline")
    cases = [*sample(OF_A_RUN, checks, 1), *sample(OF_A_RUN, COMMANDS, 1)]
    check(tmp_path, run, cases, {"verify", "resume"})


@pytest.mark.exhaustive
def test_hostile_files_of_a_comparison(comparison: Path, tmp_path: Path) -> None:
    check(tmp_path, comparison, list(sample(OF_A_COMPARISON[::2], OF_BOTH, 1)), {"verify"})


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", OF_A_RUN)
def test_every_hostile_file_of_a_run(run: Path, tmp_path: Path, name: str) -> None:
    check(tmp_path, run, list(product([name], KINDS, COMMANDS)), {"verify", "resume"})


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", OF_A_COMPARISON)
def test_every_hostile_file_of_a_comparison(comparison: Path, tmp_path: Path, name: str) -> None:
    check(tmp_path, comparison, list(product([name], KINDS, OF_BOTH)), {"verify"})


@pytest.mark.parametrize(
    "kind", [pipe, hole, *(pytest.param(k, marks=pytest.mark.exhaustive) for k in (device, loop))]
)
def test_hostile_folder_itself(tmp_path: Path, kind: Kind) -> None:
    kind(tmp_path / "it")
    commands = [command.replace("IT", "it").split() for command in COMMANDS]
    for command, (code, told) in zip(
        commands, run_with_little_memory(tmp_path, *commands), strict=True
    ):
        assert (code, len(told)) == (2, 1), (command, told)
        assert "unexpected" not in told[0], (command, told)
