"""A learner that needs a file in the place of a package. Ray workers import this file."""

from pathlib import Path
from typing import Literal

from failing_learner import Echo

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import Episodes, Unavailable
from spikeloop.workers.space import Parameters, ParameterSpace

LINE = "lacking needs the package spikes; install it with: pip install spikes"


class Lacking(Settings):
    """Episodes if there is the file ``package``; says so in its space or in its first episode."""

    kind: Literal["lacking"] = "lacking"
    package: str = ""
    found_in: Literal["space", "run_episodes"] = "space"

    def space(self, interface: Interface) -> ParameterSpace:
        self._need("space")
        return Echo().space(interface)

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        self._need("run_episodes")
        return Echo().run_episodes(parameters, tasks, seeds)

    def _need(self, where: str) -> None:
        if where == self.found_in and not Path(self.package).is_file():
            raise Unavailable(LINE)
