"""Kill a run that is uploaded, remove its folder at some points, and check what must hold then."""

import os
import shutil
import signal
from pathlib import Path
from typing import NamedTuple

from support.folders import folder_contents
from support.s3_server import ENVIRONMENT
from support.small_run import assert_same_contents

from store_faults.crash_points import FOLDER, RUN, spikeloop
from store_faults.file_operations import Fault


class Loss(NamedTuple):
    """A kill at an operation.

    Attributes:
        fault: the kill; None for none.
        lost: whether the run's folder is lost then.
        address: where the run is uploaded to; "" for a folder beside it.
    """

    fault: Fault | None
    lost: bool
    address: str = ""


def operations(folder: Path) -> int:
    """How many operations an undisturbed run makes that is uploaded to a new folder."""
    folder.mkdir()
    ended = spikeloop(_command(folder, ""), folder)
    assert ended.status == 0, ended
    return len(ended.value)


def lost(loss: Loss, folder: Path) -> None:
    """What is stored is a sound run, and the same command goes on from it, or from the folder."""
    os.environ.update(ENVIRONMENT)
    command = _command(folder, loss.address)
    ended = spikeloop(command, folder, loss.fault)
    # The upload goes on at the same time, so that the last operations may not be reached.
    assert ended.status in (-signal.SIGKILL, 0), ended
    generation = assert_sound(folder, loss.address)
    if loss.lost:
        shutil.rmtree(folder / "out", ignore_errors=True)
    ended = spikeloop(command, folder)
    assert (ended.status, ended.errors) == (0, ""), ended
    downloaded = f"up to generation {generation}, from" in ended.output
    assert downloaded == (loss.lost and generation is not None), ended
    assert_same_contents(folder / FOLDER, folder.parent / "undisturbed" / FOLDER)
    assert assert_sound(folder, loss.address) == 3
    if not loss.address:
        here, there = (
            folder_contents(path) for path in (folder / FOLDER, folder / "shared" / "small")
        )
        assert here == there


def assert_sound(folder: Path, address: str) -> int | None:
    """Verify what is stored; return its last generation, None if nothing was uploaded yet."""
    there = folder / "shared" / "small"
    if address:
        base, _, options = address.partition("?")
        fetched = spikeloop(("fetch", f"{base}/small?{options}", "--out", "shared"), folder)
        if "there is no run here" in fetched.errors:
            return None
        assert fetched.status == 0, fetched
    elif not (there / "run.json").exists():
        assert not [path for path in there.rglob("*.*") if not path.name.startswith(".")]
        return None
    ended = spikeloop(("verify", "shared/small"), folder)
    assert ended.status == 0, ended
    states = (there / "state").glob("[0-9]*.npz")
    generation = max((int(path.stem) for path in states), default=-1)
    if address:
        shutil.rmtree(there)
    return generation


def _command(folder: Path, address: str) -> tuple[str, ...]:
    shared = folder / "shared"
    shared.mkdir()
    return (*RUN, "--resume", "--set", f"run.upload_to={address or shared}")
