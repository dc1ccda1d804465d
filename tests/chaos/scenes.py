"""The runs that are disturbed: small, real, and long enough for faults to hit them at work."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.small_run import small_toml

GENERATIONS = 12
MAX_ATTEMPTS = 5
"""More than faults in a row, so that no fault fails an episode and all runs end alike."""

JOB_TIMEOUT_S = 6.0
"""A stopped worker costs that much; a job takes well below a second."""

LOCAL = {
    "kind": "local",
    "workers": 2,
    "dashboard": False,
    "job_timeout_s": JOB_TIMEOUT_S,
    "max_attempts": MAX_ATTEMPTS,
}


@dataclass(frozen=True)
class Scene:
    """One configuration.

    Attributes:
        name: of the run too.
        changes: to the tables of ``small.TABLES``.
    """

    name: str
    changes: dict[str, dict[str, Any]]

    @property
    def last(self) -> int:
        """No fault is planned after a later generation, so that all have one to recover to."""
        return int(self.changes.get("run", {}).get("generations", GENERATIONS)) - 3

    def write(self, folder: Path, target: dict[str, Any] | None = None) -> Path:
        """Writes the TOML file and, beside it, the learner."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).with_name("stretched.py"), folder)
        run = {"generations": GENERATIONS, **self.changes.get("run", {}), "name": self.name}
        changes = {**self.changes, "run": run, "target": target or LOCAL}
        return small_toml(folder / f"{self.name}.toml", **changes)


SCENES = (
    Scene(
        "tabular",
        {
            "learner": {"kind": "stretched:Stretched", "episode_s": 0.08},
            "transfer": {"monitor_every": 3},
        },
    ),
    Scene(
        "chip",
        {
            "run": {"racing": 0.5, "tile_tasks": 1},
            "family": {"n_states": 4, "n_actions": 3, "n_steps": 200},
            "learner": {"kind": "stretched:Stretched", "learner": "chip", "episode_s": 0.1},
            "strategy": {"kind": "cross_entropy", "population_size": 8},
            "deploy": {"finalists": 3, "tasks": 2},
        },
    ),
    Scene(
        "compiled",
        {
            "run": {"tasks": 2, "tile_candidates": 1, "tile_tasks": 2},
            "family": {"n_states": 6, "n_actions": 4, "n_steps": 4_000},
            "learner": {"kind": "stretched:Stretched", "learner": "chip", "episode_s": 0.05},
            "strategy": {"kind": "annealing", "population_size": 6},
            "transfer": {"monitor_every": 4},
        },
    ),
)
"""Episodes over a table that mostly rest, the same on the chip with races, and longer ones."""

LONG = Scene(
    "long",
    {
        "run": {"generations": 60},
        "learner": {"kind": "stretched:Stretched", "episode_s": 0.08},
        "transfer": {"monitor_every": 0},
    },
)
"""Long enough for what takes half a minute to be noticed, and for machines to come and go."""
