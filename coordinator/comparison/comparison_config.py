"""The configuration of a comparison: tables that all strategies share, and one table for each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from spikeloop.coordinator.comparison.tunable_space import distributions
from spikeloop.coordinator.config import run_config as runs
from spikeloop.coordinator.config.limits import Count, Seed, TwoOrMore
from spikeloop.coordinator.config.load import COMMANDS, folder_name, read_tables
from spikeloop.coordinator.config.load import parse as parse_run
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.setting_errors import nearest, shown
from spikeloop.coordinator.config.settings_builder import build
from spikeloop.coordinator.errors import ConfigError
from spikeloop.tasks.settings import Settings


class ComparisonSettings(Settings):
    """Table ``[comparison]``: the plan of the final phase, declared before it begins."""

    name: runs.FolderName = Field(default="", description="folder below comparisons/")
    seed: Seed = Field(default=1, description="seed of every random number")
    budget: Count = Field(
        default=10_000, description="episodes of each search, failed ones included"
    )
    seeds: int = Field(
        default=10, ge=1, le=10_000, description="searches of each variant, paired by seed"
    )
    measurements: int = Field(
        default=10, ge=1, description="number of held-out scores measured during a search, about"
    )
    baseline: str = Field(
        default="random_search", description="the variant that all others are compared with"
    )
    pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(
        default=[], description="further planned comparisons, of two variants each"
    )
    target: float | None = Field(
        default=None, description="held-out score; episodes are counted until a search reaches it"
    )
    primary: Literal["held_out_score"] = Field(
        default="held_out_score", description="the metric that decides, declared in advance"
    )


class TuningSettings(Settings):
    """Table ``[tuning]``: one Optuna study for each tuned strategy, all with the same budget."""

    strategies: list[str] | None = Field(
        default=None, description="the strategies to tune; all of them if this is left out"
    )
    episodes: int = Field(
        default=200_000,
        ge=0,
        description="search episodes of each study, failed ones included; 0 tunes nothing",
    )
    seeds: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="searches of a trial, the same seeds for every trial",
    )
    tasks: TwoOrMore = Field(default=100, description="held-out tasks that score each search")
    startup_trials: int = Field(
        default=6, ge=1, description="trials before the sampler learns from them and any is pruned"
    )
    sampler: Literal["tpe", "random"] = Field(
        default="tpe", description="Optuna's sampler, the same for every strategy"
    )
    prune: bool = Field(
        default=True,
        description="end a trial whose held-out score is below the median of its study",
    )
    storage: str = Field(
        default="",
        description="an Optuna database URL (postgresql+psycopg://…); study.db if left out",
    )


@dataclass(frozen=True)
class ComparisonConfig:
    """Everything that defines a comparison.

    Attributes:
        comparison: the plan of the final phase.
        tuning: how strategies are tuned.
        given: for each strategy's name, the configuration of a run with its settings as given.
    """

    comparison: ComparisonSettings
    tuning: TuningSettings
    given: Mapping[str, RunConfig]

    @property
    def tuned(self) -> tuple[str, ...]:
        """The names of the strategies that are tuned, in the order of the file."""
        if self.tuning.episodes == 0:
            return ()
        wanted = self.tuning.strategies
        return tuple(name for name in self.given if wanted is None or name in wanted)

    @property
    def first(self) -> RunConfig:
        """One of the configurations, for what all have in common: family, learner and target."""
        return next(iter(self.given.values()))

    def tables(self) -> dict[str, Any]:
        """Give the resolved configuration as tables, which ``parse`` reads back."""
        common = self.first.tables()
        del common["strategy"], common["tracking"]
        common["run"] = {k: v for k, v in common["run"].items() if k not in DERIVED}
        return {
            "comparison": self.comparison.model_dump(mode="json"),
            "tuning": self.tuning.model_dump(mode="json"),
            **common,
            "strategies": {name: run.tables()["strategy"] for name, run in self.given.items()},
        }

    def retarget(self, target: Any) -> "ComparisonConfig":
        """Give the same comparison on other workers, which changes no result."""
        given = {name: replace(run, target=target) for name, run in self.given.items()}
        return replace(self, given=given)


DERIVED = {
    "generations": "it follows from comparison.budget",
    "seed": "seeds follow from comparison.seed",
    "name": "the comparison has one, comparison.name",
    "upload_to": "a comparison is not uploaded while it runs",
}
"""Keys of ``[run]`` that a comparison does not take from its file, with the reason."""
OWN = ("comparison", "tuning", "strategies")
COMMON = tuple(name for name in runs.TABLES if name not in ("strategy", "tracking"))
NAMES = (*OWN, *COMMON, *COMMANDS)
"""All tables of the file of a comparison."""


def load(path: Path, overrides: Mapping[str, Any] | None = None) -> ComparisonConfig:
    """Read a TOML file; a ConfigError names the file, table, key and what is allowed."""
    tables = read_tables(path, NAMES, overrides or {})
    settings = tables.get("comparison")
    if isinstance(settings, dict) and not settings.get("name"):
        settings["name"] = folder_name(path.stem)
    return parse(tables, str(path), path.resolve().parent)


def parse(tables: Mapping[str, Any], source: str, folder: Path | None) -> ComparisonConfig:
    """Build a comparison from its tables.

    Args:
        tables: keys and values by name of the table.
        source: where they come from, for messages.
        folder: where the user's own classes are; None allows only those of modules that are
            already imported.
    """
    for name, value in tables.items():
        if name not in NAMES:
            hint = nearest(name, (*OWN, *COMMON))
            if name == "strategy":
                hint = "; name each strategy in a table of its own, such as [strategies.evolution]"
            if name == "tracking":
                hint = "; trackers show single runs, a comparison has its own report"
            raise ConfigError(f"{source}: unknown table [{name}]{hint}")
        if not isinstance(value, dict):
            raise ConfigError(f"{source}: {name} must be a table [{name}], got {shown(value)}")
    if "comparison" not in tables:
        raise ConfigError(f"{source}: table [comparison] is missing")
    for key, reason in DERIVED.items():
        if key in tables.get("run", {}):
            raise ConfigError(f"{source}: [run] {key} cannot be set in a comparison: {reason}")
    comparison, _ = build(ComparisonSettings, tables["comparison"], source, "comparison", folder)
    tuning, _ = build(TuningSettings, tables.get("tuning", {}), source, "tuning", folder)
    common = {name: tables[name] for name in (*COMMON, *COMMANDS) if name in tables}
    common["run"] = {**common.get("run", {}), "name": "search"}
    strategies = tables.get("strategies", {})
    given = {}
    for name, settings in strategies.items():
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ConfigError(
                f"{source}: [strategies.{name}] names may hold letters, digits, - and _ only"
            )
        if not isinstance(settings, dict):
            raise ConfigError(f"{source}: strategies.{name} must be a table, got {shown(settings)}")
        strategy = {"kind": name, **settings}
        try:
            given[name] = parse_run({**common, "strategy": strategy}, source, folder)
        except ConfigError as error:
            message = str(error).replace("[strategy]", f"[strategies.{name}]", 1)
            raise ConfigError(message) from error
    config = ComparisonConfig(comparison, tuning, given)
    _check(config, source)
    return config


def variant_names(config: ComparisonConfig) -> list[str]:
    """List the names of all variants: each strategy as given, then the tuned ones as "…_tuned"."""
    return [*config.given, *(f"{name}_tuned" for name in config.tuned)]


def _check(config: ComparisonConfig, source: str) -> None:
    names, settings = variant_names(config), config.comparison
    if len(config.given) < 2:
        raise ConfigError(
            f"{source}: a comparison needs two strategies or more, for example "
            "[strategies.evolution] and [strategies.random_search]"
        )
    if len(set(names)) < len(names):
        raise ConfigError(f"{source}: variants must have different names, got {names}")
    for name in (settings.baseline, *(name for pair in settings.pairs for name in pair)):
        _check_known(name, names, f"{source}: [comparison]")
    for name in config.tuning.strategies or ():
        _check_known(name, list(config.given), f"{source}: [tuning] strategies:")
    for one, other in settings.pairs:
        if one == other:
            raise ConfigError(f"{source}: [comparison] pairs: {one!r} is compared with itself")
    for name in config.tuned:
        strategy = type(config.given[name].strategy)
        tunable = getattr(strategy, "tunable", None)
        if tunable is None or not tunable.parameters:
            raise ConfigError(
                f"{source}: [strategies.{name}] has nothing to tune; leave it out of "
                "tuning.strategies"
            )
        distributions(tunable)
    if config.tuned and config.tuning.episodes < settings.budget * config.tuning.seeds:
        raise ConfigError(
            f"{source}: [tuning] episodes must allow one trial, "
            f"{config.tuning.seeds} x {settings.budget}, got {config.tuning.episodes}"
        )


def _check_known(name: str, names: Sequence[str], where: str) -> None:
    if name not in names:
        raise ConfigError(f"{where} {name!r} is not among {', '.join(names)}{nearest(name, names)}")
