"""Folders of compiled programs go with their process, even if it is killed."""

import os
import tempfile
from pathlib import Path

import pytest
from support.child_processes import child

from spikeloop.workers.brian.build_folder import (
    FOLDER_PREFIX,
    LOCK_FILE,
    remove_left_behind,
    scratch_folder,
)

SCRIPT = """
import sys
from spikeloop.workers.brian.build_folder import scratch_folder
class Owner: pass
owner = Owner()
(scratch_folder(owner) / "program").write_text("")
print("made", flush=True)
sys.stdin.read()
"""


class Owner:
    """Owns a folder."""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def folders(place: Path) -> list[Path]:
    return sorted(place.glob(f"{FOLDER_PREFIX}*"))


def test_a_folder_is_removed_with_its_owner(place: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    owner = Owner()
    folder = scratch_folder(owner)
    assert folders(place) == [folder]
    (folder / "program").write_text("")
    remove_left_behind()
    assert (folder / "program").exists()
    del owner
    assert folders(place) == []
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_a_folder_is_removed_only_when_its_process_is_gone(end: str, place: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(place)}
    with child(["-c", SCRIPT], place, env=environment, stdin=-1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        (theirs,) = folders(place)
        remove_left_behind()
        assert (theirs / "program").exists()
        if end == "kill":
            process.kill()
        process.communicate()
    assert folders(place) == ([theirs] if end == "kill" else [])
    owner = Owner()
    ours = scratch_folder(owner)
    assert folders(place) == [ours]


def test_folders_of_other_programs_are_left_alone(place: Path) -> None:
    """A folder without the file, and one whose file is a link."""
    (place / f"{FOLDER_PREFIX}empty").mkdir()
    (place / f"{FOLDER_PREFIX}linked").mkdir()
    (place / "elsewhere").write_text("")
    (place / f"{FOLDER_PREFIX}linked" / LOCK_FILE).symlink_to(place / "elsewhere")
    remove_left_behind()
    assert len(folders(place)) == 2
