"""Time steps of decisions: delays and readouts by hand, and gradients in two ways."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from spikeloop.tasks.base import FloatArray
from spikeloop.workers import xla
from spikeloop.workers.learners.lsnn.network import Network, NetworkState
from spikeloop.workers.learners.lsnn.neurons import AdaptiveNeurons, decay

N, N_READOUTS, N_EPISODES, N_STEPS, N_DECISIONS = 7, 2, 3, 5, 4
DELAYS = (1, 4, 2, 4)
"""Of seven neurons; the longest one, dealt twice, outlasts half a decision."""
N_SLOTS = max(DELAYS)
AGES = range(1, N_SLOTS)
"""Of spikes in the ring that may still arrive, the newest first."""


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    with xla.precision("float64"):
        yield


def network(smooth: float = 0.0) -> Network:
    beta = np.where(np.arange(N) < 3, 1.5, 0.0)
    neurons = AdaptiveNeurons(
        decay(8.0, 1.0), decay(np.linspace(5, 40, N), 1.0), beta, 0.5, 1, 0.3, smooth
    )
    return Network(neurons, DELAYS, N_READOUTS, decay(4.0, 1.0), N_STEPS)


class Setting:
    """Weights and drives of four decisions of three episodes; one step in four has a spike."""

    def __init__(self, varying: bool) -> None:
        rng = np.random.default_rng(8)
        self.recurrent = 2.0 * rng.standard_normal((N, N))
        self.readout = rng.standard_normal((N, N_READOUTS))
        shape = (N_STEPS, N_EPISODES, N) if varying else (N_EPISODES, N)
        self.drive = rng.normal(3.0, 4.0, (N_DECISIONS, *shape))
        self.toll = rng.standard_normal((4, N_EPISODES, N))


def plainly(net: Network, recurrent: Any, readout: Any, state: NetworkState, drive: Any) -> Any:
    """``Network.decide`` step by step, for JAX to differentiate without help."""
    module = xla.jax()

    def step(before: Any, current: Any) -> Any:
        moving, y = before
        moving = net.step(recurrent, moving, drive if current is None else current)
        z = moving[0].z
        return (moving, net.kappa * y + (1 - net.kappa) * (z @ readout)), z

    varying = drive if drive.ndim == 3 else None
    (moving, y), sent = module.lax.scan(step, (state[:3], state.y), varying, length=N_STEPS)
    neurons, still_to_come, clock = moving
    return NetworkState(neurons, still_to_come, clock, y), sent


def paid(net: Network, setting: Setting, how: str) -> Any:
    """A function of recurrent and readout weights and drives: of spikes, y, v, b and more."""
    module = xla.jax()
    numpy = module.numpy

    def function(recurrent: Any, readout: Any, drive: Any) -> Any:
        def decision(state: NetworkState, drive: Any) -> Any:
            decide = net.decide if how == "decide" else lambda *given: plainly(net, *given)
            state, spikes = decide(recurrent, readout, state, drive)
            potential = numpy.sin(state.neurons.v * setting.toll[1]).sum()
            return state, (spikes * setting.toll[0]).sum() + (state.y**2).sum() + potential

        state, totals = module.lax.scan(decision, net.at_rest(N_EPISODES), drive)
        on_their_way = sum(age * state.sent[(state.clock - age) % N_SLOTS].sum() for age in AGES)
        return totals.sum() + (state.neurons.b * setting.toll[2]).sum() + on_their_way

    return function


def gradient(net: Network, setting: Setting, how: str) -> tuple[FloatArray, ...]:
    module = xla.jax()
    slopes = module.jit(module.grad(paid(net, setting, how), (0, 1, 2)))
    return tuple(map(np.asarray, slopes(setting.recurrent, setting.readout, setting.drive)))


@pytest.mark.parametrize(
    ("varying", "smooth"),
    [pytest.param(False, 0.0, marks=pytest.mark.exhaustive), (True, 0.5)],
)
def test_the_gathered_gradient_is_that_of_automatic_differentiation(
    varying: bool, smooth: float
) -> None:
    """With delays, over several decisions, with surrogates and without."""
    net, setting = network(smooth), Setting(varying)
    for gathered, plain in zip(
        gradient(net, setting, "decide"), gradient(net, setting, "run"), strict=True
    ):
        assert np.abs(plain).max() > 1e-3
        np.testing.assert_allclose(gathered, plain, rtol=1e-10, atol=1e-10 * np.abs(plain).max())


def relay(window: int) -> tuple[Network, FloatArray, FloatArray]:
    """Each neuron makes the next one spike; delays are 1, 3, 1, 3. Readouts see neurons 0 and 1."""
    neurons = AdaptiveNeurons(0.0, np.zeros(4), np.zeros(4), 1.0, 0, 0.3)
    recurrent, readout = np.zeros((4, 4)), np.zeros((4, 2))
    recurrent[[0, 1, 2], [1, 2, 3]] = 5.0
    readout[0, 0], readout[1, 1] = 4.0, 16.0
    return Network(neurons, (1, 3), 2, 0.5, window), recurrent, readout


def kick(window: int) -> FloatArray:
    """A current that makes neuron 0 spike in the first step only."""
    drive = np.zeros((window, 1, 4))
    drive[0, 0, 0] = 5.0
    return drive


def decide(
    given: tuple[Network, FloatArray, FloatArray], drive: FloatArray, state: Any = None
) -> tuple[NetworkState, FloatArray]:
    """One episode's state after a decision, and its (n_steps, n) spikes."""
    net, recurrent, readout = given
    recurrent, readout = map(xla.jax().numpy.asarray, (recurrent, readout))
    begin = net.at_rest(1) if state is None else state
    after, spikes = net.decide(recurrent, readout, begin, drive)
    return after, np.asarray(spikes)[:, 0]


def test_spikes_arrive_after_the_delays_of_their_neurons() -> None:
    """Neuron 0 in step 0, so 1 in step 1, 2 in step 1 + 3, and 3 in step 5."""
    _, spikes = decide(relay(7), kick(7))
    expected = np.zeros((7, 4))
    expected[[0, 1, 4, 5], [0, 1, 2, 3]] = 1
    np.testing.assert_array_equal(spikes, expected)


def test_readouts_filter_spikes() -> None:
    """κ = ½: 4 / 2 after step 0, halved in steps 1 to 4; 16 / 2 after step 1, halved thrice."""
    after, _ = decide(relay(5), kick(5))
    np.testing.assert_array_equal(np.asarray(after.y), [[4 / 2**5, 16 / 2**4]])


@pytest.mark.parametrize("first", [1, 4])
def test_a_window_cut_in_two_is_the_same_window(first: int) -> None:
    """Spikes under way are carried over."""
    whole, spikes = decide(relay(7), kick(7))
    state, early = decide(relay(first), kick(7)[:first])
    after, late = decide(relay(7 - first), kick(7)[first:], state)
    np.testing.assert_array_equal(np.concatenate([early, late]), spikes)
    for one, other in zip(*map(xla.jax().tree.leaves, (whole, after)), strict=True):
        np.testing.assert_array_equal(one, other)
