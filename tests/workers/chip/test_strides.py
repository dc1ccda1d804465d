"""Strides: ten small steps in one, taken only where that makes no difference.

Neuron by neuron, with the largest noise of either sign. That whole episodes with strides have the
spikes of Brian2, which takes none, is tested in ``learners/chip/test_chip_episode_in_brian``. With
noise a stride draws its noise at once, so only statistics can agree (``test_neurons``).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.chip_recording import ideal_neurons

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.analog import (
    CEILING,
    DRIVE_EXC,
    FLOOR,
    HOLD,
    HOLD_INH,
    I_EXC,
    I_INH,
    NOISE,
    PEAK_EXC,
    PEAK_INH,
    REFRACTORY,
    STRIDE,
    V_LEAK,
    V_RESET,
    V_THRESH,
    V,
)
from spikeloop.workers.chip.capmem import NeuronConstants
from spikeloop.workers.chip.core import Core, clone, new_core
from spikeloop.workers.chip.limits import N_NEURONS, V_MAX_V
from spikeloop.workers.chip.neurons import ALL, can_stride, step_neurons, stride_neurons
from spikeloop.workers.chip.noise import xorshift32
from spikeloop.workers.chip.router import advance

STEP_S = 1e-7
N_STRIDE = 10
# Half a unit in the last place of a float32 membrane per step, summed over the longest memory here,
# 100 steps, and about as much again for the rounding of the coefficients.
ROUNDING_V = 1e-5


def row(analog: NDArray[np.float32], name: int) -> NDArray[np.float32]:
    """One row of the analog block, a view."""
    return analog[name : name + N_NEURONS]


def drawn_cells(rng: np.random.Generator, *, gap_V: float, inhibition: float) -> NeuronConstants:
    """32 different neurons at rest below threshold, ``gap_V`` or a little more.

    Some thresholds are above the supply, some refractory times are zero or those of a stride.
    ``inhibition`` scales how far it pulls: at 1, some events pin the membrane to the ground.
    """
    n = N_NEURONS
    v_leak_V = rng.uniform(0.05, 1.2, n)
    tau_mem_s = 10 ** rng.uniform(-6, -5, n)
    cells = ideal_neurons()
    per_A = tau_mem_s / cells.capacitor_F
    return replace(
        cells,
        tau_mem_s=tau_mem_s,
        tau_exc_s=10 ** rng.uniform(-6.7, -5, n),
        tau_inh_s=10 ** rng.uniform(-6.7, -4.5, n),
        v_leak_V=v_leak_V,
        v_thresh_V=np.where(rng.random(n) < 0.2, 1.7, v_leak_V + gap_V * rng.uniform(1, 3, n)),
        v_reset_V=v_leak_V * rng.uniform(0, 1, n),
        refractory_s=rng.choice([0, 1e-7, 9e-7, 1e-6, 1.1e-6, 4e-6, 2.3e-5], n),
        exc_A=rng.uniform(0, 0.03, n) / per_A,
        inh_A=inhibition * rng.uniform(0, 0.2, n) / per_A,
    )


def strides_taken(core: Core, n_steps: int) -> int:
    """How many strides a chip took: its noise generators move once a step or stride."""
    lane, moves = np.uint32(1), 0
    while lane != core.lanes[0]:
        lane, moves = np.uint32(xorshift32(lane)), moves + 1
        assert moves <= n_steps
    return (n_steps - moves) // (core.stride - 1)


def test_a_chip_at_rest_takes_strides_and_a_shorter_time_does_not() -> None:
    core = new_core(ideal_neurons(6), STEP_S, noise_V=0.02)
    advance(core, 3007)
    assert core.clock[0] == 3007
    assert strides_taken(core, 3007) == 300
    core = new_core(ideal_neurons(6), STEP_S, noise_V=0.02)
    for _ in range(50):
        advance(core, N_STRIDE - 1)
    assert strides_taken(core, 450) == 0


@pytest.mark.parametrize("n_steps", [1, 7])
def test_a_chip_whose_strides_are_forbidden_takes_none(n_steps: int) -> None:
    """Not even in a time of one step, which is the length that such a chip has for a stride."""
    core = new_core(ideal_neurons(6), STEP_S, strides=False)
    row(core.analog, I_EXC)[:] = 3.0
    copy = clone(core)
    advance(core, n_steps)
    for _ in range(n_steps):
        step_neurons(copy.analog, copy.lanes)
    np.testing.assert_array_equal(core.analog, copy.analog)
    np.testing.assert_array_equal(core.lanes, copy.lanes)


def lane_before(output: int) -> int:
    """The state of a noise generator whose next number is ``output``: xorshift32 backwards."""
    x = output
    for shift, left in ((5, True), (17, False), (13, True)):
        y = x
        for _ in range(32 // shift):
            y = x ^ ((y << shift) & 0xFFFFFFFF if left else y >> shift)
        x = y
    return x


MOST, LEAST = lane_before(0x7FFFFFFF), lane_before(0x80000000)


def drawn_states(seed: int, n: int) -> Iterator[NDArray[np.float32]]:
    """Chips in the middle of anything, mostly near what decides whether they may stride."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        gap_V, inhibition = rng.choice([0.01, 0.1, 0.3]), rng.choice([0.01, 0.1, 1.0])
        cells = drawn_cells(rng, gap_V=gap_V, inhibition=inhibition)
        noise_V = rng.choice([0.0, 1e-4, 1e-3, 0.005])
        analog = new_core(cells, STEP_S, noise_V=noise_V).analog
        v_thresh = np.minimum(row(analog, V_THRESH), V_MAX_V)
        close = v_thresh * rng.uniform(0.98, 1, N_NEURONS)
        v = np.where(rng.random(N_NEURONS) < 0.3, close, v_thresh * rng.random(N_NEURONS))
        row(analog, V)[:] = np.where(rng.random(N_NEURONS) < 0.3, 0, v)
        for line in (I_EXC, I_INH):
            size = 10 ** rng.uniform(-3, 3, N_NEURONS)
            row(analog, line)[:] = np.where(rng.random(N_NEURONS) < 0.5, 0, size)
        left = rng.choice([-3, 0, 1, 5, 9, 10, 11, 30], N_NEURONS)
        row(analog, REFRACTORY)[:] = left
        held = left > 0
        row(analog, V)[held] = row(analog, V_RESET)[held]
        yield analog


def edge_states(seed: int, n: int) -> Iterator[NDArray[np.float32]]:
    """Chips whose neurons may just stride: each is a microvolt within one of the bounds.

    Just below the ceiling by its membrane, or by its input; just above the floor by either; or on
    the ground, held there by just enough inhibition.
    """
    rng = np.random.default_rng(seed)
    for _ in range(n):
        cells = drawn_cells(rng, gap_V=rng.choice([0.01, 0.1, 0.3]), inhibition=1.0)
        noise_V = rng.choice([0.0, 1e-4, 1e-3, 0.003])
        analog = new_core(cells, STEP_S, noise_V=noise_V).analog
        v, v_leak, i_exc, i_inh = (row(analog, name) for name in (V, V_LEAK, I_EXC, I_INH))
        inside_V = 1e-6
        which = rng.integers(0, 5, N_NEURONS)
        below, above = row(analog, CEILING) - inside_V, row(analog, FLOOR) + inside_V
        v[:] = np.choose(which, [below, v_leak, above, v_leak, 0])
        i_exc[which == 1] = ((below - v_leak) / row(analog, PEAK_EXC))[which == 1]
        i_inh[which == 3] = ((v_leak - above) / row(analog, PEAK_INH))[which == 3]
        grounded = which == 4
        i_exc[grounded] = rng.choice([0, 0.1, 1], grounded.sum())
        share = rng.choice([0.5, 1], N_NEURONS)  # of the excitation; half is not enough
        held = row(analog, HOLD) + share * i_exc * row(analog, DRIVE_EXC) + inside_V
        i_inh[grounded] = (held / row(analog, HOLD_INH))[grounded]
        np.maximum(i_exc, 0, out=i_exc)
        np.maximum(i_inh, 0, out=i_inh)
        yield analog


QUIET = new_core(ideal_neurons(v_thresh_V=1.7), STEP_S).analog


def alone(analog: NDArray[np.float32], neuron: int) -> NDArray[np.float32]:
    """The same chip on which one neuron is left and the others cannot do anything."""
    quiet = QUIET.copy().reshape(-1, N_NEURONS)
    quiet[:, neuron] = analog.reshape(-1, N_NEURONS)[:, neuron]
    return quiet.ravel()


def small_steps(analog: NDArray[np.float32], lanes: list[int]) -> tuple[bool, FloatArray]:
    """Whether any neuron fires under this noise, and the membranes after each step."""
    analog, fired = analog.copy(), False
    membrane_V = np.empty((len(lanes), N_NEURONS))
    for step, lane in enumerate(lanes):
        mask = step_neurons(analog, np.full(N_NEURONS, lane, dtype=np.uint32))
        fired = fired or mask != 0
        membrane_V[step] = row(analog, V)
    return fired, membrane_V


def assert_sound(analog: NDArray[np.float32]) -> None:
    """Of a chip that may stride: no noise can make small steps fire, clip anew or stop clipping."""
    v, held = row(analog, V), row(analog, REFRACTORY) > 0
    for lanes in ([MOST] * 10, [LEAST] * 10, [MOST, LEAST] * 5, [LEAST] * 5 + [MOST] * 5):
        fired, membrane_V = small_steps(analog, lanes)
        assert not fired
        assert (membrane_V[:, ~held] < np.float32(V_MAX_V)).all()
        bottom = (v == 0) & ~held
        assert (membrane_V[:, bottom] == 0).all()
        assert (membrane_V[:, ~bottom & ~held] > 0).all()
    # And without noise the stride ends where they end.
    silent, strided = analog.copy(), analog.copy()
    for line in (NOISE, STRIDE + NOISE):
        row(silent, line)[:] = row(strided, line)[:] = 0
    lanes_array = np.ones(N_NEURONS, dtype=np.uint32)
    for _ in range(N_STRIDE):
        step_neurons(silent, lanes_array)
    stride_neurons(strided, lanes_array, np.float32(N_STRIDE), ALL)
    np.testing.assert_allclose(row(strided, V), row(silent, V), atol=ROUNDING_V)
    for line in (I_EXC, I_INH):
        np.testing.assert_allclose(row(strided, line), row(silent, line), rtol=1e-5, atol=1e-30)
    np.testing.assert_array_equal(
        np.maximum(row(strided, REFRACTORY), 0), np.maximum(row(silent, REFRACTORY), 0)
    )


@pytest.mark.parametrize(("states", "least_share"), [(drawn_states, 0.15), (edge_states, 0.5)])
def test_no_noise_makes_a_neuron_fire_clip_or_wake_within_an_allowed_stride(
    states: Callable[[int, int], Iterator[NDArray[np.float32]]], least_share: float
) -> None:
    """Neuron by neuron, since one that may not stride stops all."""
    extremes = [int(np.int32(np.uint32(xorshift32(np.uint32(lane))))) for lane in (MOST, LEAST)]
    assert extremes == [2**31 - 1, -(2**31)]
    n_chips, n_allowed = 30, 0
    for analog in states(1, n_chips):
        for neuron in range(N_NEURONS):
            single = alone(analog, neuron)
            if can_stride(single, np.float32(N_STRIDE), ALL):
                n_allowed += 1
                assert_sound(single)
    assert n_allowed > least_share * n_chips * N_NEURONS


@pytest.mark.parametrize("bound", [CEILING, FLOOR])
def test_soundness_is_lost_with_a_looser_bound(bound: int) -> None:
    with pytest.raises(AssertionError):
        for analog in drawn_states(seed=1, n=60):
            row(analog, bound)[:] += 0.05 if bound == CEILING else -0.05
            for neuron in range(N_NEURONS):
                single = alone(analog, neuron)
                if can_stride(single, np.float32(N_STRIDE), ALL):
                    assert_sound(single)


def test_one_neuron_that_may_not_stride_stops_all() -> None:
    for neuron in range(N_NEURONS):
        analog = new_core(ideal_neurons(), STEP_S).analog
        assert can_stride(analog, np.float32(N_STRIDE), ALL)
        analog[V + neuron] = analog[V_THRESH + neuron]
        assert not can_stride(analog, np.float32(N_STRIDE), ALL)
