"""After a run: the wait for its processes to leave, all invariants, and the undisturbed run."""

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from numpy.random import Generator

from chaos import invariants
from chaos.runner import SPIKELOOP, Play
from chaos.sandbox import Sandbox, wait_until_gone
from chaos.scenes import Scene

LEAVE_S = 120.0
"""By then no process of a run may be left; Ray's dashboard agents take about a minute."""


def undisturbed(scene: Scene, root: Path) -> list[float]:
    """Plays a scene without faults, keeps it as ``root/<scene>``, tells its generations' times."""
    with Sandbox(root / "u", limited=False) as sandbox:
        play = Play(scene.write(sandbox.folder / "scene"), (), {}, sandbox)
        play.run()
        if play.problem or len(play.ends) != 1:
            raise RuntimeError(f"the undisturbed run failed: {play.problem or play.ends}")
        shutil.copytree(play.folder, root / scene.name)
        times = [path.stat().st_mtime for path in sorted((play.folder / "state").glob("*.npz"))]
    seconds: list[float] = np.diff(times).tolist()
    return seconds


def aftermath(play: Play, sandbox: Sandbox, expected: Path, rng: Generator) -> list[str]:
    """All that is wrong after a run has ended; ``expected`` is the undisturbed run's folder."""
    if play.problem:
        return [play.problem]
    problems = []
    if frozen := thaw(sandbox.processes()):
        print(f"  frozen processes outlived the run: {', '.join(frozen)}", flush=True)
    if wait_until_gone(sandbox.processes(), LEAVE_S) is None:
        problems += [f"left behind: {process}" for process in sandbox.processes()]
    problems += [f"left behind: {path}" for path in sandbox.litter()]
    problems += invariants.problems(play.folder, expected, rng)
    return problems + invariants.verified(play.folder, SPIKELOOP, sandbox.environment)


def thaw(processes: list[psutil.Process]) -> list[str]:
    """Lets stopped processes go on, so that they can leave; their names."""
    frozen = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.status() == psutil.STATUS_STOPPED:
                frozen.append(process.name())
                process.resume()
    return frozen


def keep(sandbox: Sandbox, folder: Path) -> None:
    """Copies all that a run has left, to look into its failure."""
    shutil.copytree(sandbox.folder, folder, dirs_exist_ok=True, ignore=_sockets)


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]
