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


def refuse_disorder(stages: Sequence[CurriculumStage]) -> None:
    """ValueError unless each stage ends after the one before."""
    ends = [stage.until for stage in stages]
    if sorted(set(ends)) != ends:
        raise ValueError(f"curriculum must have stages with ascending until, got {ends}")


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
        name = _name(number)
        if "kind" in stage.family:
            raise ConfigError(f"{source}: [{name}] kind must be that of [family], leave it out")
        built, _ = build(rule, {**family, **stage.family}, source, name, folder)
        families.append(built)
    return tuple(families)


def check_spaces(
    families: Sequence[TaskFamily], family: TaskFamily, learner: Any, source: str
) -> None:
    """ConfigError, which names the stage, unless the learner has the same Θ in all of them."""
    for number, stage in enumerate(families, start=1):
        try:
            same = learner.space(stage.interface) == learner.space(family.interface)
        except ValueError as error:
            raise ConfigError(f"{source}: [{_name(number)}] {error}") from error
        if not same:
            raise ConfigError(
                f"{source}: [{_name(number)}] {learner.kind} must have the same hyperparameters as "
                "with [family], these are others"
            )


def _name(number: int) -> str:
    return f"run.curriculum, stage {number}"
