"""Synapse rows, the spike router and the counters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.chip_recording import ideal_neurons

from spikeloop.workers.chip.analog import DECAY_EXC, I_EXC, I_INH, V
from spikeloop.workers.chip.capmem import NeuronConstants
from spikeloop.workers.chip.core import NO_ROW, Core, clone, new_core
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


def test_spikes_go_to_the_row_and_address_set_in_the_router() -> None:
    """Neurons 3 and 8 to row 20, under two addresses; neuron 5 nowhere."""
    chip = quiet_chip()
    weight, label = (m.reshape(N_ROWS, N_NEURONS) for m in (chip.weight_u6, chip.label_u6))
    chip.row_sign[:] = 1
    weight[:] = 1  # an event that went astray would be seen
    weight[20, :16], weight[20, 16:] = 30, 40
    label[:] = 63
    label[20, :16], label[20, 16:] = 11, 12
    label[[3, 5, 8]] = ROUTER_ADDRESS_U6
    chip.route_row[[3, 5, 8]] = 20, NO_ROW, 20
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
    np.testing.assert_allclose(input_after_a_spike_of(8), np.where(half, 0, 40), rtol=1e-6)
    assert not input_after_a_spike_of(5).any()


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
