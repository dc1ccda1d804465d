"""A folder with own classes, as users submit it to a cluster."""

import shutil
from pathlib import Path

from support.paths import OWN_CLASSES
from support.small_run import small_toml

N, WORK_S = 16, 0.03
"""Generations, and time of an episode: some seconds, so that the run can be stopped midway."""


def folder_to_submit(folder: Path, module: str) -> Path:
    """Write a configuration, a learner of its own, and files that must not be sent.

    A process imports a module of a name only once, so each test names its own.
    """
    shutil.copy(OWN_CLASSES / "failing_learner.py", folder / f"{module}.py")
    for name in ("secret.py", "runs/old/run.json", "runs/old/episodes.parquet", "data.bin"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("not to be sent")
    (folder / ".gitignore").write_text("secret.py\n")
    (folder / ".rayignore").write_text("*.bin\n")
    learner = {"kind": f"{module}:Echo", "work_s": WORK_S}
    return small_toml(
        folder / "own run.toml", learner=learner, run={"name": "own", "generations": N}
    )
