"""Codes of the parameter memory give the physical constants of the documentation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikeloop.workers.chip.capmem import (
    BIASES,
    LARGE_CAPACITOR_F,
    SMALL_CAPACITOR_F,
    VOLTAGES,
    Codes,
    ideal_constants,
)
from spikeloop.workers.chip.limits import MAX_CODE_U10, N_NEURONS, V_MAX_V


def codes(**changes: Any) -> Codes:
    """All codes 100 and large capacitors, but for the changes."""
    same = {name: np.full(N_NEURONS, 100) for name in (*VOLTAGES, *BIASES)}
    large = np.ones(N_NEURONS, dtype=np.bool_)
    changed = {name: np.broadcast_to(value, N_NEURONS) for name, value in changes.items()}
    syn = {"v_syn_exc_u10": np.full(N_NEURONS, 670), "v_syn_inh_u10": np.full(N_NEURONS, 690)}
    switches = {"large_capacitor": large, "small_capacitor": ~large}
    return Codes(**{**same, **syn, **switches, **changed})


def test_values_are_those_of_the_table() -> None:
    cells = ideal_constants(
        codes(
            v_leak_u10=MAX_CODE_U10,
            leak_u10=236,
            resistor_exc_u10=57,
            resistor_inh_u10=1023,
            refractory_u10=51,
            gm_exc_u10=1023,
            gm_inh_u10=0,
        )
    )
    expected = {
        "v_leak_V": V_MAX_V,
        "tau_mem_s": 10e-6,
        "tau_exc_s": 1.795e-6,
        "tau_inh_s": 0.1e-6,
        "refractory_s": 4.008e-6,
        "exc_A": 1.547e-6 / 63,
        "inh_A": 0.0,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(cells, name), value, rtol=1e-2, err_msg=name)
    # The whole range that calix calls feasible, with the large capacitor.
    assert ideal_constants(codes(leak_u10=1)).tau_mem_s.max() > 2e-3
    assert ideal_constants(codes(resistor_exc_u10=1)).tau_exc_s.max() > 100e-6


def test_the_capacitor_scales_what_a_current_does_and_not_the_current() -> None:
    large = np.arange(N_NEURONS) < 16
    mixed = ideal_constants(codes(large_capacitor=large, small_capacitor=~large))
    assert set(mixed.capacitor_F) == {LARGE_CAPACITOR_F, SMALL_CAPACITOR_F}
    both = ideal_constants(codes(small_capacitor=~large))
    assert set(both.capacitor_F) == {LARGE_CAPACITOR_F, LARGE_CAPACITOR_F + SMALL_CAPACITOR_F}
    ratio = LARGE_CAPACITOR_F / SMALL_CAPACITOR_F
    np.testing.assert_allclose(mixed.tau_mem_s[0] / mixed.tau_mem_s[16], ratio)
    assert np.ptp(mixed.exc_A) == 0
    # A steady current meets the leak alone.
    np.testing.assert_allclose(mixed.exc_V, mixed.exc_V[0])
    np.testing.assert_allclose(mixed.inh_V, mixed.inh_V[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v_leak_u10": 1024}, r"v_leak_u10 must be in \[0, 1023\], got 1024 to 1024"),
        ({"v_reset_u10": np.arange(N_NEURONS)}, "v_reset_u10 is one cell for all neurons"),
        ({"v_reset_u10": -1}, r"v_reset_u10 must be in \[0, 1023\], got -1 to -1"),
        (
            {"leak_u10": np.arange(N_NEURONS)},
            r"leak_u10 must be in \[1, 1023\], got 0 to 31",
        ),
        ({"refractory_u10": 0}, r"refractory_u10 must be in \[1, 1023\], got 0 to 0"),
        ({"gm_exc_u10": 1024}, r"gm_exc_u10 must be in \[0, 1023\], got 1024 to 1024"),
        ({"large_capacitor": False}, "must not both be off"),
    ],
)
def test_codes_that_the_memory_cannot_hold_are_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        codes(**changes)


def test_another_shape_is_refused_and_a_strength_of_zero_is_not() -> None:
    with pytest.raises(ValueError, match=r"v_leak_u10 must have shape \(32,\), got \(31,\)"):
        replace(codes(), v_leak_u10=np.zeros(31, dtype=np.int64))
    assert not ideal_constants(codes(gm_exc_u10=0)).exc_V.any()


def test_an_input_out_of_balance_shifts_rest_by_its_steady_current() -> None:
    """A hundredth of a weight code for each code of v_syn, at the input's own strength."""
    balanced = ideal_constants(codes(v_leak_u10=450))
    shifted = ideal_constants(codes(v_leak_u10=450, v_syn_exc_u10=690, v_syn_inh_u10=680))
    np.testing.assert_allclose(balanced.v_leak_V, 450 * 1.6e-3)
    expected = balanced.v_leak_V + 0.2 * balanced.exc_V + 0.1 * balanced.inh_V
    np.testing.assert_allclose(shifted.v_leak_V, expected, rtol=1e-12)
    np.testing.assert_array_equal(shifted.v_thresh_V, balanced.v_thresh_V)
