"""Synapse rows, the spike router and the counters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.chip_recording import ideal_neurons

from spikeloop.workers.chip.analog import DECAY_EXC, I_EXC, I_INH, V
from spikeloop.workers.chip.capmem import NeuronConstants
from spikeloop.workers.chip.core import ROUTERS, Core, Router, clone, new_core
from spikeloop.workers.chip.limits import (
    MAX_COUNT_U10,
    MAX_PULSE_U5,
    N_NEURONS,
    N_ROWS,
    ROUTER_ADDRESS_U6,
)
from spikeloop.workers.chip.network import connect, stimulus_row
from spikeloop.workers.chip.router import advance, read_counter, send, send_rows

STEP_S = 1e-7
# Every neuron fires in every step.
RESTLESS = ideal_neurons(refractory_s=0.0, v_leak_V=1.6, v_reset_V=1.6, tau_exc_s=1e-4)


def quiet_chip(cells: NeuronConstants | None = None) -> Core:
    return new_core(ideal_neurons() if cells is None else cells, STEP_S)


def inputs(chip: Core) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return chip.analog[I_EXC : I_EXC + N_NEURONS], chip.analog[I_INH : I_INH + N_NEURONS]


def test_a_full_volley_of_full_weights_does_not_overflow() -> None:
    chip = quiet_chip()
    chip.weight_u6[:], chip.row_sign[:] = 63, -1
    send_rows(chip, np.uint32(0xFFFFFFFF), 0)
    assert (inputs(chip)[1] == 32 * 63).all()


def test_no_spike_is_lost_at_the_highest_rate() -> None:
    """A neuron that fires in every step delivers one event in every step, a delay later."""
    chip = quiet_chip(RESTLESS)
    chip.weight_u6.reshape(N_ROWS, N_NEURONS)[4, 20] = 1
    chip.label_u6[:] = ROUTER_ADDRESS_U6
    chip.row_sign[4] = 1
    advance(chip, 211)
    assert (chip.counters_u10 == 211).all()
    decay = np.exp(-STEP_S / 1e-4)
    n_delivered = 211 - 11
    expected = sum(decay**age for age in range(1, n_delivered + 1))
    assert inputs(chip)[0][20] == pytest.approx(expected, rel=1e-5)


def test_counters_stop_at_their_limit_and_clear_when_read() -> None:
    chip = quiet_chip(RESTLESS)
    advance(chip, MAX_COUNT_U10 - 1)
    assert (chip.counters_u10 == MAX_COUNT_U10 - 1).all()
    advance(chip, 500)
    assert (chip.counters_u10 == MAX_COUNT_U10).all()
    assert read_counter(chip, 8) == MAX_COUNT_U10
    assert read_counter(chip, 8) == 0
    assert chip.counters_u10[9] == MAX_COUNT_U10


def test_the_published_network_is_written_as_described() -> None:
    chip = quiet_chip()
    n_states, n_actions = 6, 8
    connect(chip, n_states, n_actions, inhibition_u6=40)
    weight = chip.weight_u6.reshape(N_ROWS, N_NEURONS)
    label = chip.label_u6.reshape(N_ROWS, N_NEURONS)
    stimuli = {(int(stimulus_row(np.array([s]), n_states)[0]), s) for s in range(n_states)}
    assert stimuli == {(1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (0, 5)}
    for row in range(N_ROWS):
        for column in range(N_NEURONS):
            if (row, column) in stimuli:
                expected, address = 63, column
            elif row < n_states:
                expected, address = 63 if row == column else 0, ROUTER_ADDRESS_U6
            elif row < n_states + n_actions:
                address = ROUTER_ADDRESS_U6
                is_action = n_states <= column < n_states + n_actions
                expected = 63 if column < n_states else 40 if is_action and column != row else 0
            else:
                expected, address = 0, ROUTER_ADDRESS_U6
            assert (weight[row, column], label[row, column]) == (expected, address), (row, column)
    np.testing.assert_array_equal(chip.row_sign, [1] * 6 + [-1] * 26)


def test_a_network_too_large_or_a_weight_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 32, got 33"):
        connect(quiet_chip(), 20, 13, 40)
    with pytest.raises(ValueError, match=r"inhibition must be in \[0, 63\], got 64"):
        connect(quiet_chip(), 6, 8, 64)


def test_spikes_go_to_the_rows_and_address_set_in_the_router() -> None:
    """Neuron 3 to row 20, neuron 8 to rows 20 and 31 under another address; neuron 5 nowhere."""
    chip = quiet_chip()
    weight, label = (m.reshape(N_ROWS, N_NEURONS) for m in (chip.weight_u6, chip.label_u6))
    chip.row_sign[:] = 1
    weight[:] = 1  # an event that went astray would be seen
    weight[20, :16], weight[20, 16:] = 30, 40
    label[:] = 63
    label[20, :16], label[20, 16:] = 11, 12
    label[31], weight[31] = 12, 5
    label[[3, 5, 8]] = ROUTER_ADDRESS_U6
    chip.route_rows[[3, 5, 8]] = 1 << 20, 0, 1 << 20 | 1 << 31
    chip.route_label_u6[[3, 5, 8]] = 11, 11, 12

    def input_after_a_spike_of(neuron: int) -> NDArray[np.float32]:
        core = clone(chip)
        core.analog[V + neuron] = 1.5
        advance(core, 1)
        assert np.flatnonzero(core.counters_u10).tolist() == [neuron]
        advance(core, core.delay)
        assert not inputs(core)[0].any()
        advance(core, 1)
        decay = core.analog[DECAY_EXC : DECAY_EXC + N_NEURONS]
        return inputs(core)[0] / decay

    half = np.arange(N_NEURONS) < 16
    np.testing.assert_allclose(input_after_a_spike_of(3), np.where(half, 30, 0), rtol=1e-6)
    np.testing.assert_allclose(input_after_a_spike_of(8), np.where(half, 5, 45), rtol=1e-6)
    assert not input_after_a_spike_of(5).any()


def departures(fired: NDArray[np.bool_], router: Router, delay: int) -> NDArray[np.int64]:
    """(n_steps + 1, n) events of each neuron before each step, by the sentences of the router.

    ``fired`` is (n_steps, n); the spikes of step t occur at its end, which is time t + 1.
    """
    events = np.zeros((len(fired) + delay + 1, fired.shape[1]), dtype=np.int64)
    begins = -delay
    for time, now in enumerate(fired, 1):
        if router == "delay_line":
            events[time + delay] += now
        elif router == "squeeze_windows":
            events[(time // delay + 1) * delay] |= now
        elif now.any():
            begins = begins if time < begins + delay else time
            events[begins + delay] |= now
    return events[: len(fired) + 1]


@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.parametrize(("delay_cycles", "delay"), [(10, 1), (29, 3), (96, 10)])
def test_spikes_leave_the_router_as_its_mode_says(
    router: Router, delay_cycles: int, delay: int
) -> None:
    """Neurons that fire by themselves at random drive one neuron each through row i."""
    n, n_steps = 8, 300
    cells = ideal_neurons(refractory_s=0.0, tau_exc_s=1e-4)
    core = new_core(cells, STEP_S, router=router, router_delay_cycles=delay_cycles, strides=False)
    assert core.delay == delay
    core.label_u6[:], core.row_sign[:] = ROUTER_ADDRESS_U6, 1
    rows = np.arange(n)
    core.weight_u6.reshape(N_ROWS, N_NEURONS)[rows, 16 + rows] = 1 + rows
    rng = np.random.default_rng(delay)
    fired = rng.random((n_steps, n)) < 0.08 * rng.random((n_steps, 1)) ** 2
    expected, decay = np.zeros(n), np.exp(-STEP_S / 1e-4)
    events = departures(fired, router, delay)
    for step in range(n_steps):
        core.analog[V : V + N_NEURONS] = cells.v_leak_V
        core.analog[V : V + n][fired[step]] = 1.5
        advance(core, 1)
        expected = (expected + events[step] * (1 + rows)) * decay
        np.testing.assert_allclose(inputs(core)[0][16 : 16 + n], expected, rtol=1e-5, atol=1e-12)
    np.testing.assert_array_equal(core.counters_u10[:n], fired.sum(axis=0))
    # The modes differ here, where the delay is longer than a step.
    others = [departures(fired, other, delay) for other in ROUTERS if other != router]
    assert all(np.array_equal(events, other) == (delay == 1) for other in others)


@given(st.integers(0, MAX_PULSE_U5), st.integers(0, 63), st.sampled_from([-1, 0, 1]))
def test_an_event_is_weight_times_gain_times_pulse_length_on_the_rows_line(
    pulse: int, weight: int, sign: int
) -> None:
    gain = np.linspace(0.8, 1.2, N_ROWS * N_NEURONS).astype(np.float32)
    core = new_core(ideal_neurons(), STEP_S, gain=gain)
    core.weight_u6[:], core.row_sign[:] = weight, sign
    core.pulse_u5[:] = 1
    core.pulse_u5[9] = pulse
    send(core, 9, 0)
    driven, other = inputs(core)[:: 1 if sign >= 0 else -1]
    rows = gain.reshape(N_ROWS, N_NEURONS)
    np.testing.assert_allclose(driven, abs(sign) * weight * rows[9] * pulse, rtol=1e-6)
    assert not other.any()
    send(core, 10, 0)
    of_both = rows[9] * pulse + rows[10]
    np.testing.assert_allclose(driven, abs(sign) * weight * of_both, rtol=1e-6)
