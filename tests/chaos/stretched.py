"""A real learner whose episodes take as long as faults need, and one of which may eat all memory.

Ray workers import a copy of this file, so it needs nothing but Spikeloop.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import Field

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes, Learner
from spikeloop.workers.learners import LEARNERS
from spikeloop.workers.space import Parameters, ParameterSpace

MARKER = "SPIKELOOP_CHAOS"
"""Environment variable that every process of a disturbed run inherits: the folder of its marks."""

HUNGRY = "hungry"
"""The mark that the next episode takes as the order to allocate memory until it is killed."""

BITE_BYTES = 20_000_000


class Stretched(Settings):
    """Episodes of another learner, bit for bit, each followed by a rest, which costs no core."""

    kind: Literal["stretched"] = "stretched"
    learner: Literal["tabular_td", "chip"] = "tabular_td"
    episode_s: float = Field(default=0.0, ge=0, description="rest after each episode")

    @property
    def inner(self) -> Learner:
        return LEARNERS[self.learner]()

    def space(self, interface: Interface) -> ParameterSpace:
        return self.inner.space(interface)

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        _eat_if_told()
        time.sleep(self.episode_s * seeds.size)
        return self.inner.run_episodes(parameters, tasks, seeds)


def _eat_if_told() -> None:
    """Only one episode finds the mark, because only one can remove it; there is no way back."""
    folder = os.environ.get(MARKER)
    if not folder:
        return
    with suppress(FileNotFoundError):
        (Path(folder) / HUNGRY).unlink()
        eaten = []
        while True:
            eaten.append(b"\x01" * BITE_BYTES)
            time.sleep(0.02)
