"""Planted policies are recognised, random choices are nothing else, and claims follow the rules."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikeloop.coordinator.interpretation.policy import comparison, recovery, tiny_gru
from spikeloop.coordinator.interpretation.policy.catalogue import choice_models
from spikeloop.coordinator.interpretation.policy.choices import Choices
from spikeloop.coordinator.interpretation.policy.comparison import Compared
from spikeloop.coordinator.interpretation.policy.fit import Fit, Fitter
from spikeloop.coordinator.interpretation.policy.model import ChoiceModel
from spikeloop.coordinator.interpretation.policy.recovery import Recovery
from spikeloop.coordinator.interpretation.policy.simple_models import Random, WinStayLoseShift
from spikeloop.coordinator.interpretation.policy.simulate import simulate
from spikeloop.coordinator.interpretation.policy.value_models import ValueModel
from spikeloop.coordinator.interpretation.policy.verdict import judge, sentences
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.tasks.bandit import Bandit

PLANTED: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "random": ((), (0.1,)),
    "win-stay-lose-shift": ((), (2.0, 1.5, 0.0)),
    "Rescorla-Wagner": ((0.3,), (4.0, 0.0)),
    "Rescorla-Wagner, two rates": ((0.4, 0.1), (4.0, 0.0)),
    "Rescorla-Wagner, forgetting": ((0.4, 0.1), (6.0, 0.0)),
    "Rescorla-Wagner + perseveration": ((0.3,), (1.0, 4.0, 0.0)),
    "Rescorla-Wagner, decaying rate": ((0.9, 0.2), (6.0, 0.0)),
    "fictive update": ((0.2,), (4.0, 0.0)),
    "UCB": ((), (10.0, 5.0, 0.0)),
    "Thompson (probit)": ((), (1.0, 0.0)),
    "V, RU, V/TU": ((), (4.0, 8.0, 0.5, 0.0)),
    "Bayes-greedy": ((), (8.0, 0.0)),
    "Bayes-optimum": ((), (8.0, 0.0)),
}
"""Name of a model -> learning parameters and weights with which it plays."""
SAMPLED = ("random", "fictive update", "Thompson (probit)", "Bayes-optimum")
EXHAUSTIVE = pytest.mark.exhaustive


def nothing(line: str) -> None:
    """Take no notes."""


def best_by_bic(name: str, models: list[ChoiceModel], n: int, seed: int) -> str:
    """Let a planted model play n bandits, and name the model of the least BIC."""
    tasks = Bandit().sample(n, np.random.default_rng(seed))
    model = next(one for one in choice_models(Bandit()) if one.name == name)
    learning, weights = PLANTED[name]
    true = Fit(np.array(learning), np.array(weights), np.zeros(0))
    choices = simulate(model, true, tasks, np.random.default_rng(seed + 1))
    criteria = {
        one.name: comparison.bic(one, Fitter(one, choices).fit(), choices) for one in models
    }
    return min(criteria, key=lambda one: criteria[one])


@pytest.mark.parametrize("name", SAMPLED)
def test_planted_policies_are_recognised(name: str) -> None:
    models = [one for one in choice_models(Bandit()) if one.name in SAMPLED]
    assert best_by_bic(name, models, 60, 0) == name


@EXHAUSTIVE
@pytest.mark.parametrize("name", PLANTED)
def test_every_planted_policy_is_recognised_among_all(name: str) -> None:
    """On four of five data sets of 200 episodes at least."""
    found = [best_by_bic(name, choice_models(Bandit()), 200, 10 * k) for k in range(5)]
    assert found.count(name) >= 4, found


def compared(*models: ChoiceModel, n: int = 40) -> tuple[list[Compared], Any]:
    """Models fitted to choices of Rescorla-Wagner, and the tasks."""
    tasks = Bandit(n_steps=30).sample(n, np.random.default_rng(0))
    true = Fit(np.array([0.4]), np.array([6.0, 0.0]), np.zeros(0))
    choices = simulate(ValueModel(), true, tasks, np.random.default_rng(1))
    found = comparison.compare(models, choices, nothing)
    return sorted(found, key=lambda one: -one.held_out.mean()), tasks


def test_recovery_counts_the_best_of_each_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "REPEATS", 2)
    monkeypatch.setattr(recovery, "REPEATS_OF_BEST", 3)
    found, tasks = compared(Random(), WinStayLoseShift(), ValueModel())
    assert found[0].model.name == "Rescorla-Wagner"
    counted = recovery.recover(found, tasks, np.random.default_rng(2), nothing)
    np.testing.assert_array_equal(counted.best.sum(axis=1), [3, 3, 2])
    assert counted.recognised("Rescorla-Wagner") == (3, 3)
    assert counted.recognised("random") == (2, 2)
    assert counted.confused("Rescorla-Wagner", "random") == 0


NAMES = ("Rescorla-Wagner", "win-stay-lose-shift", "random")


CEILING = Interval(0.01, 0.005, 0.02, 40)


def verdict_for(
    best: list[list[int]], low: float = 0.01, worse_bic: float = 0.0, below: Interval = CEILING
) -> Any:
    """The verdict of Rescorla-Wagner first, with a recovery and the interval to the second."""
    found, _ = compared(Random(), WinStayLoseShift(), ValueModel())
    found[0] = replace(found[0], bic=found[0].bic + worse_bic)
    ahead = {NAMES[1]: Interval(0.02, low, 0.03, 40), NAMES[2]: Interval(0.2, 0.1, 0.3, 40)}
    return judge(found, Recovery(NAMES, np.array(best), 40), ahead, 2, below)


CLEAR = [[10, 0, 0], [0, 10, 0], [0, 0, 10]]


@pytest.mark.parametrize(
    ("best", "low", "worse_bic", "claimed", "left", "said"),
    [
        (CLEAR, 0.01, 0.0, True, [], "consistent with Rescorla-Wagner, the best of 3"),
        (CLEAR, -0.01, 0.0, True, [NAMES[1]], "consistent with"),
        ([[7, 3, 0], *CLEAR[1:]], 0.01, 0.0, False, [NAMES[1]], "on 7 of 10 data sets"),
        ([CLEAR[0], [2, 8, 0], CLEAR[2]], 0.01, 0.0, True, [NAMES[1]], "consistent with"),
        (CLEAR, 0.01, 1e6, False, [], "win-stay-lose-shift has the least BIC"),
    ],
    ids=["clear", "interval includes 0", "not recovered", "mistaken for", "BIC differs"],
)
def test_claims_need_recovery_and_alternatives_stay_named(
    best: list[list[int]], low: float, worse_bic: float, claimed: bool, left: list[str], said: str
) -> None:
    verdict = verdict_for(best, low, worse_bic)
    assert (verdict.claimed, list(verdict.not_excluded)) == (claimed, left)
    lines = sentences(verdict, 40, 3)
    assert said in lines[0]
    assert "0.0100 nats per choice [0.0050, 0.0200] from the ceiling" in lines[1]
    assert ("Not excluded" in lines[2]) == bool(left)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("below", "said"),
    [
        (CEILING, "what is left is predictable too"),
        (Interval(0.01, -0.01, 0.02, 40), "is not shown to predict more"),
        (Interval(-1.0, -2.0, -0.5, 40), "No ceiling"),
    ],
)
def test_no_share_of_a_ceiling_is_told_that_is_not_above_the_best_model(
    below: Interval, said: str
) -> None:
    line = sentences(verdict_for(CLEAR, below=below), 40, 3)[1]
    assert said in line
    assert ("%" in line) == (below is CEILING)


def test_the_ceiling_reaches_the_likelihood_of_the_true_model() -> None:
    """Two gated units hold what win-stay-lose-shift needs; chance is −0.69 nats."""
    model, tasks = WinStayLoseShift(), Bandit(n_steps=30).sample(120, np.random.default_rng(0))
    true = Fit(np.zeros(0), np.array([3.0, 1.0, 0.0]), np.zeros(0))
    choices = simulate(model, true, tasks, np.random.default_rng(1))
    own = comparison.compare([model], choices, nothing)[0]
    gru = tiny_gru.fit(2, choices, np.random.default_rng(2))
    nats = tiny_gru.log_likelihood(2, gru, choices) / choices.n_steps
    assert nats.mean() == pytest.approx(own.fit.log_likelihood.mean() / choices.n_steps, abs=0.02)
    # A negative control: of rewards that have nothing to do with choices nothing is learned.
    arms = np.random.default_rng(3).integers(0, 2, choices.arms.shape)
    blind = Choices(arms, choices.rewards)
    gru = tiny_gru.fit(1, blind, np.random.default_rng(2), 1)
    nats = tiny_gru.log_likelihood(1, gru, blind) / choices.n_steps
    assert nats.mean() == pytest.approx(-np.log(2), abs=0.01)
