"""A family whose batches know further policies to measure learners against."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.settings import Settings
from spikeloop.tasks.tabular import TabularTasks

MDP = RandomMdp(n_states=3, n_actions=2, n_steps=60)


@dataclass(frozen=True)
class RuledTasks(TabularTasks):
    """MDPs with three baselines, one of them by chance, or with a broken one."""

    broken: str = "none"

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        references = self.references()
        if self.broken == "shape":
            return {"short": references.optimal[1:]}
        if self.broken == "nan":
            return {"undefined": np.full(self.n_tasks, np.nan)}
        return {
            "<optimum>": references.optimal,
            "half": (references.random + references.optimal) / 2,
            "drawn": references.random + rng.random(self.n_tasks),
        }


class HasBaselines(Settings):
    """The MDPs of the small run."""

    kind: Literal["ruled"] = "ruled"
    broken: Literal["none", "shape", "nan"] = "none"

    @property
    def interface(self) -> Interface:
        return MDP.interface

    def sample(self, n_tasks: int, rng: np.random.Generator) -> RuledTasks:
        return RuledTasks(**vars(MDP.sample(n_tasks, rng)), broken=self.broken)
