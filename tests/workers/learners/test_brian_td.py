"""SARSA(λ) on the synapses of a Brian2 network: neurons, choice, rule and learning."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from support.learner_cases import default_episodes
from support.statistical_asserts import assert_better

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.base import Episodes
from spikeloop.workers.brian.blueprint import NEVER_FIRED
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.learners.brian_td import NEURON_CONSTANTS, BrianTd, TdAgents
from spikeloop.workers.rollout import Rollout

pytestmark = pytest.mark.brian

QUICK = BrianTd(window_ms=6, onset_ms=0.5)
FAMILY = RandomMdp(n_states=4, n_actions=3, n_steps=100)
GOOD = {
    "gamma": 0.05,
    "trace_decay": 0.1,
    "eta": 0.7,
    "eta_decay": 0.0,
    "scale": 600.0,
    "prior": 350.0,
    "epsilon": 0.0,
}


def run_episodes(learner: BrianTd, n_tasks: int, **values: float) -> Episodes:
    return default_episodes(learner, FAMILY, n_tasks, task_seed=5, **values)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[IntArray, IntArray, FloatArray]]]:
    """State, action and reward of every step, (n_episodes,) each."""
    seen: list[tuple[IntArray, IntArray, FloatArray]] = []
    step = Rollout.step

    def spy(rollout: Rollout, actions: NDArray[np.int64]) -> FloatArray:
        state = rollout.observe().astype(np.int64)
        feedback = step(rollout, actions)
        seen.append((state, actions, feedback))
        return feedback

    monkeypatch.setattr(Rollout, "step", spy)
    yield seen


@pytest.mark.parametrize("eta_decay", [0.0, 0.7])
def test_values_are_those_of_the_rule_and_returns_sums_of_rewards(
    steps: list[tuple[IntArray, IntArray, FloatArray]], eta_decay: float
) -> None:
    theta = GOOD | {"eta_decay": eta_decay, "trace_decay": 0.9, "gamma": 0.3}
    theta |= {"epsilon": 0.8, "scale": 300.0, "eta": 0.3}
    episodes = run_episodes(QUICK, 5, **theta)
    assert episodes.action_values is not None
    np.testing.assert_allclose(episodes.returns[0], sum(r for _, _, r in steps), rtol=1e-12)
    for episode in range(5):
        value, trace = np.full((4, 3), theta["prior"]), np.zeros((4, 3))
        visits = [(int(s[episode]), int(a[episode]), float(r[episode])) for s, a, r in steps]
        for n, ((s, a, r), (s_next, a_next, _)) in enumerate(pairwise(visits), start=1):
            trace *= theta["gamma"] * theta["trace_decay"]
            trace[s, a] += 1
            delta = theta["scale"] * r + theta["gamma"] * value[s_next, a_next] - value[s, a]
            value += theta["eta"] / n**eta_decay * delta * trace
            value = value.clip(0, 500)
        np.testing.assert_allclose(
            episodes.action_values[0, episode] * theta["scale"], value, rtol=1e-9
        )
        assert np.ptp(value) > 10


def latency_s(weight_pA: float) -> float:
    """When a neuron at rest reaches its threshold after one spike, by the exact solution."""
    tau_m, tau_s, capacity_F, gap_V = 30e-3, 3e-3, 30e-12, 5e-3
    share = tau_m * tau_s / (tau_m - tau_s)

    def above(t: float) -> float:
        current = weight_pA * 1e-12 / capacity_F
        shape = np.exp(-t / tau_m) - np.exp(-t / tau_s)
        return float(current * share * shape - gap_V)

    return float(brentq(above, 0, 7e-3))


def test_latencies_are_those_of_the_neurons_exact_solution() -> None:
    """To one step: a spike takes effect in the step after it, and is noticed at a step's end."""
    assert NEURON_CONSTANTS["tau_m"] == "30*ms"
    learner = BrianTd(step_ms=0.01)
    weights_pA = np.linspace(90, 500, 12)
    with network(learner.blueprint(1, 12), np.zeros(1, dtype=np.uint64)) as batch:
        batch.array("states", "onset")[:] = 100
        batch.array("plastic", "w")[:] = weights_pA * 1e-12
        batch.array("actions", "first")[:] = NEVER_FIRED
        batch.run(1, 1000, lambda window: None)
        first = batch.array("actions", "first")[0].copy()
    expected = 100 + np.array([latency_s(w) for w in weights_pA]) / 1e-5
    assert (np.diff(first) <= 0).all()
    np.testing.assert_allclose(first, expected + 1, atol=1)


def test_inhibition_silences_all_but_the_first_neuron() -> None:
    def n_firing(inhibition_pA: float) -> int:
        learner = BrianTd(inhibition_pA=inhibition_pA)
        with network(learner.blueprint(1, 4), np.zeros(1, dtype=np.uint64)) as batch:
            batch.array("states", "onset")[:] = 10
            batch.array("plastic", "w")[:] = np.array([100, 110, 120, 400]) * 1e-12
            batch.array("actions", "first")[:] = NEVER_FIRED
            batch.run(1, 200, lambda window: None)
            return int((batch.array("actions", "first") < NEVER_FIRED).sum())

    assert n_firing(0.0) == 4
    assert n_firing(1000.0) == 1


def test_weight_levels_round_weights_that_act_but_not_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acting: set[float] = set()
    between_windows = TdAgents.between_windows

    def spy(agents: TdAgents, decision: int) -> None:
        between_windows(agents, decision)
        acting.update(np.round(agents._weight_A.ravel() / 1e-12, 6).tolist())

    monkeypatch.setattr(TdAgents, "between_windows", spy)
    coarse = BrianTd(window_ms=6, onset_ms=0.5, weight_levels=3)
    episodes = run_episodes(coarse, 3, **GOOD)
    assert episodes.action_values is not None
    assert np.unique(episodes.action_values).size > 10
    assert acting == {0.0, 250.0, 500.0}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"window_ms": 5.0}, "onset_ms .* window_ms = 5"),
        ({"weight_levels": 1}, "weight_levels .* got 1"),
        ({"window_ms": 20.0, "step_ms": 0.3}, "window_ms"),
    ],
)
def test_settings_without_decisions_are_refused(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        BrianTd(**settings)


@pytest.mark.exhaustive
def test_it_earns_more_than_without_learning() -> None:
    """A sign test with false alarms of 1e-3; the control is another agent that does not learn."""
    learned = run_episodes(QUICK, 40, **GOOD).returns[0]
    without = run_episodes(QUICK, 40, **(GOOD | {"eta": 0.0})).returns[0]
    idle = run_episodes(QUICK, 40, **(GOOD | {"eta": 0.0, "prior": 300.0})).returns[0]
    assert_better(learned, without, 1e-3, control=idle)
