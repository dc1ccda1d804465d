"""The table ``[transfer]``: held-out tasks, and what is other in them than in the search."""

from typing import Any

from pydantic import Field, NonNegativeInt, model_validator

from spikeloop.coordinator.config.limits import Count, Seed, TwoOrMore, refuse_too_many
from spikeloop.tasks.settings import Settings


class TransferSettings(Settings):
    """Table ``[transfer]``: held-out tasks, while searching and at the end."""

    tasks: TwoOrMore = Field(default=200, description="held-out tasks of the final table")
    random_points: Count = Field(default=50, description="random Θ to compare with")
    random_tasks: Count = Field(
        default=40, description="held-out tasks that each random Θ meets; together they meet all"
    )
    seed: Seed = Field(default=0, description="which held-out tasks are drawn")
    monitor_every: NonNegativeInt = Field(
        default=5, description="generations between held-out scores; 0 means never"
    )
    monitor_tasks: TwoOrMore = Field(default=50, description="held-out tasks of each such score")
    learner: dict[str, Any] = Field(
        default={},
        description="settings that the learner has in held-out episodes instead of those of the "
        "search, such as other chips",
    )
    family: dict[str, Any] = Field(
        default={},
        description="settings that the family has in held-out episodes instead of those of the "
        "search, or with kind another family",
    )

    def monitored(self, generations: int) -> list[int]:
        """The generations after which the held-out score is measured: 0 is before the search."""
        if not self.monitor_every:
            return []
        return sorted({0, *range(0, generations, self.monitor_every), generations})

    def monitors(self, generation: int, generations: int) -> bool:
        """Whether a generation is among those ``monitored``."""
        if not self.monitor_every:
            return False
        return generation % self.monitor_every == 0 or generation == generations

    @model_validator(mode="after")
    def _meet_all(self) -> "TransferSettings":
        if self.random_points * self.random_tasks < self.tasks:
            raise ValueError(
                "random_points times random_tasks must be at least tasks, so that every held-out "
                f"task is met, got {self.random_points} times {self.random_tasks} for {self.tasks}"
            )
        refuse_too_many((2 + self.random_points) * self.tasks, "random_points times tasks")
        return self
