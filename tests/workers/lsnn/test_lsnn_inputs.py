"""What the network is shown, by hand."""

from typing import Any

import numpy as np
import pytest

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.informative_bandit import InformativeBandit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers import xla
from spikeloop.workers.learners.lsnn.inputs import Inputs

HALF = np.exp(-0.5)
"""Of a channel one width from its centre."""


def inputs(interface: Interface, **changes: Any) -> Inputs:
    given: dict[str, Any] = {
        "per_value": 3,
        "feedback": 5,
        "trial": 0,
        "width": 1.0,
        "feedback_share": 1.0,
        "shows_action": True,
        "shows_feedback": True,
    }
    return Inputs(interface, **{**given, **changes})


def shown(code: Inputs, observation: Any, action: Any, feedback: Any, step: int) -> FloatArray:
    """(n,) what one episode is shown."""
    seen, done, heard = (np.array([value]) for value in (observation, action, feedback))
    encoded: FloatArray = code.encode(np, seen, done, heard, step)[0]
    assert encoded.shape == (code.n,)
    return encoded


def test_a_bandit_shows_last_action_and_reward() -> None:
    """Its observation is always the same; rewards are 0 or 1, so each has a channel."""
    code = inputs(Bandit(n_arms=3, n_steps=10).interface)
    assert code.parts == {"action": 3, "feedback": 2, "bias": 1}
    np.testing.assert_array_equal(shown(code, 0, 2, 1.0, 4), [0, 0, 1, 0, 1, 1])
    np.testing.assert_array_equal(shown(code, 0, 0, 0.0, 1), [1, 0, 0, 1, 0, 1])


def test_before_the_first_decision_neither_action_nor_reward_is_shown() -> None:
    code = inputs(Bandit(n_arms=3, n_steps=10).interface)
    np.testing.assert_array_equal(shown(code, 0, 2, 1.0, 0), [0, 0, 0, 0, 0, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_of_few_told_values_has_a_channel(dtype: type) -> None:
    """0.1, ..., 0.9, 1 and 5; 0.3 in single precision is another number, but no other value."""
    interface = InformativeBandit().interface
    code = inputs(interface, shows_action=False)
    assert code.parts == {"feedback": 11, "bias": 1}
    for place, value in enumerate(interface.feedback_values):
        encoded = code.encode(np, np.array([0]), np.array([0]), np.array([value], dtype), 1)
        np.testing.assert_array_equal(encoded[0], np.append(np.eye(11)[place], 1))


def test_states_and_actions_are_one_hot_and_rewards_a_population() -> None:
    """Five channels at 0, ¼, ½, ¾ and 1."""
    code = inputs(RandomMdp(n_states=3, n_actions=2, n_steps=10).interface)
    assert code.parts == {"observation": 3, "action": 2, "feedback": 5, "bias": 1}
    found = shown(code, 1, 0, 0.25, 3)
    rates = [HALF, 1, HALF, HALF**4, HALF**9]
    np.testing.assert_allclose(found, [0, 1, 0, 1, 0, *rates, 1], rtol=1e-12)
    np.testing.assert_allclose(shown(code, 1, 0, 0.25, 0)[3:-1], 0)
    assert shown(code, 2, 0, 0.25, 0)[2] == 1  # the state is shown from the beginning


@pytest.mark.parametrize("family", [Quadratic(n_steps=10), RandomMdp(n_states=3, n_steps=10)])
def test_the_usual_level_is_the_mean_over_all_that_can_be_shown(family: Any) -> None:
    """Of each part over its channels; 10,000 values each, evenly drawn, are within a percent."""
    task, rng, n = family.interface, np.random.default_rng(0), 10_000
    code = inputs(task, trial=4)

    def drawn(kind: str, size: int, limits: tuple[float, float]) -> Any:
        if kind == "discrete":
            return rng.integers(0, size, n)
        return rng.uniform(limits[0], limits[1], (n, size))

    seen = drawn(task.observations, task.n_observations, task.observation_range)
    done = drawn(task.actions, task.n_actions, task.action_range)
    feedback = rng.uniform(task.feedback_range[0], task.feedback_range[1], n)
    each = [code.encode(np, seen, done, feedback, step).mean(axis=0) for step in range(1, 10)]
    mean, start = np.mean(each, axis=0), 0
    for name, channels in code.parts.items():
        part = slice(start, start + channels)
        assert np.ptp(code.usual[part]) == 0
        if name == "bias":
            assert code.usual[part] == 0
        elif name != "trial":  # of whose ten steps the first has been left out
            assert mean[part].mean() == pytest.approx(code.usual[start], rel=0.01)
        start += channels


def test_numbers_are_populations_and_the_last_answer_can_be_left_out() -> None:
    """x1 = -1 is the first centre, x2 = 0 the second of -1, 0, 1; the target 0.5 the third."""
    code = inputs(Quadratic(n_steps=10).interface, shows_action=False)
    assert code.parts == {"observation": 6, "feedback": 5, "bias": 1}
    found = shown(code, [-1.0, 0.0], [0.7], 0.5, 2)
    seen = [1, HALF, HALF**4, HALF, 1, HALF]
    feedback = [HALF**4, HALF, 1, HALF, HALF**4]
    np.testing.assert_allclose(found, [*seen, *feedback, 1], rtol=1e-12)
    with_answer = inputs(Quadratic(n_steps=10).interface)
    assert with_answer.parts["action"] == 3
    found = shown(with_answer, [-1.0, 0.0], [0.8], 0.5, 2)
    np.testing.assert_allclose(found[6:9], [HALF**4, HALF, 1], rtol=1e-12)


def test_the_told_share_narrows_the_population() -> None:
    """Half of [0.2, 0.8] is [0.35, 0.65]: beyond it is its end."""
    code = inputs(Quadratic(n_steps=10).interface, shows_action=False, feedback_share=0.5)
    ends = [1, HALF, HALF**4, HALF**9, HALF**16]
    for feedback in (0.35, 0.2, -3.0):
        found = shown(code, [0.0, 0.0], [0.5], feedback, 1)[6:11]
        np.testing.assert_allclose(found, ends, rtol=1e-9)


def test_the_number_of_the_decision_is_a_population_over_the_episode() -> None:
    code = inputs(Bandit(n_steps=5).interface, trial=3, shows_action=False, shows_feedback=False)
    assert code.parts == {"trial": 3, "bias": 1}
    for step, place in ((0, 0), (2, 1), (4, 2)):
        assert shown(code, 0, 0, 0.0, step)[place] == 1
    between = shown(code, 0, 0, 0.0, 1)
    assert between[0] == pytest.approx(between[1]) == pytest.approx(np.exp(-0.125))
    single = inputs(Bandit(n_steps=1).interface, trial=3)
    assert np.isfinite(shown(single, 0, 0, 0.0, 0)).all()


@pytest.mark.parametrize("kind", ["bandit", "mdp", "quadratic"])
def test_jax_shows_the_same(kind: str) -> None:
    rng = np.random.default_rng(2)
    n_episodes = 6
    observation: Any = np.zeros(n_episodes, int)
    action: Any = rng.integers(0, 2, n_episodes)
    interface = Bandit(n_steps=5).interface
    if kind == "mdp":
        interface = RandomMdp(n_states=4, n_actions=2, n_steps=5).interface
        observation = rng.integers(0, 4, n_episodes)
    if kind == "quadratic":
        interface = Quadratic(n_steps=5).interface
        observation, action = rng.uniform(-1, 1, (n_episodes, 2)), rng.random((n_episodes, 1))
    code, feedback = inputs(interface, trial=4), rng.random(n_episodes)
    for step in (0, 3):
        expected = code.encode(np, observation, action, feedback, step)
        with xla.precision("float64"):
            numpy = xla.jax().numpy
            given = map(numpy.asarray, (observation, action, feedback, step))
            found = np.asarray(code.encode(numpy, *given))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("width", [0.7, 1.0, 2.0])
def test_power_is_about_the_sum_of_squares(width: float) -> None:
    """Populations of many channels, values well inside; to a fifth."""
    code = inputs(Quadratic(n_steps=9).interface, per_value=30, feedback=30, width=width)
    rng = np.random.default_rng(3)
    squares = [
        (shown(code, rng.uniform(-0.5, 0.5, 2), [0.5], rng.uniform(0.4, 0.6), 1) ** 2).sum()
        for _ in range(50)
    ]
    assert np.mean(squares) == pytest.approx(code.power, rel=0.2)
