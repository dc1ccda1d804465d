"""A learner whose episodes wait until a file exists: until then a run holds its cores.

Ray workers import this file, so it needs nothing but Spikeloop.
"""

import time
from pathlib import Path
from typing import Literal

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes
from spikeloop.workers.learners import LEARNERS
from spikeloop.workers.space import Parameters, ParameterSpace


class Gated(Settings):
    """The tabular learner, behind a gate."""

    kind: Literal["gated"] = "gated"
    gate: str = ""

    def space(self, interface: Interface) -> ParameterSpace:
        return LEARNERS["tabular_td"]().space(interface)

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        while not Path(self.gate).exists():
            time.sleep(0.01)
        return LEARNERS["tabular_td"]().run_episodes(parameters, tasks, seeds)
