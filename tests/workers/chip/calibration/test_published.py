"""Calibration files of laboratories give codes and a chip's pattern; others are refused in a line.

The files here are of the published form, with numbers of our own.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikeloop.workers.chip.calibration.board import read_board
from spikeloop.workers.chip.calibration.published import KNOWN, read_codes
from spikeloop.workers.chip.calibration.results import Calibration
from spikeloop.workers.chip.capmem import BIASES, VOLTAGES
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.lab.chip import Chip
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.mismatch import UNCALIBRATED_NEURONS, neurons_of_chip

RAMP = list(range(N_NEURONS))
CELLS: dict[str, list[int]] = {
    "v_leak": [450] * N_NEURONS,
    "v_thresh": [550 + 3 * i for i in RAMP],
    "v_syn_ex": [650 + i for i in RAMP],
    "v_syn_in": [720 - i for i in RAMP],
    "i_bias_leak": [40 + 2 * i for i in RAMP],
    "i_bias_syn_res_ex": [300 + 5 * i for i in RAMP],
    "i_bias_syn_res_in": [120 - i for i in RAMP],
    "i_refr": [200 + i for i in RAMP],
    "i_bias_syn_gm_ex": [1022] * N_NEURONS,
    "i_bias_syn_gm_in": [1021] * N_NEURONS,
    "i_bias_delay": [1022] * N_NEURONS,
    "v_unused_4": [0] * N_NEURONS,
}


def content(**changes: list[Any]) -> dict[str, Any]:
    cells = {**CELLS, **changes}
    neurons = [{name: values[i] for name, values in cells.items()} for i in RAMP]
    return {"global_params": {"v_reset": 330}, "neuron_params": neurons}


def written(folder: Path, values: Any) -> Path:
    path = folder / "lab.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


def test_codes_are_those_of_the_file_by_its_names(tmp_path: Path) -> None:
    lab = read_codes(written(tmp_path, content()))
    expected = {
        "v_leak_u10": CELLS["v_leak"],
        "v_thresh_u10": CELLS["v_thresh"],
        "v_reset_u10": [330] * N_NEURONS,
        "v_syn_exc_u10": CELLS["v_syn_ex"],
        "v_syn_inh_u10": CELLS["v_syn_in"],
        "leak_u10": CELLS["i_bias_leak"],
        "resistor_exc_u10": CELLS["i_bias_syn_res_ex"],
        "resistor_inh_u10": CELLS["i_bias_syn_res_in"],
        "refractory_u10": CELLS["i_refr"],
        "gm_exc_u10": CELLS["i_bias_syn_gm_ex"],
        "gm_inh_u10": CELLS["i_bias_syn_gm_in"],
    }
    assert set(expected) == {*VOLTAGES, *BIASES}
    for name, codes in expected.items():
        np.testing.assert_array_equal(getattr(lab.codes, name), codes, err_msg=name)
    assert lab.unused == ("i_bias_delay", "v_unused_4")


def test_on_the_chip_of_the_file_its_codes_make_all_neurons_equal(tmp_path: Path) -> None:
    """The pattern undoes the codes; on a chip of another pattern they do not."""
    lab = read_codes(written(tmp_path, content()))
    known = lab.known()
    assert set(known) == set(KNOWN)
    cells = neurons_of_chip(lab.codes, 20, "uncalibrated", known)
    other = neurons_of_chip(lab.codes, 20, "uncalibrated")
    for name in ("tau_mem_s", "tau_exc_s", "tau_inh_s", "refractory_s"):
        assert np.ptp(getattr(cells, name)) < 1e-9 * getattr(cells, name).mean(), name
        assert np.std(getattr(other, name)) > 0.05 * getattr(other, name).mean(), name
    # The potential of leak, which the file does not tell, shifts leak and threshold alike.
    drawn = neurons_of_chip(neuron_codes(Circuit(), 0), 20, "uncalibrated", {})
    leak_V = drawn.v_leak_V - neurons_of_chip(lab.codes, 20, "off").v_leak_V
    assert np.std(leak_V) > 0.01
    at_rest = neurons_of_chip(lab.codes, 20, "uncalibrated", {**known, "leak_V": np.zeros(32)})
    np.testing.assert_allclose(at_rest.v_leak_V, 450 * 1.6e-3, rtol=1e-12)
    assert np.ptp(at_rest.v_thresh_V) < 1e-12
    assert np.ptp(other.v_thresh_V) > 0.1


def test_a_neuron_with_another_leak_tells_nothing_of_thresholds(tmp_path: Path) -> None:
    """As the stimulus neuron of a published file, all of whose thresholds are equal."""
    cells = {"v_leak": [399] * 31 + [458], "v_thresh": [634] * N_NEURONS}
    known = read_codes(written(tmp_path, content(**cells))).known()
    assert set(known) == {*KNOWN} - {"threshold_gap"}


def test_deviations_are_in_proportion_to_the_codes_that_undo_them(tmp_path: Path) -> None:
    known = read_codes(written(tmp_path, content())).known()
    leak = np.array(CELLS["i_bias_leak"])
    np.testing.assert_allclose(known["tau_mem"], leak / leak.mean() - 1)
    gap = np.array(CELLS["v_thresh"]) - 450
    np.testing.assert_allclose((1 + known["threshold_gap"]) * gap, (1 / np.mean(1 / gap)))
    np.testing.assert_allclose(known["v_syn_exc"], np.array(CELLS["v_syn_ex"]) / 670 - 1)
    np.testing.assert_allclose(known["v_syn_inh"], np.array(CELLS["v_syn_in"]) / 690 - 1)


def test_equal_codes_tell_nothing_and_the_chips_number_decides(tmp_path: Path) -> None:
    same = content(i_refr=[300] * N_NEURONS, v_thresh=[600] * N_NEURONS)
    known = read_codes(written(tmp_path, same)).known()
    assert set(KNOWN) - set(known) == {"refractory", "threshold_gap"}
    codes = neuron_codes(Circuit(), 0)
    drawn, found = (neurons_of_chip(codes, 22, "uncalibrated", k) for k in (None, known))
    np.testing.assert_array_equal(found.refractory_s, drawn.refractory_s)
    assert UNCALIBRATED_NEURONS.refractory > 0 < np.ptp(found.refractory_s)
    chip = Chip(22, noise_V=0.0, known=known)
    np.testing.assert_allclose(chip.membrane_V, found.v_leak_V, rtol=1e-6)


def test_a_default_file_has_one_code_for_all_neurons(tmp_path: Path) -> None:
    def camel_case(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(part.capitalize() for part in rest)

    values = {camel_case(name): codes[5] for name, codes in CELLS.items() if "4" not in name}
    values |= {"vReset": 300, "vUnused_4": 0}
    lab = read_codes(written(tmp_path, values))
    assert (lab.codes.resistor_exc_u10 == CELLS["i_bias_syn_res_ex"][5]).all()
    assert (lab.codes.v_reset_u10 == 300).all()
    assert lab.unused == ("i_bias_delay", "v_unused_4")
    assert lab.known() == {}


def without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return values | {
        "neuron_params": [
            {k: v for k, v in neuron.items() if k != name} for neuron in values["neuron_params"]
        ]
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda: "[" * 100_000, "nested too deeply"),
        (lambda: "{", "Expecting property name"),
        (lambda: [], "the file must be a JSON object, got list"),
        (lambda: {}, "no v_leak"),
        (lambda: {"neuron_params": []}, "a list of 32 neurons"),
        (lambda: content() | {"global_params": None}, "global_params must be a JSON object"),
        (
            lambda: content() | {"neuron_params": [1] * 32},
            "neuron 0 must be a JSON object, got int",
        ),
        (lambda: without(content(), "i_refr"), "no i_refr"),
        (lambda: content(i_refr=[*RAMP[1:], None]), r"i_refr .*got None in neuron 31"),
        (lambda: content(i_refr=[1024] * 32), r"i_refr .*\[0, 1023\], got 1024 in neuron 0"),
        (lambda: content(i_refr=[True] * 32), "i_refr .*got True"),
        (lambda: content(i_refr=[0] * 32), "refractory_u10 must be in"),
        (lambda: content(v_syn_ex=[*RAMP[1:], 0]), r"v_syn_ex .*\[1, 1023\], got 0 in neuron 31"),
        (lambda: content(v_thresh=[450] * 32), "v_thresh must be above v_leak"),
        (lambda: content(v_leak=[2.5] * 32), "v_leak .*got 2.5"),
    ],
)
def test_other_files_are_refused_in_one_line_that_names_them(
    tmp_path: Path, values: Callable[[], Any], message: str
) -> None:
    path = written(tmp_path, values())
    with pytest.raises(ValueError, match=f"lab.json: not a calibration file .*{message}") as error:
        read_codes(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("read", [read_codes, read_board, Calibration.load])
def test_a_file_without_end_is_refused(read: Callable[[Path], Any]) -> None:
    with pytest.raises(ValueError, match=r"/dev/zero: not .* must have at most 1000000 bytes"):
        read(Path("/dev/zero"))


def test_a_boards_voltages_set_the_sensors_in_proportion(tmp_path: Path) -> None:
    """At the published default codes the targets of calix; at full code the shortest, and none."""
    board = {"syn_vramp": 819, "syn_vstore": 1024, "syn_vreset": 3700}
    found = read_board(written(tmp_path, board))
    assert dict(found.codes_u12) == board
    assert found.correlation().tau_s == pytest.approx(5e-6)
    assert found.correlation().amplitude_lsb == pytest.approx(0.5)
    half = read_board(written(tmp_path, {"syn_vramp": 2457, "syn_vstore": 2559})).correlation()
    assert half.tau_s == pytest.approx(2.5e-6)
    assert half.amplitude_lsb == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("[", "Expecting value"),
        ([], "a JSON object, got list"),
        ({"syn_vramp": 1}, "no syn_vstore"),
        ({"syn_vramp": 1, "syn_vstore": 4096}, r"syn_vstore must be in \[0, 4095\], got 4096"),
        ({"syn_vramp": 1, "syn_vstore": "1"}, "syn_vstore .*got '1'"),
        ({"syn_vramp": 900, "syn_vstore": 4000}, "leave the sensors' range: amplitude_lsb 0.01"),
    ],
)
def test_other_board_files_are_refused_in_one_line(
    tmp_path: Path, values: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=f"lab.json: not the file of a board: .*{message}"):
        read_board(written(tmp_path, values))
