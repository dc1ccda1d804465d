"""Input channels by hand: one-hot indices, population codes, their statistics, and JAX."""

from typing import Any

import numpy as np
import pytest

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.informative_bandit import InformativeBandit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers import xla
from spikeloop.workers.encoding import PopulationCode
from spikeloop.workers.input_channels import InputChannels

HALF = np.exp(-0.5)
"""Of a channel one width from its centre."""
QUADRATIC = Quadratic(n_steps=10).interface
MDP = RandomMdp(n_states=3, n_actions=2, n_steps=10).interface


def inputs(interface: Interface, **changes: Any) -> InputChannels:
    """Three channels a number and five of the feedback, one spacing wide."""
    given = {"per_value": 3, "feedback": 5, "width": 1.0, "one_hot_feedback": True}
    return InputChannels(interface, **{**given, **changes})


def shown(
    code: InputChannels, observation: Any, action: Any, feedback: Any, step: int
) -> FloatArray:
    """(n,) input of one episode."""
    seen, done, paid = (np.array([value]) for value in (observation, action, feedback))
    found: FloatArray = code.encode(seen, done, paid, step)[0]
    assert found.shape == (code.n,)
    return found


def test_rewards_of_two_values_are_one_hot_and_an_only_observation_is_left_out() -> None:
    code = inputs(Bandit(n_arms=3, n_steps=10).interface)
    assert code.parts == {"action": 3, "feedback": 2, "bias": 1}
    np.testing.assert_array_equal(shown(code, 0, 2, 1.0, 4), [0, 0, 1, 0, 1, 1])
    np.testing.assert_array_equal(shown(code, 0, 2, 1.0, 0), [0, 0, 0, 0, 0, 1])  # nothing yet


def test_rewards_are_curves_where_they_are_not_to_be_one_hot() -> None:
    """Two channels at 0 and 1, half a spacing wide: one stands for each reward of a coin."""
    code = InputChannels(Bandit(n_arms=2, n_steps=10).interface)
    rewards = [shown(code, 0, 0, reward, 1)[2:4] for reward in (0.0, 1.0, 0.5)]
    far, half = np.exp(-2.0), np.exp(-0.5)
    np.testing.assert_allclose(rewards, [[1, far], [far, 1], [half, half]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_of_few_rewards_has_its_channel_in_either_precision(dtype: Any) -> None:
    """A reward of 0.1 is another number in single precision, but has the same channel."""
    code = inputs(InformativeBandit().interface, shows_action=False)
    assert code.parts == {"feedback": 11, "bias": 1}
    for place, value in enumerate(InformativeBandit().interface.feedback_values):
        encoded = code.encode(np.array([0]), np.array([0]), np.array([value], dtype), 1)
        np.testing.assert_array_equal(encoded[0], np.append(np.eye(11)[place], 1))


def test_states_and_actions_are_one_hot_and_rewards_a_population() -> None:
    """Five channels at 0, ¼, ½, ¾ and 1."""
    code = inputs(MDP)
    assert code.parts == {"observation": 3, "action": 2, "feedback": 5, "bias": 1}
    found = shown(code, 1, 0, 0.25, 3)
    rates = [HALF, 1, HALF, HALF**4, HALF**9]
    np.testing.assert_allclose(found, [0, 1, 0, 1, 0, *rates, 1], rtol=1e-12)
    np.testing.assert_allclose(shown(code, 1, 0, 0.25, 0)[3:-1], 0)
    assert shown(code, 2, 0, 0.25, 0)[2] == 1  # the state is shown from the beginning
    assert code.n_shown == 4


@pytest.mark.parametrize("interface", [QUADRATIC, MDP], ids=["numbers", "indices"])
def test_the_usual_level_is_the_mean_over_all_values(interface: Interface) -> None:
    """Of each part over its channels; 10,000 values each, evenly drawn, are within a percent."""
    task, rng, n = interface, np.random.default_rng(0), 10_000
    code = inputs(task, trial=4, one_hot_feedback=False)

    def drawn(kind: str, size: int, limits: tuple[float, float]) -> Any:
        if kind == "discrete":
            return rng.integers(0, size, n)
        return rng.uniform(limits[0], limits[1], (n, size))

    seen = drawn(task.observations, task.n_observations, task.observation_range)
    done = drawn(task.actions, task.n_actions, task.action_range)
    feedback = rng.uniform(task.feedback_range[0], task.feedback_range[1], n)
    mean = np.mean(
        [code.encode(seen, done, feedback, step).mean(axis=0) for step in range(1, 10)], 0
    )
    for group in code.groups:
        part = slice(group.start, group.start + group.n)
        assert np.ptp(code.means[part]) == 0
        if group.name == "bias":
            assert code.means[part] == 0
        elif group.name != "trial":  # of whose ten steps the first has been left out
            assert mean[part].mean() == pytest.approx(code.means[group.start], rel=0.01)


def test_numbers_are_populations_and_the_last_answer_can_be_left_out() -> None:
    """x1 = -1 is the first centre, x2 = 0 the second of -1, 0, 1; the target 0.5 the third."""
    code = inputs(QUADRATIC, shows_action=False)
    assert code.parts == {"observation": 6, "feedback": 5, "bias": 1}
    found = shown(code, [-1.0, 0.0], [0.7], 0.5, 2)
    seen = [1, HALF, HALF**4, HALF, 1, HALF]
    feedback = [HALF**4, HALF, 1, HALF, HALF**4]
    np.testing.assert_allclose(found, [*seen, *feedback, 1], rtol=1e-12)
    assert code.n_shown == 4
    found = shown(inputs(QUADRATIC), [-1.0, 0.0], [0.8], 0.5, 2)
    np.testing.assert_allclose(found[6:9], [HALF**4, HALF, 1], rtol=1e-12)


def test_channels_of_the_feedback_span_its_range_or_a_share_of_it() -> None:
    """Half of [0.2, 0.8] is [0.35, 0.65]: beyond it is its end."""
    feedback = np.array([[0.27]])
    whole = shown(inputs(QUADRATIC, shows_action=False), [0.0, 0.0], [0.5], 0.27, 1)[6:11]
    np.testing.assert_array_equal(whole, PopulationCode(0.2, 0.8, 5).encode(feedback)[0])
    code = inputs(QUADRATIC, shows_action=False, feedback_share=0.5)
    ends = [1, HALF, HALF**4, HALF**9, HALF**16]
    for value in (0.35, 0.2, -3.0):
        found = shown(code, [0.0, 0.0], [0.5], value, 1)[6:11]
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


@pytest.mark.parametrize("interface", [QUADRATIC, MDP], ids=["numbers", "indices"])
def test_jax_encodes_the_same(interface: Interface) -> None:
    rng, n_episodes = np.random.default_rng(2), 6
    observation: Any = rng.integers(0, 3, n_episodes)
    action: Any = rng.integers(0, 2, n_episodes)
    if interface is QUADRATIC:
        observation, action = rng.uniform(-1, 1, (n_episodes, 2)), rng.random((n_episodes, 1))
    code, feedback = inputs(interface, trial=4, feedback_share=0.7), rng.random(n_episodes)
    for step in (0, 3):
        expected = code.encode(observation, action, feedback, step)
        with xla.precision("float64"):
            numpy = xla.jax().numpy
            seen, done, paid = map(numpy.asarray, (observation, action, feedback))
            found = np.asarray(code.encode(seen, done, paid, numpy.asarray(step), numpy))
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
