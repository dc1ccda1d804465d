"""The configuration of a run: each TOML table becomes the settings object that is used."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from spikeloop.cluster.pool import Target
from spikeloop.cluster.targets import TARGETS
from spikeloop.coordinator.config import uris
from spikeloop.coordinator.config.curriculum import CurriculumStage, stage_at
from spikeloop.coordinator.config.limits import Count, Seed, Share, refuse_too_many
from spikeloop.coordinator.config.racing_schedule import generation_edges, halving_edges, n_halvings
from spikeloop.coordinator.config.setting_errors import nearest, shown
from spikeloop.coordinator.config.settings_builder import Kinds
from spikeloop.coordinator.config.stopping import StopSettings
from spikeloop.coordinator.config.tracking import TrackingSettings
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.strategies import STRATEGIES
from spikeloop.coordinator.strategies.base import Strategy, to_arrays
from spikeloop.tasks import FAMILIES
from spikeloop.tasks.base import TaskFamily
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import HasBonus, Learner
from spikeloop.workers.learners import LEARNERS
from spikeloop.workers.space import ParameterSpace


def _folder_name(value: str) -> str:
    if not re.fullmatch(r"([A-Za-z0-9_-][A-Za-z0-9_.-]*)?", value):
        raise ValueError("must hold the letters a-z and A-Z, digits, _, - and . only, no . first")
    return value


FolderName = Annotated[str, AfterValidator(_folder_name)]
"""A name that is a folder's on every system and needs no quotes in a shell; or empty."""


class RunSettings(Settings):
    """Table ``[run]``: the size of the search and everything that fixes its random numbers."""

    name: FolderName = Field(default="", description="folder below runs/")
    seed: Seed = Field(default=1, description="seed of every random number")
    generations: Count = Field(default=30, description="rounds of ask, evaluate, tell")
    tasks: Count = Field(default=20, description="fresh tasks per generation")
    start: Literal["default", "random"] = Field(
        default="default", description="where the search begins: the default Θ, or a random one"
    )
    tile_candidates: int = Field(default=2, ge=1, le=1000, description="candidates of one job")
    tile_tasks: int = Field(default=20, ge=1, le=1000, description="tasks of one job")
    common_noise: bool = Field(
        default=True, description="all candidates share the episode seed of a task"
    )
    racing: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of a generation's tasks that all candidates meet; only the better half "
        "meets the rest",
    )
    commit_every: Count = Field(
        default=1,
        description="generations that are written together; it changes no number, only what a "
        "crash costs",
    )
    max_failed_share: Share = Field(
        default=0.2, description="share of failed episodes in a generation that ends the run"
    )
    curriculum: list[CurriculumStage] = Field(
        default=[],
        description="stages of other tasks before the family's own, which held-out tasks always "
        "are",
    )
    upload_to: str = Field(
        default="",
        description="folder or URI (s3://bucket/prefix) that the run is uploaded to; empty: none",
    )

    @model_validator(mode="after")
    def _storage_address(self) -> Self:
        if self.upload_to:
            try:
                uris.require_address(self.upload_to)
            except ValueError as error:  # which does not quote it, because it may hold a secret
                raise ValueError(f"upload_to {error}") from error
        return self

    @model_validator(mode="after")
    def _stages_in_order(self) -> Self:
        ends = [stage.until for stage in self.curriculum]
        if sorted(set(ends)) != ends:
            raise ValueError(f"curriculum must have stages with ascending until, got {ends}")
        return self

    @property
    def edges(self) -> list[int]:
        """Tasks up to which the rounds of a generation go."""
        return generation_edges(self.tasks, self.racing)


class DeploySettings(Settings):
    """Table ``[deploy]``: which of the points that a search recommends is deployed at the end."""

    average: int = Field(
        default=1, ge=1, description="generations whose recommended points are averaged"
    )
    finalists: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="generations whose points race for it; 1 takes the last one's",
    )
    tasks: Count = Field(default=40, description="fresh tasks of the race, per finalist on average")

    @model_validator(mode="after")
    def _a_task_each_round(self) -> Self:
        if self.tasks < (rounds := n_halvings(self.finalists)):
            raise ValueError(
                f"tasks must be at least {rounds}, one for each round of a race of "
                f"{self.finalists} finalists, got {self.tasks}"
            )
        if self.finalists > 1:
            last = halving_edges(self.finalists, self.tasks)[-1]
            refuse_too_many(self.finalists * last, f"{self.finalists} finalists on {last} tasks")
        return self


@dataclass(frozen=True)
class RunConfig:
    """Everything that defines a run. Two runs with equal configurations have equal results."""

    run: RunSettings
    family: TaskFamily
    learner: Learner
    strategy: Strategy[Any]
    target: Target
    transfer: TransferSettings
    deploy: DeploySettings
    stop: StopSettings
    tracking: TrackingSettings
    working_dir: Path | None = None
    """Folder of the user's own classes, where there are any."""
    stages: tuple[TaskFamily, ...] = ()
    """The family of each stage of ``run.curriculum``."""

    @cached_property
    def space(self) -> ParameterSpace:
        """The hyperparameters that are searched."""
        return self.learner.space(self.family.interface)

    @cached_property
    def held_out_learner(self) -> Learner:
        """The learner of held-out episodes: that of the search with ``transfer.learner``.

        Its returns are rewards alone. A setting there names no file, because a record of a run must
        not make anybody read one.
        """
        learner = (
            self.learner.without_bonus() if isinstance(self.learner, HasBonus) else self.learner
        )
        if not self.transfer.learner:
            return learner
        settings: Any = learner
        changed: Learner = type(settings).model_validate(
            {**settings.model_dump(), **self.transfer.learner}, context={"folder": None}
        )
        return changed

    @cached_property
    def held_out_family(self) -> TaskFamily:
        """The family of held-out tasks: that of the search with ``transfer.family``.

        With another ``kind`` there, it is a built-in family with these settings alone.

        Raises:
            ValueError: there is no built-in family of that kind.
        """
        given, own = self.transfer.family, FAMILY.name(self.family)
        if not given:
            return self.family
        changes = {name: value for name, value in given.items() if name != "kind"}
        if (kind := given.get("kind", own)) == own:
            settings: Any = self.family
            kept = {name: value for name, value in settings.model_dump().items() if name != "kind"}
            family: TaskFamily = type(settings).model_validate({**kept, **changes})
            return family
        if kind not in FAMILIES:
            hint = nearest(kind, FAMILIES)
            raise ValueError(
                f"kind must be that of [family] or one of {', '.join(FAMILIES)}, got {shown(kind)}"
                f"{hint}"
            )
        cls: Any = FAMILIES[kind]
        other: TaskFamily = cls.model_validate(changes)
        return other

    @cached_property
    def first_arrays(self) -> Mapping[str, NDArray[Any]]:
        """Arrays of a state with which a built-in strategy begins; none of a user's own.

        What a user's own strategy keeps in its state may change in any way.
        """
        if type(self.strategy) not in STRATEGIES.values():
            return {}
        rng = np.random.default_rng(0)
        return to_arrays(self.strategy.init(self.space, rng=rng, start=self.space.default_point()))

    def stage_at(self, generation: int, before: int = 0, mean: float = float("nan")) -> int:
        """How many stages are over at a generation, as ``curriculum.stage_at``."""
        run = self.run
        return stage_at(run.curriculum, generation, run.generations, before, mean)

    def family_of(self, stage: int) -> TaskFamily:
        """The family of search tasks once so many stages of the curriculum are over."""
        return (*self.stages, self.family)[stage]

    def uploaded_to(self, address: str) -> Self:
        """The same run uploaded elsewhere, which changes no result."""
        run = RunSettings.model_validate({**self.run.model_dump(), "upload_to": address})
        return replace(self, run=run)

    def tables(self) -> dict[str, dict[str, Any]]:
        """The configuration as resolved, every default written out; ``parse`` reads it back."""
        tables: dict[str, dict[str, Any]] = {}
        for name, rule in TABLES.items():
            settings = getattr(self, name)
            tables[name] = dict(settings.model_dump(mode="json"))
            if isinstance(rule, Kinds):
                tables[name]["kind"] = rule.name(settings)
        return tables


FAMILY = Kinds("family", FAMILIES, needs=("kind", "interface", "sample"))
TABLES: dict[str, Kinds | type[Settings]] = {
    "run": RunSettings,
    "family": FAMILY,
    "learner": Kinds("learner", LEARNERS, needs=("kind", "space", "run_episodes")),
    "strategy": Kinds(
        "strategy",
        STRATEGIES,
        needs=("kind", "State", "init", "ask", "tell", "recommend", "summary"),
    ),
    "target": Kinds("target", TARGETS, needs=("kind", "open")),
    "transfer": TransferSettings,
    "deploy": DeploySettings,
    "stop": StopSettings,
    "tracking": TrackingSettings,
}
OPTIONAL = {
    "strategy": {"kind": "evolution"},
    "target": {"kind": "local"},
    "transfer": {},
    "deploy": {},
    "stop": {},
    "tracking": {},
}
"""What stands for a table that is left out."""
