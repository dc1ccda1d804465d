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
    mean_fitness: float | None = Field(
        default=None,
        description="mean fitness of a generation, bonuses included, with which it ends early; "
        "none: only at until",
    )
    family: dict[str, Any] = Field(
        description="settings of the family that are others than in [family]"
    )

    def covers(self, generation: int, generations: int) -> bool:
        """Whether a generation, from 1, comes before the stage's end."""
        return (generation - 1) / generations < self.until

    def learned(self, mean: float) -> bool:
        """Whether a generation of the stage with this mean fitness ends it; never with nan."""
        return self.mean_fitness is not None and mean >= self.mean_fitness

    def last(self, generations: int) -> int:
        """The last generation before the stage's end."""
        return sum(self.covers(generation, generations) for generation in range(1, generations + 1))


def stage_at(
    stages: Sequence[CurriculumStage], generation: int, generations: int, before: int, mean: float
) -> int:
    """The number of stages that are over at a generation, from 1.

    Args:
        stages: all of the curriculum.
        generation: the generation.
        generations: of the run.
        before: stages that were over at the generation before; 0 at the first.
        mean: the mean fitness of the generation before; nan at the first.
    """
    over = before
    if over < len(stages) and stages[over].learned(mean):
        over += 1
    while over < len(stages) and not stages[over].covers(generation, generations):
        over += 1
    return over


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
