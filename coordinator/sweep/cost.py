"""Estimate what a sweep would evaluate and how long that would take; nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spikeloop.cluster.progress import ShowLine, show_nothing
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search import cost_estimate
from spikeloop.coordinator.search.cost_estimate import CostEstimate
from spikeloop.coordinator.search.deployment import race_size
from spikeloop.coordinator.search.search_size import (
    generation_episodes,
    max_generations,
    n_candidates,
)
from spikeloop.coordinator.search.transfer_design import transfer_size
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.coordinator.sweep.sweep_config import Setting, SweepConfig


@dataclass(frozen=True)
class SettingCost:
    """What the runs of one setting cost at most; a rule of ``[stop]`` may end them earlier.

    Attributes:
        setting: its label.
        candidates: of a first generation.
        generations: of one run.
        runs: one for each seed.
        episodes_search, episodes_held_out: of all these runs; races are among the latter.
        seconds: predicted, of all these runs, with all workers busy.
    """

    setting: str
    candidates: int
    generations: int
    runs: int
    episodes_search: int
    episodes_held_out: int
    seconds: float


@dataclass(frozen=True)
class SweepCost:
    """What a sweep costs.

    Attributes:
        settings: one entry for each.
        episodes_measured, episodes_failed: how many episodes the estimate rests on.
        first_failure: why the first of these failed, or "".
        start_s: seconds until the workers are ready for all settings, compilation included.
        total_s: predicted seconds of everything.
    """

    settings: tuple[SettingCost, ...]
    workers: int
    episodes_measured: int
    episodes_failed: int
    first_failure: str
    start_s: float
    total_s: float


def estimate(
    config: SweepConfig, stop: StopSignal, show_line: ShowLine = show_nothing
) -> SweepCost:
    """Start the target, measure one setting of each kind of episode, and extrapolate to all runs.

    Runs share the workers, so unlike a run alone they are taken to keep all of them busy.

    Raises:
        RunFailed: every episode that was measured of a setting failed.
    """
    kinds: list[tuple[Mapping[str, Any], CostEstimate]] = []
    costs = []
    for setting in config.settings:
        kind = _kind(setting.config)
        measured = next((found for known, found in kinds if known == kind), None)
        if measured is None:
            measured = cost_estimate.estimate(setting.config, stop, show_line)
            kinds.append((kind, measured))
        costs.append(_setting_cost(setting, len(config.seeds), measured))
    found = [measured for _, measured in kinds]
    start_s = sum(measured.start_s for measured in found)
    return SweepCost(
        settings=tuple(costs),
        workers=found[0].workers,
        episodes_measured=sum(measured.episodes_measured for measured in found),
        episodes_failed=sum(measured.episodes_failed for measured in found),
        first_failure=next((one.first_failure for one in found if one.first_failure), ""),
        start_s=start_s,
        total_s=start_s + sum(cost.seconds for cost in costs),
    )


def _kind(config: RunConfig) -> Mapping[str, Any]:
    """Give what the time of an episode depends on."""
    tables, run = config.tables(), config.run
    return {
        "family": tables["family"],
        "learner": tables["learner"],
        "gradient": wants_gradient(config.strategy),
        "tile": (min(run.tile_candidates, n_candidates(config)), min(run.tile_tasks, run.tasks)),
    }


def _setting_cost(setting: Setting, runs: int, measured: CostEstimate) -> SettingCost:
    config = setting.config
    generations = max_generations(config)
    search = generations * generation_episodes(config)
    monitored = len(config.transfer.monitored(generations)) * config.transfer.monitor_tasks
    held_out = monitored + race_size(config) + transfer_size(config.transfer)
    busy_s = (
        search * measured.seconds_per_episode + held_out * measured.seconds_per_held_out_episode
    )
    return SettingCost(
        setting=setting.label,
        candidates=n_candidates(config),
        generations=generations,
        runs=runs,
        episodes_search=runs * search,
        episodes_held_out=runs * held_out,
        seconds=runs * busy_s / measured.workers,
    )
