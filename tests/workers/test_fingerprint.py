"""Two processes agree on a fingerprint exactly if they run the same code."""

import shutil
from pathlib import Path

import pytest
from support.child_processes import printed

import spikeloop
from spikeloop.workers import fingerprint as fingerprints
from spikeloop.workers.fingerprint import LIBRARIES, OPTIONAL, difference, fingerprint

ROOMS = ("tasks", "workers", "cluster", "coordinator")
PRINT = "from spikeloop.workers.fingerprint import fingerprint; print(fingerprint()['spikeloop'])"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package as a wheel installs it: folders instead of links."""
    package = Path(spikeloop.__file__).parent
    (tmp_path / "spikeloop").mkdir()
    shutil.copy(package / "__init__.py", tmp_path / "spikeloop")
    for room in ROOMS:
        shutil.copytree((package / room).resolve(), tmp_path / "spikeloop" / room)
    return tmp_path


def printed_by(folder: Path) -> str:
    """The hash that a fresh process finds for the package in a folder."""
    return printed(PRINT, cwd=folder)


def test_names_what_may_change_numbers() -> None:
    names = fingerprint().keys()
    assert {"spikeloop", "python", *LIBRARIES} <= names
    assert names <= {"spikeloop", "python", *LIBRARIES, *OPTIONAL}


def test_optional_libraries_count_where_they_are_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_all = fingerprint()
    monkeypatch.setattr(fingerprints, "OPTIONAL", ("ruff", "no-such-library"))
    fingerprint.cache_clear()
    here = fingerprint()
    fingerprint.cache_clear()
    assert here.keys() == {"spikeloop", "python", *LIBRARIES, "ruff"}
    assert f"ruff ({here['ruff']} here, missing there)" in difference(here, with_all)


def test_a_copy_has_the_same_hash_and_an_edited_one_another(copy: Path) -> None:
    original = printed_by(Path(spikeloop.__file__).parents[1])
    assert printed_by(copy) == original
    with (copy / "spikeloop" / "workers" / "seeding.py").open("a") as file:
        file.write("# an edit\n")
    assert printed_by(copy) != original


def test_difference_names_only_what_differs() -> None:
    here = {"numpy": "2.3.5", "ray": "2.60.0", "numba": "0.68.1"}
    there = {"numpy": "2.4.1", "ray": "2.60.0"}
    assert difference(here, here) == ""
    assert difference(here, there) == (
        "numba (0.68.1 here, missing there), numpy (2.3.5 here, 2.4.1 there)"
    )
