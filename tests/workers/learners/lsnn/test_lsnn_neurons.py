"""Adapting neurons: steps and derivatives. ``test_lsnn_brian`` plays whole networks of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from spikeloop.tasks.base import FloatArray
from spikeloop.workers import xla
from spikeloop.workers.learners.lsnn.neurons import AdaptiveNeurons, NeuronState, decay

N = 20


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    with xla.precision("float64"):
        yield


def one(
    beta: float = 0.0, refractory: int = 0, smooth: float = 0.0, to_zero: bool = False
) -> AdaptiveNeurons:
    """One neuron with constants that binary numbers hold: α = ρ = ½, θ₀ = 1."""
    rho, betas = np.array([0.5]), np.array([beta])
    return AdaptiveNeurons(0.5, rho, betas, 1.0, refractory, 0.25, smooth, to_zero)


def run(neurons: AdaptiveNeurons, currents: FloatArray) -> NeuronState:
    """Every state of one episode: (n_steps, n) arrays, for (n_steps, n) currents."""

    def step(state: Any, current: Any) -> Any:
        after = neurons.step(state, current[None])
        return after, after

    lax, numpy = xla.jax().lax, xla.jax().numpy
    _, states = lax.scan(step, neurons.at_rest(1), numpy.asarray(currents))
    return NeuronState(*(np.asarray(array)[:, 0] for array in states))


def by_hand(neurons: AdaptiveNeurons, currents: list[float]) -> list[tuple[float, float, float]]:
    """(v, b, z) of one neuron after each step."""
    states = run(neurons, np.array(currents)[:, None])
    return list(zip(states.v[:, 0], states.b[:, 0], states.z[:, 0], strict=True))


def test_a_lif_neuron_step_by_step() -> None:
    """v ← ½ v + ½ I − z; at the second step it is above 1 but refractory."""
    assert by_hand(one(refractory=1), [3.0, 3.0, 0.0, 2.0, 0.0]) == [
        (1.5, 0.0, 1.0),
        (1.25, 0.5, 0.0),
        (0.625, 0.25, 0.0),
        (1.3125, 0.125, 1.0),
        (-0.34375, 0.5625, 0.0),
    ]


def test_an_adapting_neuron_step_by_step() -> None:
    """θ = 1 + 2 b is 2, 1.5, 2.25 and 1.625 after the first spike; it is what a spike takes off."""
    assert by_hand(one(beta=2.0), [3.0, 3.0, 3.0, 2.0, 4.0]) == [
        (1.5, 0.0, 1.0),
        (0.25, 0.5, 0.0),
        (1.625, 0.25, 1.0),
        (-0.4375, 0.625, 0.0),
        (1.78125, 0.3125, 1.0),
    ]


def test_a_neuron_that_is_reset_to_zero_begins_from_zero_after_a_spike() -> None:
    """v ← ½ v (1 − z) + ½ I; what was above the threshold is lost."""
    assert by_hand(one(to_zero=True), [3.0, 1.0, 3.0, 2.0, 0.0]) == [
        (1.5, 0.0, 1.0),
        (0.5, 0.5, 0.0),
        (1.75, 0.25, 1.0),
        (1.0, 0.625, 0.0),
        (0.5, 0.3125, 0.0),
    ]


@pytest.mark.parametrize("refractory", [0, 1, 3])
def test_a_neuron_is_silent_for_its_refractory_steps(refractory: int) -> None:
    """A current far above threshold makes it spike in every step in which it may."""
    z = run(one(refractory=refractory), np.full((12, 1), 50.0)).z[:, 0]
    np.testing.assert_array_equal(np.flatnonzero(z), np.arange(0, 12, refractory + 1))


def test_a_potential_at_the_threshold_is_no_spike() -> None:
    assert by_hand(one(), [2.0, 0.0]) == [(1.0, 0.0, 0.0), (0.5, 0.0, 0.0)]
    assert by_hand(one(), [2.0 + 1e-12])[0][2] == 1.0


U = np.array([-1.5, -1.0, -0.5, -0.125, 0.0, 0.25, 1.0, 2.0])
SLOPE = np.array([0.0, 0.0, 0.5, 0.875, 1.0, 0.75, 0.0, 0.0])


def test_the_surrogate_is_a_triangle_of_height_gamma() -> None:
    """Of neurons without memory and θ = 1, whose u is I − 1."""
    n = len(U)
    neurons = AdaptiveNeurons(0.0, np.zeros(n), np.zeros(n), 1.0, 0, 0.3)

    def sent(current: Any) -> Any:
        return neurons.step(neurons.at_rest(1), current).z

    current = xla.jax().numpy.asarray(1 + U[None])
    np.testing.assert_array_equal(sent(current)[0], U > 0)
    derivative = xla.jax().grad(lambda current: sent(current).sum())(current)
    np.testing.assert_allclose(derivative[0], 0.3 * SLOPE, rtol=1e-15)


def surrogate(u: Any, dampening: float) -> Any:
    """1 where u is above 0, with the triangle for a derivative."""
    numpy = xla.jax().numpy
    smooth = numpy.where(numpy.abs(u) < 1, dampening * (u - numpy.sign(u) * u * u / 2), 0.0)
    stop = xla.jax().lax.stop_gradient
    return stop((u > 0).astype(u.dtype)) + smooth - stop(smooth)


@pytest.mark.parametrize("to_zero", [False, True], ids=["subtract", "to zero"])
def test_derivatives_written_out_are_those_of_the_equations(to_zero: bool) -> None:
    """JAX differentiates the equations, with a parabola whose slope is the triangle."""
    rng = np.random.default_rng(5)
    beta, tau_ms = np.where(np.arange(N) < N // 2, 1.8, 0.0), rng.uniform(5, 200, N)
    neurons = AdaptiveNeurons(
        decay(20.0, 1.0), decay(tau_ms, 1.0), beta, 0.01, 2, 0.3, reset_to_zero=to_zero
    )
    shape = (8, N)
    state = NeuronState(
        rng.normal(0.01, 0.02, shape),
        rng.random(shape) * 0.02,
        rng.integers(0, 2, shape).astype(float),
        (rng.random(shape) < 0.3).astype(float),
    )
    current, toll = rng.normal(0.1, 0.3, shape), rng.standard_normal((3, *shape))

    def plainly(before: NeuronState, current: Any) -> NeuronState:
        b = neurons.rho * before.b + (1 - neurons.rho) * before.z
        theta = neurons.threshold + neurons.beta * b
        left, taken = (1 - before.z, 0.0) if to_zero else (1.0, theta * before.z)
        v = neurons.alpha * before.v * left + (1 - neurons.alpha) * current - taken
        z = surrogate((v - theta) / theta, neurons.dampening) * (before.waiting <= 0)
        return NeuronState(v, b, before.waiting, z)

    def paid(step: Any, before: NeuronState, current: Any) -> Any:
        after = step(before, current)
        return sum((a * t).sum() for a, t in zip((after.v, after.b, after.z), toll, strict=True))

    grad = xla.jax().grad
    found, expected = (
        grad(lambda *given, step=step: paid(step, *given), (0, 1))(state, current)
        for step in (neurons.step, plainly)
    )
    again = plainly(state, current).z  # to rounding, by which the parabola cancels
    np.testing.assert_allclose(neurons.step(state, current).z, again, atol=1e-12)
    for one, other in zip(*map(xla.jax().tree.leaves, (found, expected)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    spiking = np.asarray(expected[1]) - (1 - neurons.alpha) * toll[0]
    assert 0.1 < (np.abs(spiking) > 1e-9).mean() < 0.7  # what goes through spikes is there


def test_smooth_neurons_send_a_sigmoid() -> None:
    """v = 1.5, u = ½, w = ¼: 1 / (1 + exp(−2)); ``test_lsnn_gradient`` has their derivative."""
    assert by_hand(one(smooth=0.25), [3.0])[0][2] == pytest.approx(1 / (1 + np.exp(-2)), rel=1e-14)


def test_decay_of_a_step() -> None:
    assert decay(20.0, 1.0) == pytest.approx(np.exp(-0.05), rel=1e-15)
    assert decay(0.0, 1.0) == 0.0
    np.testing.assert_allclose(decay(np.array([0.0, 2.0]), 0.5), [0.0, np.exp(-0.25)], rtol=1e-15)
