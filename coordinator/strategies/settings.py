"""Settings that several strategies share."""

from typing import Annotated, Any, TypeAlias

from pydantic import Field

from spikeloop.tasks.settings import Settings

FirstSigma: TypeAlias = Annotated[
    float, Field(gt=0, description="first standard deviation of the search, in coordinates")
]
SigmaDecay: TypeAlias = Annotated[
    float, Field(gt=0, le=1, description="factor on sigma after each generation")
]
LearningRateDecay: TypeAlias = Annotated[
    float, Field(gt=0, le=1, description="factor on the learning rate after each generation")
]


class PopulationSettings(Settings):
    """Base of strategies whose generations have ``population_size`` candidates each."""

    kind: str
    population_size: int = Field(default=48, ge=2, description="candidates of a generation")

    def n_candidates(self, state: Any) -> int:
        """Number of candidates of the next generation."""
        return self.population_size
