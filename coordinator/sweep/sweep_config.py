"""The configuration of a sweep: the tables of a run, and what varies between its runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from spikeloop.cluster.pool import Target
from spikeloop.coordinator.config import load as runs
from spikeloop.coordinator.config.limits import MAX_COUNT
from spikeloop.coordinator.config.run_config import FolderName, RunConfig, RunSettings
from spikeloop.coordinator.config.setting_errors import nearest, shown
from spikeloop.coordinator.config.settings_builder import build
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.search.search_size import max_generations
from spikeloop.coordinator.store.run_folder import read_manifest
from spikeloop.coordinator.sweep import settings_grid
from spikeloop.tasks.settings import Settings


class SweepSettings(Settings):
    """Table ``[sweep]``: what varies between the runs of a sweep."""

    name: FolderName = Field(default="", description="folder below sweeps/")
    over: dict[str, Any] = Field(
        default={}, description="values of each varied table.key; all are combined"
    )
    settings: list[dict[str, Any]] = Field(
        default=[],
        description="instead of over: an entry a setting, with its changes of table.key, and name",
    )
    seeds: int = Field(
        default=5,
        ge=1,
        le=10_000,
        description="runs of each setting: with run.seed, run.seed + 1, ...",
    )
    baseline: str = Field(
        default="", description="setting that all others are compared with; default: the first"
    )


@dataclass(frozen=True)
class Setting:
    """A configuration that differs from the others of its sweep.

    Attributes:
        label: names it for people, in tables and figures.
        folder: names its folder below runs/.
        changes: what it changes, by "table.key".
        config: of its run with the first seed.
    """

    label: str
    folder: str
    changes: settings_grid.Changes
    config: RunConfig


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep.

    Attributes:
        setting: whose run it is.
        seed: ``run.seed``.
        config: its configuration.
        path: its run folder, below that of the sweep.
    """

    setting: Setting
    seed: int
    config: RunConfig
    path: Path

    @property
    def name(self) -> str:
        """For people, for example "sigma=0.1, seed 3"."""
        return f"{self.setting.label}, seed {self.seed}"


@dataclass(frozen=True)
class SweepConfig:
    """Everything that defines a sweep.

    Attributes:
        name: of its folder.
        settings: in the order in which they were declared.
        seeds: of the runs of each setting.
        baseline: label of the setting that all others are compared with.
    """

    name: str
    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]
    baseline: str

    @property
    def first(self) -> RunConfig:
        """One of the configurations, for what all have in common, such as the target."""
        return self.settings[0].config

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that some setting changes."""
        return tuple(dict.fromkeys(key for setting in self.settings for key in setting.changes))

    def runs(self) -> Iterator[PlannedRun]:
        """Give all runs seed by seed, so that settings can be compared before the last seed."""
        for seed in self.seeds:
            for setting in self.settings:
                name = f"{setting.folder}_seed-{seed}"
                run = {**setting.config.run.model_dump(), "seed": seed, "name": name}
                config = replace(setting.config, run=RunSettings.model_validate(run))
                yield PlannedRun(setting, seed, config, Path("runs", setting.folder, str(seed)))

    def tables(self) -> dict[str, Any]:
        """Give tables of the first setting, or of another where that one names an own class."""
        found: dict[str, Any] = {}
        for setting in reversed(self.settings):
            for name, table in setting.config.tables().items():
                if ":" not in str(found.get(name, {}).get("kind", "")):
                    found[name] = table
        return found

    def retarget(self, target: Target) -> "SweepConfig":
        """Give the same sweep on other workers, which changes no result."""
        settings = tuple(
            replace(setting, config=replace(setting.config, target=target))
            for setting in self.settings
        )
        return replace(self, settings=settings)

    def as_json(self) -> dict[str, Any]:
        """Give the sweep as resolved, which ``from_json`` reads back."""
        return {
            "name": self.name,
            "seeds": list(self.seeds),
            "baseline": self.baseline,
            "settings": [
                {
                    "label": setting.label,
                    "folder": setting.folder,
                    "changes": dict(setting.changes),
                    "config": setting.config.tables(),
                }
                for setting in self.settings
            ],
        }


def parse(
    tables: Mapping[str, Any], sweep: Mapping[str, Any], source: str, folder: Path | None
) -> SweepConfig:
    """Build a sweep from the tables of a run and those of ``[sweep]``.

    Args:
        tables: keys and values by name of the table, as of a run.
        sweep: as ``SweepSettings``.
        source: where they come from, for messages.
        folder: where the user's own classes are, as for ``config.load.parse``.
    """
    plan, _ = build(SweepSettings, sweep, source, "sweep", folder)
    named = _all_changes(plan, f"{source}: [sweep]")
    changes = [one for _, one in named]
    labels = [name or settings_grid.label(one) for name, one in named]
    if twice := next((name for name in labels if labels.count(name) > 1), None):
        raise ConfigError(f"{source}: [sweep] the setting {twice} is declared twice")
    run = tables.get("run", {})
    run = {"name": plan.name, **run} if isinstance(run, Mapping) else run
    base = {**tables, "run": run}
    settings = []
    for one, name, its_folder in zip(
        changes, labels, settings_grid.folder_names(labels), strict=True
    ):
        where = f"{source}: with {name}"
        config = runs.parse(settings_grid.changed(base, one, where), where, folder)
        _check(config, where)
        settings.append(Setting(name, its_folder, one, config))
    baseline = plan.baseline or labels[0]
    if baseline not in labels:
        raise ConfigError(
            f"{source}: [sweep] baseline: {baseline!r} is not among the settings "
            f"{'; '.join(labels)}{nearest(baseline, labels)}"
        )
    first = settings[0].config.run.seed
    return SweepConfig(
        plan.name, tuple(settings), tuple(range(first, first + plan.seeds)), baseline
    )


def from_json(
    value: Mapping[str, Any], source: str, classes: Mapping[str, Any], trust: bool
) -> SweepConfig:
    """Read what ``as_json`` gave; ConfigError if it is something else.

    Args:
        value: what it gave.
        source: where it comes from, for messages.
        classes: a manifest that names the folder of the user's own classes.
        trust: load those classes, which runs their code.
    """
    try:
        settings = tuple(
            Setting(
                str(one["label"]),
                str(one["folder"]),
                dict(one["changes"]),
                read_manifest(
                    {**classes, "config": one["config"]}, f"{source}: with {one['label']}", trust
                ),
            )
            for one in value["settings"]
        )
        seeds = tuple(int(seed) for seed in value["seeds"])
        name, baseline = str(value["name"]), str(value["baseline"])
        folders = {setting.folder for setting in settings}
        if len(folders) < len(settings) or not all(map(settings_grid.is_folder_name, folders)):
            raise ValueError("its folders must be different names")
        if not settings or not seeds or not 0 <= min(seeds) <= max(seeds) < 2**63:
            raise ValueError("it must have settings and seeds")
        if baseline not in {setting.label for setting in settings}:
            raise ValueError("its baseline is no setting")
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{source}: damaged: it describes no sweep ({error})") from error
    return SweepConfig(name, settings, seeds, baseline)


def _all_changes(plan: SweepSettings, where: str) -> list[tuple[str, dict[str, Any]]]:
    """Give name and changes of each setting; ConfigError unless there is a grid or a list."""
    if bool(plan.over) == bool(plan.settings):
        what = "over and settings exclude each other" if plan.over else "nothing varies"
        raise ConfigError(
            f"{where} {what}; give over = {{...}}, settings = [{{...}}, ...] or --over key=a,b"
        )
    if plan.settings:
        return [_declared(one, f"{where} settings") for one in plan.settings]
    over = settings_grid.flat(plan.over, f"{where} over")
    n_settings = 1
    for key, values in over.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{where} over: {key} must be a list of values, got {shown(values)}")
        n_settings *= len(values)
    if n_settings > settings_grid.MOST_SETTINGS or n_settings * plan.seeds > MAX_COUNT:
        raise ConfigError(
            f"{where} over: must be at most {settings_grid.MOST_SETTINGS} settings and {MAX_COUNT} "
            f"runs, got {n_settings} settings and {n_settings * plan.seeds} runs"
        )
    return [("", changes) for changes in settings_grid.grid(over)]


def _declared(setting: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    """Give the name, if it has one, and the changes of a setting of the list."""
    name = setting.get("name", "")
    if not isinstance(name, str) or not name.isprintable():
        raise ConfigError(f"{where}: name must be a line of text, got {shown(name)}")
    return name, settings_grid.flat({k: v for k, v in setting.items() if k != "name"}, where)


def _check(config: RunConfig, where: str) -> None:
    if config.run.upload_to:
        reason = settings_grid.NOT_SWEPT["run.upload_to"]
        raise ConfigError(f"{where}: [run] upload_to cannot be set in a sweep: {reason}")
    try:
        max_generations(config)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
