from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.random_networks import BANDIT, QUADRATIC, random_network
from support.small_run import small_config

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.export.learned_network import freeze
from spikeloop.coordinator.interpretation import held_out_episodes
from spikeloop.coordinator.interpretation.behaviour import prediction_errors
from spikeloop.coordinator.interpretation.behaviour.one_episode import rate_distribution
from spikeloop.coordinator.interpretation.behaviour.prediction_errors import NETWORK
from spikeloop.coordinator.interpretation.episode_trace import most_moved
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.search.transfer_design import transfer_grid, transfer_theta
from spikeloop.tasks.quadratic import QuadraticTasks
from spikeloop.workers.learners.lsnn import tile


def test_most_moved_orders_by_variation() -> None:
    thresholds = np.array([[1, 1, 1, 1], [1, 3, 2, 9.0]])
    np.testing.assert_array_equal(most_moved(thresholds, 3), [3, 1, 2])
    np.testing.assert_array_equal(most_moved(thresholds, 9), [3, 1, 2, 0])


@pytest.mark.parametrize("common_noise", [True, False])
@pytest.mark.parametrize("n_tasks", [4, 6, 9], ids=["fewer", "as many", "more"])
def test_tasks_and_seeds_are_those_of_a_transfer(n_tasks: int, common_noise: bool) -> None:
    """Fewer tasks than the run's own transfer has are its first ones."""
    learned = random_network({"kind": "restless_bandit", "n_steps": 25})
    tables = learned.config.tables()
    tables["run"]["common_noise"] = common_noise
    learned = replace(learned, config=parse(tables, "drawn", None))
    assert learned.config.transfer.tasks == 6
    held = HeldOutEpisodes(learned, n_tasks, seed=4)
    settings = TransferSettings(tasks=max(6, n_tasks), seed=4)
    grid = transfer_grid(learned.config, settings, learned.point)
    row = transfer_theta(settings).index("learned")
    np.testing.assert_array_equal(held.seeds[0], grid.seeds()[row, :n_tasks])
    tasks: Any = grid.tasks()[:n_tasks]
    for name, array in tasks.arrays().items():
        np.testing.assert_array_equal(held.tasks.arrays()[name], array)  # type: ignore[attr-defined]


def test_answers_are_those_that_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    learned = random_network(QUADRATIC)
    held = HeldOutEpisodes(learned, 7, seed=0)
    given = held.actions(learned.point)
    assert isinstance(held.tasks, QuadraticTasks)
    errors = prediction_errors.squared_errors(held.tasks, given)[NETWORK]
    parameters = learned.config.space.decode(learned.point[None, :])
    scored = held.learner.run_episodes(parameters, held.tasks, held.seeds)
    np.testing.assert_allclose(-errors.sum(axis=1), scored.returns[0], rtol=1e-12)
    np.testing.assert_array_equal(held.actions(learned.point, 3), given[:3])
    # One at a time, the numbers are the same.
    monkeypatch.setattr(held_out_episodes, "MEMORY", 1)
    np.testing.assert_array_equal(held.actions(learned.point), given)


def test_the_network_is_the_one_that_is_scored() -> None:
    """``[transfer.learner]`` may change how actions are chosen, which a figure must not ignore."""
    drawn = random_network(BANDIT)
    tables = drawn.config.tables()
    tables["transfer"]["learner"] = {"explores": False}
    likeliest = replace(drawn, config=parse(tables, "drawn", None))
    parameters = drawn.config.space.decode(drawn.point[None, :])
    actions = {}
    for learned in (drawn, likeliest):
        held = HeldOutEpisodes(learned, 40, seed=0)
        actions[held.learner.explores] = done = held.actions(learned.point)
        paid, _ = tile.paid(held.tasks, held.seeds, done.astype(np.int64).T[None])
        scored = learned.config.held_out_learner.run_episodes(parameters, held.tasks, held.seeds)
        np.testing.assert_allclose(paid[0].sum(axis=1), scored.returns[0], rtol=1e-6)
        assert freeze(learned, "NumPy").learner.explores is held.learner.explores
    assert (actions[True] != actions[False]).mean() > 0.1


def test_thresholds_are_those_of_the_network() -> None:
    learned = random_network(BANDIT, adaptive_share=0.4)
    held = HeldOutEpisodes(learned, 3, seed=0)
    episode = held.trace(1)
    parameters = learned.config.space.decode(learned.point[None, :])
    kept = tile.trace(held.learner, parameters, held.tasks[1:2], held.seeds[:, 1:2])
    neurons = held.learner.neurons()
    expected = 1 + neurons.beta * kept.adaptation[0, :, 0] / neurons.threshold
    assert episode.n_adaptive == 8
    ends = episode.thresholds[episode.window - 1 :: episode.window]
    np.testing.assert_allclose(ends, expected[:, :8], rtol=1e-4)
    assert episode.spikes.sum() == kept.spikes.sum() > 0
    assert episode.n_shown == episode.n_decisions == 25
    np.testing.assert_array_equal(episode.feedback, kept.feedback[0, :, 0])


@pytest.mark.parametrize(
    ("learner", "episodes_done"),
    [({"input": "spikes"}, 5), ({"trial_channels": 5}, 25)],
    ids=["spikes", "trials"],
)
def test_only_the_beginning_of_a_long_episode_is_traced(
    learner: dict[str, Any], episodes_done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is run, unless the network is shown how far it has come in the whole episode."""
    held = HeldOutEpisodes(random_network(BANDIT, **learner), 2, seed=0)
    whole = held.trace(0)
    monkeypatch.setattr(held_out_episodes, "LONGEST", 55)
    traced: list[Any] = []

    def noted(*given: Any) -> Any:
        traced.append(trace(*given))
        return traced[-1]

    trace = tile.trace
    monkeypatch.setattr(tile, "trace", noted)
    episode = held.trace(0)
    assert traced[0].spikes.shape[1] == episodes_done
    assert (episode.n_shown, episode.n_decisions, episode.window) == (5, 25, 10)
    np.testing.assert_array_equal(episode.spikes, whole.spikes[:50])
    np.testing.assert_array_equal(episode.thresholds, whole.thresholds[:50])
    np.testing.assert_array_equal(episode.seen, whole.seen[: len(episode.seen)])
    np.testing.assert_array_equal(episode.acted, whole.acted[:5])
    assert episode.end_ms == 50


@pytest.mark.parametrize(("memory", "n"), [(1, 1), (10**9, 3)])
def test_rates_count_all_spikes_of_the_first_episodes(
    memory: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldOutEpisodes(random_network(BANDIT), 4, seed=0)
    monkeypatch.setattr(held_out_episodes, "RATED", 3)
    monkeypatch.setattr(held_out_episodes, "MEMORY", memory)
    rates, n_episodes = held.rates()
    assert n_episodes == n
    spikes = [held.trace(task).spikes for task in range(n)]
    np.testing.assert_allclose(rates, np.mean(spikes, axis=(0, 1)) * 1e3, rtol=1e-5)


def test_other_learners_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[learner\] kind must be lsnn, got tabular_td"):
        HeldOutEpisodes(replace(random_network(BANDIT), config=small_config()), 2, seed=0)


def test_weights_that_are_not_finite_are_refused() -> None:
    known = random_network(BANDIT)
    held = HeldOutEpisodes(known, 3, seed=0)
    with pytest.raises(RunFailed, match="not finite"):
        held.actions(np.full(known.point.shape, np.nan))


def test_rate_distribution_of_known_rates() -> None:
    found = rate_distribution(np.array([0.0, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90]))
    assert found == {
        "silent_share": pytest.approx(2 / 11),
        "median_hz": 40,
        "quantile_90_hz": pytest.approx(80),
        "largest_hz": 90,
    }
