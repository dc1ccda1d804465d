"""A plan: what is measured of which kind of episodes, and what is made of it."""

from typing import Any

import pytest
from support.paths import OWN_CLASSES
from support.small_run import small_config, small_tables

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search import cost_estimate as planning
from spikeloop.workers.job import Grid


def by_gradients() -> RunConfig:
    tables = small_tables()
    tables |= {
        "strategy": {"kind": "gradient_learner:Ascent"},
        "learner": {"kind": "gradient_learner:Slope"},
    }
    return parse(tables, "slope.toml", OWN_CLASSES)


@pytest.mark.parametrize(
    ("config", "kinds"), [(small_config(), [False]), (by_gradients(), [True, False])]
)
def test_held_out_episodes_are_timed_without_gradients(
    config: RunConfig, kinds: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held-out scores and transfer cost an episode without a gradient, the search one with."""
    measured: list[tuple[Grid, planning.Timing]] = []
    measure = planning._time

    def timed(pool: Any, grid: Grid, tile: tuple[int, int]) -> planning.Timing:
        episodes = measure(pool, grid, tile).episodes
        taken = planning.Timing(episodes, 5.0 if grid.gradient else 2.0, 1.0)
        measured.append((grid, taken))
        return taken

    monkeypatch.setattr(planning, "_time", timed)
    plan = planning.estimate(config, StopSignal())
    assert [grid.gradient for grid, _ in measured] == kinds
    for grid, taken in measured:
        assert (taken.episodes.gradient is not None) == grid.gradient
        assert taken.episodes.n_failed == 0
    assert plan.episodes_measured == sum(grid.n_episodes for grid, _ in measured)
    of_search = 5.0 if kinds[0] else 2.0
    assert (plan.seconds_per_episode, plan.seconds_per_held_out_episode) == (of_search, 2.0)
    assert plan.search_s == plan.episodes_search * of_search
    assert plan.monitor_s == plan.episodes_monitor * 2.0
    assert plan.transfer_s == plan.episodes_transfer * 2.0
    assert plan.start_s > len(kinds) * 1.0
