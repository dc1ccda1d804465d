"""Codes of the parameter memory and the physical values behind them."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.chip_recording import ideal_neurons

from spikeloop.workers.chip.capmem import (
    BIASES,
    LARGE_CAPACITOR_F,
    SMALL_CAPACITOR_F,
    VOLTAGES,
    Codes,
    Neurons,
    nearest,
    physical,
)
from spikeloop.workers.chip.limits import MAX_CODE_U10, N_NEURONS, V_MAX_V


def codes(**changes: Any) -> Codes:
    """All codes 100 and large capacitors, but for the changes."""
    same = {name: np.full(N_NEURONS, 100) for name in (*VOLTAGES, *BIASES)}
    large = np.ones(N_NEURONS, dtype=np.bool_)
    changed = {name: np.broadcast_to(value, N_NEURONS) for name, value in changes.items()}
    return Codes(**{**same, "large_capacitor": large, **changed})


def drawn(name: str) -> st.SearchStrategy[Any]:
    """What one field of the memory may hold."""
    if name == "large_capacitor":
        return arrays(np.bool_, N_NEURONS)
    if name == "v_reset_u10":  # one cell for all neurons
        return st.integers(0, MAX_CODE_U10).map(lambda code: np.full(N_NEURONS, code))
    least = 1 if name in BIASES and not name.startswith("gm") else 0
    return arrays(np.int64, N_NEURONS, elements=st.integers(least, MAX_CODE_U10))


ANY_CODES = st.builds(Codes, **{field.name: drawn(field.name) for field in fields(Codes)})


@given(ANY_CODES)
def test_every_code_that_the_memory_holds_comes_back_from_its_physical_value(held: Codes) -> None:
    back = nearest(physical(held))
    for field in fields(Codes):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(held, field.name))


@given(ANY_CODES)
def test_no_other_code_is_nearer(held: Codes) -> None:
    """Values between two codes go to the nearer one: of the voltage, or of 1/τ."""
    for part in (-0.4, 0.4):
        cells = physical(held)
        between = replace(
            cells,
            v_thresh_V=cells.v_thresh_V * (1 + part / np.maximum(held.v_thresh_u10, 1)),
            tau_exc_s=cells.tau_exc_s / (1 + part / held.resistor_exc_u10),
            tau_mem_s=cells.tau_mem_s / (1 + part / held.leak_u10),
        )
        back = nearest(between)
        for name in ("v_thresh_u10", "resistor_exc_u10", "leak_u10"):
            np.testing.assert_array_equal(getattr(back, name), getattr(held, name))


def test_values_are_those_of_the_table() -> None:
    cells = physical(
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
    assert physical(codes(leak_u10=1)).tau_mem_s.max() > 2e-3
    assert physical(codes(resistor_exc_u10=1)).tau_exc_s.max() > 100e-6


def test_the_capacitor_scales_what_a_current_does_and_not_the_current() -> None:
    mixed = physical(codes(large_capacitor=np.arange(N_NEURONS) < 16))
    assert set(mixed.capacitor_F) == {LARGE_CAPACITOR_F, SMALL_CAPACITOR_F}
    ratio = LARGE_CAPACITOR_F / SMALL_CAPACITOR_F
    np.testing.assert_allclose(mixed.tau_mem_s[0] / mixed.tau_mem_s[16], ratio)
    assert np.ptp(mixed.exc_A) == 0
    # A steady current meets the leak alone.
    np.testing.assert_allclose(mixed.exc_V, mixed.exc_V[0])
    np.testing.assert_allclose(mixed.inh_V, mixed.inh_V[0])


def test_values_beyond_the_range_give_its_ends() -> None:
    far = ideal_neurons(
        v_leak_V=-0.5, v_thresh_V=9.0, tau_mem_s=1.0, tau_exc_s=1e-9, refractory_s=0.0, exc_A=1.0
    )
    back = nearest(far)
    assert (back.v_leak_u10 == 0).all()
    assert (back.leak_u10 == 1).all()
    for end in (back.v_thresh_u10, back.resistor_exc_u10, back.refractory_u10, back.gm_exc_u10):
        assert (end == MAX_CODE_U10).all()


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
    assert not physical(codes(gm_exc_u10=0)).exc_V.any()


def test_every_physical_value_has_a_code() -> None:
    """A field added to one side only would be left out of calibration and mismatch."""
    assert len(fields(Codes)) == len(fields(Neurons))
