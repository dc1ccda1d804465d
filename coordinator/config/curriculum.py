"""Let a search begin with easier tasks: stages whose family has other settings than the last."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from spikeloop.coordinator.config.settings_builder import Kinds, build
from spikeloop.coordinator.errors import ConfigError
from spikeloop.tasks.base import TaskFamily
from spikeloop.tasks.settings import Settings


class CurriculumStage(Settings):
    """One of ``[[run.curriculum]]``: search tasks from the end of the stage before to its own."""

    until: float = Field(gt=0, lt=1, description="share of the generations at which it ends")
    family: dict[str, Any] = Field(
        description="settings of the family that are others than in [family]"
    )

    def covers(self, generation: int, generations: int) -> bool:
        """Whether a generation, from 1, comes before the stage's end."""
        return (generation - 1) / generations < self.until

    def last(self, generations: int) -> int:
        """The last generation before the stage's end."""
        return sum(self.covers(generation, generations) for generation in range(1, generations + 1))


def stage_families(
    stages: Sequence[CurriculumStage],
    family: Mapping[str, Any],
    rule: Kinds,
    source: str,
    folder: Path | None,
) -> tuple[TaskFamily, ...]:
    """The family of each stage; ConfigError, as for ``[family]``, that names the stage."""
    families = []
    for number, stage in enumerate(stages, start=1):
        name = stage_name(number)
        if "kind" in stage.family:
            raise ConfigError(f"{source}: [{name}] kind must be that of [family], leave it out")
        built, _ = build(rule, {**family, **stage.family}, source, name, folder)
        families.append(built)
    return tuple(families)


def stage_name(number: int) -> str:
    """The name of a stage, from 1, in messages."""
    return f"run.curriculum, stage {number}"
