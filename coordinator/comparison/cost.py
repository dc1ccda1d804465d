"""Estimate what a comparison would evaluate and how long that would take; nothing is written."""

from dataclasses import dataclass

from spikeloop.cluster.progress import ShowLine, show_nothing
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.comparison import final, tuning, variant_search
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search.cost_estimate import (
    Measured,
    generation_s,
    measure,
    monitor_s,
)
from spikeloop.coordinator.search.deployment import race_size
from spikeloop.coordinator.search.search_size import n_candidates
from spikeloop.coordinator.strategies.base import wants_gradient


@dataclass(frozen=True)
class StrategyCost:
    """What one strategy costs, with the settings as given.

    Attributes:
        candidates: of its first generation.
        generations: of one search.
        searches: of the final phase, those with tuned settings included.
        trial_searches: that its study can pay for in full; pruned ones leave room for others.
        episodes_search, episodes_held_out: of all these searches, at most.
        seconds: predicted, of all these searches.
    """

    strategy: str
    candidates: int
    generations: int
    searches: int
    trial_searches: int
    episodes_search: int
    episodes_held_out: int
    seconds: float


@dataclass(frozen=True)
class ComparisonCost:
    """What a comparison costs.

    Attributes:
        strategies: one entry for each.
        episodes_measured, episodes_failed: how many episodes the estimate rests on.
        first_failure: why the first of these failed, or "".
        seconds_per_held_out_episode: of one worker, with all workers busy.
        start_s: seconds until the workers are ready, compilation included.
        total_s: predicted seconds of everything.
    """

    strategies: tuple[StrategyCost, ...]
    workers: int
    episodes_measured: int
    episodes_failed: int
    first_failure: str
    seconds_per_held_out_episode: float
    start_s: float
    total_s: float


def estimate(
    config: ComparisonConfig, stop: StopSignal, show_line: ShowLine = show_nothing
) -> ComparisonCost:
    """Start the target, run a few tiles, and extrapolate to all searches.

    Family and learner are the same for all strategies, so one of them is measured: one that needs
    gradients, if there is any, with them and without.

    Raises:
        ConfigError: a strategy cannot search within the budget.
        RunFailed: every episode that was measured failed.
    """
    final.check(config)
    runs = config.given.values()
    measured_run = next((run for run in runs if wants_gradient(run.strategy)), config.first)
    measured = measure(measured_run, stop, show_line)
    costs = tuple(_strategy_cost(config, name, measured) for name in config.given)
    failures = measured.failures
    return ComparisonCost(
        strategies=costs,
        workers=measured.workers,
        episodes_measured=measured.n_episodes,
        episodes_failed=len(failures),
        first_failure=failures[0].message if failures else "",
        seconds_per_held_out_episode=measured.per_held_out,
        start_s=measured.start_s,
        total_s=measured.start_s + sum(cost.seconds for cost in costs),
    )


def _strategy_cost(config: ComparisonConfig, name: str, measured: Measured) -> StrategyCost:
    settings, study = config.comparison, config.tuning
    variants = 1 + (name in config.tuned)
    of_final = _Search(_planned(config, name, settings.measurements), config.first.transfer.tasks)
    of_trial = _Search(_planned(config, name, 2 * tuning.CHECKPOINTS), study.tasks)
    n_final = variants * settings.seeds
    n_trials = study.episodes // settings.budget if name in config.tuned else 0
    both = ((n_final, of_final), (n_trials, of_trial))
    return StrategyCost(
        strategy=name,
        candidates=n_candidates(of_final.config),
        generations=of_final.config.run.generations,
        searches=n_final,
        trial_searches=n_trials,
        episodes_search=n_final * settings.budget + n_trials * settings.budget,
        episodes_held_out=sum(n * search.episodes_held_out for n, search in both),
        seconds=sum(n * search.seconds(measured) for n, search in both),
    )


def _planned(config: ComparisonConfig, name: str, measurements: int) -> RunConfig:
    given = config.given[name]
    budget = config.comparison.budget
    return variant_search.plan(given, given.strategy, 0, budget, measurements, name)


@dataclass(frozen=True)
class _Search:
    """One search, and the held-out tasks that score its point."""

    config: RunConfig
    tasks: int

    @property
    def monitored(self) -> int:
        """Held-out scores during the search."""
        return len(self.config.transfer.monitored(self.config.run.generations))

    @property
    def episodes_held_out(self) -> int:
        return self.monitored * self.config.transfer.monitor_tasks + self.tasks

    def seconds(self, measured: Measured) -> float:
        """Predict its time."""
        config, workers = self.config, measured.workers
        gradient = wants_gradient(config.strategy)
        per_episode = measured.per_episode if gradient else measured.per_held_out
        rest = (race_size(config) + self.tasks) * measured.per_held_out / workers
        return (
            config.run.generations * generation_s(config, workers, per_episode)
            + self.monitored * monitor_s(config, measured)
            + rest
        )
