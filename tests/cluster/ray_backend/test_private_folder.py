"""The private folder is closed, removed afterwards, and removed after killed runs."""

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.other_account import successes, within

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend import private_folder as module
from spikeloop.cluster.ray_backend.exposure import open_to_others
from spikeloop.cluster.ray_backend.private_folder import (
    IN_USE,
    KEPT_S,
    LONGEST_BASE,
    RAYS,
    private_folder,
)


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short temporary folder like ``/tmp``, which the environment names."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        os.chmod(folder, 0o1777)
        monkeypatch.delenv("RAY_TMPDIR", raising=False)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def as_ray_does(folder: Path) -> None:
    """Makes a folder that every account may write into."""
    folder.mkdir()
    folder.chmod(0o777)


def test_the_folder_is_closed_while_it_is_used_and_gone_afterwards(base: Path) -> None:
    with private_folder() as folder:
        assert folder.parent == base
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        as_ray_does(folder / RAYS)
        assert not open_to_others(folder / RAYS)
        assert not open_to_others(folder)
        assert successes(within(folder)) == []
    assert list(base.iterdir()) == []


def test_a_folder_as_ray_makes_it_is_found_open(base: Path) -> None:
    """The negative control: as Ray does it by itself."""
    as_ray_does(base / RAYS)
    assert open_to_others(base / RAYS)
    (base / RAYS / "package").mkdir()
    found = successes(within(base / RAYS))
    assert {f"read {base / RAYS}", f"add {base / RAYS}"} <= set(found)
    assert f"replace {base / RAYS / 'package'}" in found


def test_logs_are_kept_when_no_worker_can_be_started(base: Path) -> None:
    with pytest.raises(PoolError), private_folder() as folder:
        (folder / RAYS).mkdir()
        raise PoolError("no worker can be started")
    assert (folder / RAYS).exists()
    with private_folder():
        assert folder.exists()
    long_ago = time.time() - KEPT_S - 60
    os.utime(folder, (long_ago, long_ago))
    with private_folder():
        assert not folder.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_any_other_end_removes_the_folder(base: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), private_folder() as folder:
        (folder / RAYS).mkdir()
        raise error
    assert list(base.iterdir()) == []


def test_a_start_removes_only_what_dead_runs_of_this_account_have_left(base: Path) -> None:
    long_ago = time.time() - KEPT_S - 60
    dead, mine, young, foreign, target = (
        base / name
        for name in (
            "spikeloop-aaaaaaaa",
            "spikeloop-4711",
            "spikeloop-bbbbbbbb",
            "spikeloop-cccccccc",
            "spikeloop-dddddddd",
        )
    )
    elsewhere = base / "elsewhere"
    for folder in (dead, mine, young, foreign, elsewhere):
        folder.mkdir()
        (folder / IN_USE).touch()
        (folder / "file").touch()
    target.symlink_to(elsewhere)
    unmarked = base / "spikeloop-results1"
    unmarked.mkdir()
    with private_folder() as used:
        for folder in (dead, mine, foreign, elsewhere, unmarked, used):
            os.utime(folder, (long_ago, long_ago))
        if os.geteuid() == 0:
            os.chown(foreign, 1, 1)
            os.utime(foreign, (long_ago, long_ago))
        with private_folder() as new:
            left = {path.name for path in base.iterdir()}
            there = {mine, young, elsewhere, target, unmarked, used, new}
            there |= {foreign} if os.geteuid() == 0 else set()
            assert left == {path.name for path in there}
    assert (elsewhere / "file").exists()


def test_a_temporary_folder_is_used_if_sockets_fit_and_no_account_can_swap_what_is_in_it(
    base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with private_folder() as folder:
        assert folder.parent == base
    base.chmod(0o777)  # without the sticky bit everybody may rename everything
    with private_folder() as folder:
        assert folder.parent == Path("/tmp")
    base.chmod(0o700)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "far" / "away" / "and" / "long"))
    with private_folder() as folder:
        assert folder.parent == base
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    with private_folder() as folder:
        assert folder.parent == Path("/tmp")


def test_the_longest_path_of_a_socket_fits() -> None:
    longest = (
        "/spikeloop-abcdefgh/r/session_2026-11-30_19-39-46_159731_4194304/sockets/dash_MetricsHead"
    )
    assert LONGEST_BASE + len(longest) == 107


def test_a_temporary_folder_that_cannot_be_written_is_one_line(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_base", lambda: base / "missing")
    with pytest.raises(PoolError, match="set TMPDIR"), private_folder():
        pytest.fail("there is no folder")
