"""What a sweep is predicted to cost."""

from pathlib import Path

from support.command_line import answer, printed
from support.small_run import small_toml
from support.small_sweep import small_sweep

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.sweep.cost import estimate


def test_every_run_is_counted_and_each_kind_of_episode_measured_once() -> None:
    settings = [
        {},
        {"strategy.sigma": 0.3},
        {"strategy.population_size": 12, "run.generations": 2},
        {"family.n_states": 2},
    ]
    found = estimate(small_sweep({"settings": settings, "seeds": 2}), StopSignal())
    assert [cost.episodes_search for cost in found.settings] == [144, 144, 192, 144]
    # 3 or 2 scores on 4 tasks, the default and the learned Θ on 6, and 3 random ones on 40 at most.
    assert [cost.episodes_held_out for cost in found.settings] == [84, 84, 76, 84]
    first, wide, *_ = found.settings
    assert first.seconds == wide.seconds > 0  # from the same measurement
    assert found.total_s == found.start_s + sum(cost.seconds for cost in found.settings)
    alone = estimate(small_sweep({"settings": settings[:3], "seeds": 2}), StopSignal())
    assert found.episodes_measured == 2 * alone.episodes_measured


def test_the_command_line_plans_a_sweep_and_writes_nothing(tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    planned = answer("plan", config, "--over", "strategy.population_size=6,12", "--seeds", 2)
    assert [cost["episodes_search"] for cost in planned["settings"]] == [144, 288]
    shown = printed("plan", config, "--seeds", 1, "--over", "run.generations=1")
    assert "generations=1" in shown
    assert list(tmp_path.iterdir()) == [config]
