"""The circuit's settings become codes, with the strengths that its documentation states."""

import numpy as np
import pytest

from spikeloop.workers.chip.analog import peak_response
from spikeloop.workers.chip.capmem import BIASES, VOLTAGES, ideal_constants
from spikeloop.workers.chip.circuit import HARDWARE_PARAMETERS, Circuit, circuit_field, neuron_codes
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    MAX_WEIGHT_U6,
    N_NEURONS,
    V_LEAK_U10,
    V_RESET_U10,
    V_THRESH_U10,
    VOLT_PER_CODE,
)

N_STATES = 6


def test_codes_are_the_settings_and_states_have_their_own() -> None:
    circuit = Circuit(
        v_leak_u10=401,
        v_thresh_u10=602,
        v_reset_u10=303,
        state_gap_u10=104,
        leak_u10=205,
        resistor_exc_u10=46,
        resistor_inh_u10=47,
        refractory_u10=48,
        state_refractory_u10=909,
        gm_exc_u10=70,
        state_gm_exc_u10=711,
        gm_inh_u10=812,
    )
    codes = neuron_codes(circuit, N_STATES)
    of_states_and_others = {
        "v_leak_u10": (401, 401),
        "v_thresh_u10": (505, 602),
        "v_reset_u10": (303, 303),
        "v_syn_exc_u10": (670, 670),
        "v_syn_inh_u10": (690, 690),
        "leak_u10": (205, 205),
        "resistor_exc_u10": (46, 46),
        "resistor_inh_u10": (47, 47),
        "refractory_u10": (909, 48),
        "gm_exc_u10": (711, 70),
        "gm_inh_u10": (812, 812),
    }
    assert set(of_states_and_others) == {*VOLTAGES, *BIASES}
    for name, (state, other) in of_states_and_others.items():
        expected = [state] * N_STATES + [other] * (N_NEURONS - N_STATES)
        np.testing.assert_array_equal(getattr(codes, name), expected, err_msg=name)
    assert codes.large_capacitor.all() and not codes.small_capacitor.any()


def test_a_states_threshold_stays_within_the_memory() -> None:
    codes = neuron_codes(Circuit(v_leak_u10=1000, state_gap_u10=200), N_STATES)
    assert (codes.v_thresh_u10[:N_STATES] == MAX_CODE_U10).all()


def test_every_opened_hyperparameter_is_a_field_whose_default_and_range_it_has() -> None:
    names = [parameter.name for parameter in HARDWARE_PARAMETERS]
    assert len(set(names)) == len(names)
    for parameter in HARDWARE_PARAMETERS:
        field = circuit_field(parameter.name)
        assert getattr(Circuit(), field) == parameter.default
        for value in (parameter.low, parameter.high):
            opened = Circuit.model_validate({field: value})
            assert getattr(opened, field) == value
            neuron_codes(opened, N_STATES)


def test_the_strengths_are_what_the_documentation_says() -> None:
    """One event of weight 63: a little over reset to threshold for states, 25 codes for actions."""
    cells = ideal_constants(neuron_codes(Circuit(), N_STATES))
    heights = [
        MAX_WEIGHT_U6 * drive_V * peak_response(tau_mem_s, tau_exc_s) / VOLT_PER_CODE
        for drive_V, tau_mem_s, tau_exc_s in zip(
            cells.exc_V, cells.tau_mem_s, cells.tau_exc_s, strict=True
        )
    ]
    reset_to_threshold = V_LEAK_U10 + 100 - V_RESET_U10
    assert reset_to_threshold == 218
    assert reset_to_threshold < heights[0] < 1.1 * reset_to_threshold
    assert heights[N_STATES] == pytest.approx(25, abs=0.5)
    assert heights[N_STATES] < (V_THRESH_U10 - V_LEAK_U10) / 6
