"""What is computed of episodes before anything is drawn: exact values, and identities."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.random_networks import BANDIT, QUADRATIC
from support.random_networks import random_network as drawn

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.config.run_config import TransferSettings
from spikeloop.coordinator.interpretation import answers, functions, held_out_episodes, pulls
from spikeloop.coordinator.interpretation import pictures as parts
from spikeloop.coordinator.interpretation.answers import LINE, NETWORK, PRIOR, certainly_below
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOut
from spikeloop.coordinator.interpretation.time_series import adaptation, most_moved
from spikeloop.coordinator.search.transfer import transfer_grid, transfer_theta
from spikeloop.coordinator.stats import bands
from spikeloop.coordinator.stats.bands import (
    N_RESAMPLES,
    mean_band,
    milestones,
    resampled_means,
    resampled_tasks,
    share,
)
from spikeloop.coordinator.stats.scores import Bootstrap
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.informative_bandit import InformativeBandit, InformativeTasks
from spikeloop.tasks.quadratic import Quadratic, QuadraticTasks
from spikeloop.tasks.restless_bandit import RestlessBandit
from spikeloop.workers.learners.lsnn import tile

RESTLESS: dict[str, Any] = {"kind": "restless_bandit", "n_steps": 25}


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- means, shares, rows ---


def test_milestones() -> None:
    assert milestones(0, 39) == [0, 1, 2, 3, 4, 5, 10, 15, 20, 30, 39]
    assert milestones(1, 5) == [1, 2, 3, 4, 5]
    assert milestones(0, 0) == [0]
    assert milestones(1, 400) == [1, 2, 3, 4, 5, 10, 15, 20, 30, 50, 70, 100, 200, 300, 400]


def test_a_share_has_wilsons_interval() -> None:
    # (k + z²/2 ± z √(k(n − k)/n + z²/4)) / (n + z²)
    z, k, n = 1.959963984540054, 7, 20
    half = z * np.sqrt(k * (n - k) / n + z**2 / 4)
    found = share(np.arange(n) < k)
    low, high = ((k + z**2 / 2 + sign * half) / (n + z**2) for sign in (-1, 1))
    np.testing.assert_allclose((found.value, found.low, found.high), (k / n, low, high))
    assert found.n == n
    nothing = share(np.zeros(0, dtype=np.bool_))
    assert nothing.n == 0
    assert np.isnan(nothing.value)


def test_a_band_is_the_percentiles_of_resampled_means() -> None:
    values = np.array([[1.0, 5.0], [3.0, 5.0]])
    weights = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])  # means of the first: 1, 2, 3
    band = mean_band(values, weights)
    np.testing.assert_allclose(band.mean, [2, 5])
    np.testing.assert_allclose(band.low, [1.05, 5])
    np.testing.assert_allclose(band.high, [2.95, 5])
    assert band.at(0).n == 2


def test_tasks_are_resampled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part's size changes no weight, and no mean but in its last bits."""
    values = rng().normal(size=(30, 4))
    whole = Bootstrap.over(30, rng(), N_RESAMPLES).task_weights
    means = resampled_means(values, whole)
    monkeypatch.setattr(bands, "AT_ONCE", 7 * 30)
    parts = resampled_tasks(30, rng())
    np.testing.assert_array_equal(parts, whole)
    np.testing.assert_allclose(resampled_means(values, parts), means, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(means, whole @ values / 30, rtol=1e-12, atol=1e-15)
    assert parts.nbytes == 30 * N_RESAMPLES


def test_a_band_of_many_normal_numbers_is_as_wide_as_theory_says() -> None:
    # The spread of a bootstrap bound at 2000 resamples is 2 % of the width, the sample's 2 %.
    x = rng().normal(size=(1000, 1))
    band = mean_band(x, resampled_tasks(1000, rng()))
    assert float(band.high[0] - band.low[0]) == pytest.approx(2 * 1.96 / np.sqrt(1000), rel=0.15)


# --- functions ---


def test_certainly_below_is_from_where_on_all_later_intervals_are_below() -> None:
    weights = resampled_tasks(50, rng())
    line = np.zeros((50, 5))

    def differing(*columns: float) -> int | None:
        return certainly_below(line + np.array(columns), line, weights)

    assert differing(-1, -1, -1, -1, -1) == 0
    assert differing(-1, 1, -1, 1, -1) == 4
    assert differing(1, 1, -1, -1, -1) == 2
    assert differing(-1, -1, -1, -1, 0) is None
    assert differing(-1, -1, -1, -1, 1) is None


def test_certainly_below_is_paired() -> None:
    """A small advantage on every function counts, whatever the functions differ by."""
    line = rng().exponential(size=(200, 3)) * 100
    weights = resampled_tasks(200, rng())
    assert certainly_below(line - 0.01, line, weights) == 0
    assert certainly_below(rng(6).permutation(line) - 0.01, line, weights) is None


def test_errors_of_known_answers() -> None:
    tasks = Quadratic(n_steps=30).sample(40, rng())
    right = answers.squared_errors(tasks, tasks.targets())
    np.testing.assert_array_equal(right[NETWORK], 0)
    mean = answers.squared_errors(tasks, np.full((40, 30), 0.5))
    np.testing.assert_allclose(mean[NETWORK], mean[PRIOR])
    np.testing.assert_allclose(mean[PRIOR].sum(axis=1), -tasks.references().random)
    assert list(mean) == [NETWORK, PRIOR, "running mean", LINE, "Bayes regression"]


def test_a_network_is_measured_against_the_line() -> None:
    tasks = Quadratic(n_steps=30).sample(300, rng())
    errors = answers.squared_errors(tasks, tasks.targets())
    assert answers.summarise(errors, rng()).below_line == 0
    same = answers.summarise({**errors, NETWORK: errors[LINE]}, rng())
    assert same.below_line is None
    np.testing.assert_array_equal(same.bands[NETWORK].low, same.bands[LINE].low)
    # After three samples or so a line lacks what Bayes regression has learned of the curvature.
    bayes = answers.summarise({**errors, NETWORK: errors["Bayes regression"]}, rng()).below_line
    assert bayes is not None
    assert 1 <= bayes <= 5


def test_stages_are_spread_over_the_logarithm() -> None:
    assert functions.spread([1, 2, 3], 8) == [1, 2, 3]
    assert functions.spread(list(range(1, 1001)), 4) == [1, 10, 100, 1000]
    assert functions.spread([], 4) == []
    assert functions.spread([500 * k for k in range(1, 121)], 3) == [500, 5500, 60000]


# --- bandits ---

TARGET = 3


def informative(actions: list[int], target: int = TARGET) -> tuple[InformativeTasks, np.ndarray]:
    tasks = InformativeBandit(n_steps=len(actions)).sample(1, rng())
    return InformativeTasks(np.array([target]), tasks.n_steps, tasks.rules), np.array([actions])


def test_expected_rewards_of_an_informative_bandit() -> None:
    tasks, _ = informative([0, 0])
    expected = [[1, 1, 1, 5, 1, 1, 1, 1, 1, 1, 0.4]] * 2
    np.testing.assert_allclose(pulls.expected_rewards(tasks), [expected])
    np.testing.assert_array_equal(pulls.best_arms(tasks), [[TARGET, TARGET]])


def test_regret_of_known_pulls() -> None:
    tasks, actions = informative([10, TARGET, 0, TARGET])
    np.testing.assert_allclose(pulls.cumulative_regret(tasks, actions), [[4.6, 4.6, 8.6, 8.6]])


@pytest.mark.parametrize(
    "family",
    [
        Bandit(n_arms=3, n_steps=20),
        Bandit(n_arms=2, n_steps=20, rewards="gaussian"),
        RestlessBandit(n_steps=20),
        InformativeBandit(n_steps=20),
    ],
    ids=lambda family: family.kind,
)
def test_regret_agrees_with_the_references(
    family: Bandit | RestlessBandit | InformativeBandit,
) -> None:
    tasks = family.sample(30, rng())
    optimal, random = tasks.references().optimal, tasks.references().random
    best = pulls.best_arms(tasks)
    np.testing.assert_array_equal(pulls.cumulative_regret(tasks, best), 0)
    n_arms = tasks.interface.n_actions
    every = [pulls.cumulative_regret(tasks, np.full((30, 20), arm)) for arm in range(n_arms)]
    np.testing.assert_allclose(np.mean(every, axis=0)[:, -1], optimal - random, atol=1e-9)
    assert (np.diff(every[0], axis=1) >= 0).all()


def test_roles_exclude_each_other_and_leave_nothing_out() -> None:
    for family in (InformativeBandit(n_steps=6), Bandit(n_arms=4, n_steps=6)):
        tasks = family.sample(50, rng())
        actions = rng().integers(0, tasks.interface.n_actions, (50, 6))
        of_role = pulls.roles(tasks, actions)
        np.testing.assert_array_equal(np.sum(list(of_role.values()), axis=0), 1)
    assert set(of_role) == {pulls.BEST, pulls.OTHER}


def test_the_program_counts_episodes() -> None:
    tasks = InformativeBandit(n_steps=3).sample(4, rng())
    hit = tasks.target
    miss = (hit + 1) % 10
    actions = np.array(
        [
            [10, hit[0], hit[0]],  # the program
            [10, hit[1], miss[1]],  # all but its end
            [10, miss[2], hit[2]],
            [hit[3], hit[3], hit[3]],  # luck is no program
        ]
    )
    found = pulls.program(pulls.roles(tasks, actions))
    assert [(s.value, s.n) for s in found.values()] == [(3 / 4, 4), (2 / 3, 3), (1 / 4, 4)]
    assert pulls.program({pulls.BEST: np.ones((4, 3), dtype=np.bool_)}) == {}


def test_who_follows_the_program_is_no_worse_than_the_baseline() -> None:
    tasks = InformativeBandit().sample(200, rng())
    actions = np.repeat(tasks.target[:, None], 5, axis=1)
    actions[:, 0] = 10
    known = pulls.summarise(tasks, actions, tasks.baselines(rng()), rng())
    for name in ("informative arm first", "Bayes optimum"):
        ahead = known.totals[name].ahead
        assert ahead is not None
        np.testing.assert_allclose((ahead.value, ahead.low, ahead.high), 0, atol=1e-9)
    network = known.totals[pulls.NETWORK]
    assert network.ahead is None
    last = known.regret.at(4)
    assert vars(network.total) == pytest.approx(vars(last))
    assert last.value == pytest.approx(5 - tasks.clue.mean())
    assert known.roles[pulls.INFORMATIVE][1].value == known.roles[pulls.TARGET][2].value == 1
    shares = [known.roles[role][3].value for role in known.roles]
    assert sum(shares) == pytest.approx(1)


# --- episodes ---


def test_adaptation_of_one_spike_decays() -> None:
    spikes = np.zeros((6, 2))
    spikes[1, 0] = 1
    rho = np.array([0.5, 0.9])
    found = adaptation(spikes, rho)
    np.testing.assert_allclose(found[:, 0], [0, 0, 0.5, 0.25, 0.125, 0.0625])
    np.testing.assert_array_equal(found[:, 1], 0)


def test_most_moved() -> None:
    thresholds = np.array([[1, 1, 1, 1], [1, 3, 2, 9.0]])
    np.testing.assert_array_equal(most_moved(thresholds, 3), [3, 1, 2])
    np.testing.assert_array_equal(most_moved(thresholds, 9), [3, 1, 2, 0])


@pytest.mark.parametrize("common_noise", [True, False])
@pytest.mark.parametrize("n_tasks", [4, 6, 9], ids=["fewer", "as many", "more"])
@pytest.mark.parametrize("family", [QUADRATIC, BANDIT, RESTLESS], ids=lambda family: family["kind"])
def test_the_tasks_and_the_luck_are_those_of_a_transfer(
    family: dict[str, object], n_tasks: int, common_noise: bool
) -> None:
    """Fewer tasks than the run's own transfer has are its first ones."""
    learned = drawn(family)
    tables = learned.config.tables()
    tables["run"]["common_noise"] = common_noise
    learned = replace(learned, config=parse(tables, "drawn", None))
    assert learned.config.transfer.tasks == 6
    held = HeldOut(learned, n_tasks, seed=4)
    settings = TransferSettings(tasks=max(6, n_tasks), seed=4)
    grid = transfer_grid(learned.config, settings, learned.point)
    row = transfer_theta(settings).index("learned")
    np.testing.assert_array_equal(held.seeds[0], grid.seeds()[row, :n_tasks])
    tasks: Any = grid.tasks()[:n_tasks]
    for name, array in tasks.arrays().items():
        np.testing.assert_array_equal(held.tasks.arrays()[name], array)  # type: ignore[attr-defined]


def test_answers_are_those_that_the_learner_is_scored_by(monkeypatch: pytest.MonkeyPatch) -> None:
    learned = drawn(QUADRATIC)
    held = HeldOut(learned, 7, seed=0)
    given = held.actions(learned.point)
    assert isinstance(held.tasks, QuadraticTasks)
    errors = answers.squared_errors(held.tasks, given)[NETWORK]
    parameters = learned.config.space.decode(learned.point[None, :])
    scored = held.learner.run_episodes(parameters, held.tasks, held.seeds)
    np.testing.assert_allclose(-errors.sum(axis=1), scored.returns[0], rtol=1e-12)
    np.testing.assert_array_equal(held.actions(learned.point, 3), given[:3])
    # One at a time, the numbers are the same.
    monkeypatch.setattr(held_out_episodes, "MEMORY", 1)
    np.testing.assert_array_equal(held.actions(learned.point), given)


def test_thresholds_are_those_of_the_network() -> None:
    learned = drawn(BANDIT, adaptive_share=0.4)
    held = HeldOut(learned, 3, seed=0)
    episode = held.moments(1)
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
    [({}, 5), ({"input": "spikes"}, 5), ({"trial_channels": 5}, 25)],
    ids=["currents", "spikes", "trials"],
)
def test_of_a_long_episode_the_beginning_is_looked_at(
    learner: dict[str, Any], episodes_done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is run, unless the network is shown how far it has come in the whole episode."""
    held = HeldOut(drawn(BANDIT, **learner), 2, seed=0)
    whole = held.moments(0)
    monkeypatch.setattr(held_out_episodes, "LONGEST", 55)
    traced: list[Any] = []

    def noted(*given: Any) -> Any:
        traced.append(trace(*given))
        return traced[-1]

    trace = tile.trace
    monkeypatch.setattr(tile, "trace", noted)
    episode = held.moments(0)
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
    held = HeldOut(drawn(BANDIT), 4, seed=0)
    monkeypatch.setattr(held_out_episodes, "RATED", 3)
    monkeypatch.setattr(held_out_episodes, "MEMORY", memory)
    rates, n_episodes = held.rates()
    assert n_episodes == n
    spikes = [held.moments(task).spikes for task in range(n)]
    np.testing.assert_allclose(rates, np.mean(spikes, axis=(0, 1)) * 1e3, rtol=1e-5)


def test_the_spread_of_known_rates() -> None:
    found = parts.spread(np.array([0.0, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90]))
    assert found == {
        "silent_share": pytest.approx(2 / 11),
        "median_hz": 40,
        "quantile_90_hz": pytest.approx(80),
        "largest_hz": 90,
    }
