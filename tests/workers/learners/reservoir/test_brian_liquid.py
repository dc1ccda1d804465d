"""Liquid computing: features, readouts, and the effect of each hyperparameter."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import ValidationError
from support.learner_cases import default_values
from support.statistical_asserts import assert_better

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic, QuadraticTasks
from spikeloop.workers.base import Episodes
from spikeloop.workers.brian.least_squares_readout import delta_rule, recursive_least_squares
from spikeloop.workers.learners.reservoir.batch import lesson
from spikeloop.workers.learners.reservoir.brian_liquid import BrianLiquid, Kind
from spikeloop.workers.parameter_types import Integer
from spikeloop.workers.rollout import Rollout
from spikeloop.workers.space import Parameters

pytestmark = pytest.mark.brian

N_STEPS = 30
FAMILY = Quadratic(n_steps=N_STEPS)
TASKS = FAMILY.sample(4, np.random.default_rng(2))
SMALL: dict[str, Any] = {"n_neurons": 16, "largest_n": 20}


def parameters(learner: BrianLiquid, n_candidates: int = 1, **values: Any) -> Parameters:
    return default_values(learner, FAMILY.interface, n_candidates, **values)


def run_episodes(
    learner: BrianLiquid, theta: Parameters | None = None, tasks: QuadraticTasks = TASKS
) -> Episodes:
    theta = theta or parameters(learner)
    seeds = np.arange(theta.n_candidates * tasks.n_tasks, dtype=np.uint64)
    return learner.run_episodes(theta, tasks, seeds.reshape(theta.n_candidates, -1))


def seen(learner: BrianLiquid, theta: Parameters, tasks: QuadraticTasks = TASKS) -> FloatArray:
    """(n_samples, n_episodes, n) features of the readouts."""
    seeds = np.zeros((theta.n_candidates, tasks.n_tasks), dtype=np.uint64)
    inputs, _ = lesson(learner.channels(tasks.interface), Rollout("", tasks, seeds))
    return learner.features(learner.values(theta), Rollout("", tasks, seeds), inputs)


@pytest.mark.parametrize("readout", ["rls", "delta"])
def test_returns_are_those_of_the_readout_rule_on_the_features(
    readout: Literal["rls", "delta"],
) -> None:
    """Errors of the rule, which ``test_least_squares_readout`` checks, on the features."""
    learner = BrianLiquid(**SMALL, readout=readout, searched=["readout"])
    theta = parameters(learner)
    inputs = seen(learner, theta)
    targets = TASKS.targets().T
    rule, first, second = (
        (recursive_least_squares, learner.ridge, learner.forgetting)
        if readout == "rls"
        else (delta_rule, learner.eta, learner.eta_decay)
    )
    answers = rule(
        inputs,
        (targets - 0.5) / 0.3,
        np.full(4, 16),
        np.full(4, float(first)),
        np.full(4, float(second)),
    )
    errors = ((np.clip(0.5 + 0.3 * answers, 0.2, 0.8) - targets) / TASKS.scale) ** 2
    np.testing.assert_allclose(run_episodes(learner).returns[0], -errors.sum(axis=0), rtol=1e-12)


def test_the_first_answer_is_the_middle() -> None:
    tasks = Quadratic(n_steps=1).sample(4, np.random.default_rng(2))
    returns = run_episodes(BrianLiquid(**SMALL), tasks=tasks).returns
    np.testing.assert_allclose(returns[0], -(tasks.values()[:, 0] ** 2), rtol=1e-12)


def test_the_default_beats_learners_without_a_network() -> None:
    """Sign tests on 60 functions, false alarms 1e-3; the control does not learn."""
    tasks = FAMILY.sample(60, np.random.default_rng(4))
    errors = tasks.baseline_errors()
    learner = BrianLiquid(readout="delta", searched=["readout"], eta=0.0)
    for rival, begin in (("running mean", 0), ("linear regression", 15)):
        curve = run_episodes(BrianLiquid(), tasks=tasks).curve[0]
        returns = curve[:, begin:].sum(axis=1)
        expected = -errors[rival][:, begin:].sum(axis=1)
        idle = run_episodes(learner, tasks=tasks).curve[0][:, begin:].sum(axis=1)
        assert_better(returns, expected, alpha=1e-3, control=idle)


def test_a_candidate_is_the_network_of_its_own_size() -> None:
    """Room for larger candidates adds silent neurons; another spike would change 1e-3 or more."""
    learner = BrianLiquid(**SMALL, spectral_radius=1.0, connectivity=0.2)
    theta = parameters(learner, n_neurons=9)
    with_room = seen(learner, theta)
    assert not with_room[:, :, 9:].any()
    assert with_room[:, :, :9].any(axis=(0, 1)).sum() > 5
    own = BrianLiquid(
        n_neurons=9, searched=["readout"], spectral_radius=1.0, connectivity=0.2, adaptive_share=0.0
    )
    np.testing.assert_allclose(seen(own, parameters(own)), with_room[:, :, :9], atol=1e-9)


def test_recurrent_synapses_act_only_with_a_spectral_radius() -> None:
    learner = BrianLiquid(**SMALL)
    none = seen(learner, parameters(learner, spectral_radius=0.0, connectivity=0.2))
    fewer = seen(learner, parameters(learner, spectral_radius=0.0, connectivity=0.05))
    some = seen(learner, parameters(learner, spectral_radius=1.0, connectivity=0.2))
    np.testing.assert_array_equal(none, fewer)
    assert (none != some).any()


def test_adaptation_lowers_rates() -> None:
    learner = BrianLiquid(**SMALL)
    rates = [
        seen(learner, parameters(learner, adaptive_share=share, beta=0.5)).mean()
        for share in (0.0, 0.5, 1.0)
    ]
    assert rates[0] > rates[1] > rates[2] > 0


def test_the_last_target_is_input_one_sample_late() -> None:
    """Another target after sample 9 changes what is seen from sample 10 on, if at all."""
    other = TASKS.coefficients.copy()
    other[:, 5] += 0.7
    learner = BrianLiquid(**SMALL)
    for feedback, changes in ((0.0, False), (1.0, True)):
        theta = parameters(learner, feedback_scale=feedback)
        before, after = (
            seen(learner, theta, replace(TASKS, coefficients=c))
            for c in (TASKS.coefficients, other)
        )
        np.testing.assert_array_equal(before[0], after[0])  # nothing was told yet
        assert (before[1:] != after[1:]).any() == changes


def test_a_curriculum_is_an_episode_with_the_samples_in_that_order() -> None:
    order = TASKS.difficulty().argsort(axis=1)
    for c in (1.0, -1.0):
        indices = order if c > 0 else order[:, ::-1]
        sorted_ = replace(TASKS, inputs=np.take_along_axis(TASKS.inputs, indices[:, :, None], 1))
        learner = BrianLiquid(**SMALL, searched=["readout", "curriculum"])
        found = run_episodes(learner, parameters(learner, curriculum=c))
        expected = run_episodes(BrianLiquid(**SMALL, searched=["readout"]), tasks=sorted_)
        np.testing.assert_array_equal(found.returns, expected.returns)
        fixed = run_episodes(BrianLiquid(**SMALL, searched=["readout"], curriculum=c))
        np.testing.assert_array_equal(found.returns, fixed.returns)
    plain = run_episodes(BrianLiquid(**SMALL, searched=["readout"])).returns
    assert (plain != found.returns).all()


def test_hyperparameters_that_are_not_searched_keep_their_settings() -> None:
    changed: dict[str, Any] = {"tau_membrane_ms": 7.5, "excitatory_share": 0.6, "ridge": 3.0}
    everything = run_episodes(BrianLiquid(**SMALL, **changed))
    kinds: list[Kind] = ["readout", "physics", "architecture"]
    for kind in kinds:
        part = run_episodes(BrianLiquid(**SMALL, **changed, searched=[kind]))
        np.testing.assert_allclose(part.returns, everything.returns, rtol=1e-9)
    assert (run_episodes(BrianLiquid(**SMALL)).returns != everything.returns).all()


def test_the_space_is_that_of_the_kinds_and_of_the_readout() -> None:
    def names(**settings: Any) -> set[str]:
        return set(BrianLiquid(**settings).space(FAMILY.interface).columns)

    assert names(searched=["readout"]) == {"ridge", "forgetting"}
    assert names(searched=["readout", "curriculum"], readout="delta") == {
        "eta",
        "eta_decay",
        "curriculum",
    }
    assert {"n_neurons", "tau_membrane_ms", "ridge"} < names()
    size = BrianLiquid(largest_n=70).space(FAMILY.interface).parameters[0]
    assert isinstance(size, Integer)
    assert (size.low, size.high, size.default) == (1, 70, 64)


@pytest.mark.parametrize(
    ("interface", "message"),
    [
        (RandomMdp().interface, r"brian_liquid needs targets .* rewards"),
        (replace(FAMILY.interface, n_actions=2), "one continuous action, got 2 continuous"),
        (
            Interface(2, 3, "discrete", 10, feedback="target"),
            "one continuous action, got 3 discrete",
        ),
    ],
)
def test_families_without_one_target_are_refused(interface: Interface, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BrianLiquid().space(interface)


def test_a_curriculum_needs_tasks_of_known_difficulty() -> None:
    class Unrated:
        interface = FAMILY.interface

    learner = BrianLiquid(searched=["curriculum"])
    with pytest.raises(ValueError, match="curriculum, got Unrated"):
        learner.run_episodes(parameters(learner), Unrated(), np.zeros((1, 1), dtype=np.uint64))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_neurons": 101}, "n_neurons .* largest_n"),
        ({"connectivity": 0.5}, "connectivity .* largest_connectivity"),
        ({"searched": []}, "searched"),
        ({"tau_readout_ms": 0.5}, "tau_readout_ms"),
        ({"window_ms": 5.0, "step_ms": 0.4}, "window_ms"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BrianLiquid(**settings)
    BrianLiquid(n_neurons=101, connectivity=0.5, searched=["readout"])
