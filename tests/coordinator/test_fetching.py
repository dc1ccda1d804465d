"""What ``fetch`` says of a run with own classes: the line that it prints compares the numbers."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import OWN_CLASSES
from support.printed_lines import run_printed_line
from support.small_run import small_toml

from spikeloop.coordinator.cli import fetch as fetching
from spikeloop.coordinator.cli.main import main
from spikeloop.coordinator.sync.download import Copy, located

COMPARED = "fitness, held-out scores and counts follow from the episodes"


@pytest.fixture(autouse=True)
def another_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The run was not begun by this user, and its modules are not imported yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other state"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and its learner, whose run has a copy beside it."""
    above = tmp_path_factory.mktemp("cluster")
    folder = above / "it's mine"
    folder.mkdir()
    shutil.copy(OWN_CLASSES / "failing_learner.py", folder / "fetched_echo.py")
    config = small_toml(
        folder / "own.toml",
        run={"name": "own", "copy_to": str(above / "copies")},
        learner={"kind": "fetched_echo:Echo"},
    )
    (above / "copies").mkdir()
    program = f"{sys.executable} -m spikeloop.coordinator.cli"
    run_printed_line(
        f'{program} run "{config}" --out "{above / "there"}"', XDG_STATE_HOME=str(above)
    )
    return folder


@pytest.fixture
def moved(source: Path) -> Iterator[Path]:
    """The classes on a machine that has them in another folder than the run says."""
    yield source.rename(source.with_name("it's moved"))
    source.with_name("it's moved").rename(source)


def fetched(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Why the numbers of the copy were not compared."""
    out = tmp_path / "here now"
    with pytest.raises(SystemExit) as exit_:
        main(["fetch", str(source.parent / "copies" / "own"), "--out", str(out), "--json"])
    assert exit_.value.code == 0
    return str(json.loads(capsys.readouterr().out)["note"])


def test_where_the_folder_of_the_run_is_here_the_line_names_no_other(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = fetched(source, tmp_path, capsys)
    assert "PYTHONPATH" not in note
    assert COMPARED in run_printed_line(note.partition("compare them with: ")[2])


def test_where_it_is_not_the_line_names_the_folder_that_was_submitted(
    source: Path, moved: Path, tmp_path: Path
) -> None:
    copy = Copy(located(str(source.parent / "copies" / "own"))[0])
    note = fetching.fetch(copy, tmp_path / "here now" / "own", moved).note
    assert note.startswith("compare them with: PYTHONPATH=")
    assert COMPARED in run_printed_line(note.partition("compare them with: ")[2])


def test_where_nothing_is_known_it_says_which_module_is_missing(
    source: Path, moved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = fetched(source, tmp_path, capsys)
    assert note.startswith("this machine does not have fetched_echo; add the folder")
    line = note.partition("compare them with: ")[2]
    assert COMPARED in run_printed_line(line, PYTHONPATH=str(moved))


def test_where_python_finds_it_the_line_names_no_folder(
    source: Path,
    moved: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(moved)])
    note = fetched(source, tmp_path, capsys)
    assert note.startswith("compare them with: spikeloop verify ")
    assert COMPARED in run_printed_line(note.partition("with: ")[2], PYTHONPATH=str(moved))
