"""A laboratory's calibration file makes the agent's chip the one that it describes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from spikeloop.workers.chip.analog import REFRACTORY_STEPS
from spikeloop.workers.chip.calibration.published import CELLS
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.learners.chip.agent import ChipAgent

REFRACTORY = 200 + 4 * np.arange(N_NEURONS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Own numbers in the published form: only the refractory codes differ."""
    cells: dict[str, Any] = dict.fromkeys(CELLS, 500) | {"v_leak": 450, "v_syn_ex": 670}
    neurons = [cells | {"i_refr": int(code)} for code in REFRACTORY]
    path = tmp_path / "lab.json"
    path.write_text(json.dumps({"global_params": {"v_reset": 330}, "neuron_params": neurons}))
    return path


def refractory_steps(agent: ChipAgent) -> Any:
    core = agent.network({"inhibition": 40.0}, 6, 8)
    return core.analog[REFRACTORY_STEPS + 6 : REFRACTORY_STEPS + N_NEURONS]


def test_the_neurons_are_those_of_the_file_and_the_record_needs_no_file(file: Path) -> None:
    settings = {"mismatch": "uncalibrated", "calibration_file": str(file)}
    agent = ChipAgent.model_validate(settings)
    file.unlink()
    recorded = ChipAgent.model_validate_json(agent.model_dump_json())
    assert recorded == agent
    factors = (REFRACTORY / REFRACTORY.mean())[6:]
    expected = np.rint(204.4e-6 / 51 / 1e-7 * factors)
    for of_file in (agent, recorded):
        np.testing.assert_array_equal(refractory_steps(of_file), expected)
    drawn = refractory_steps(ChipAgent(mismatch="uncalibrated"))
    assert not np.array_equal(drawn, expected)
    calibrated = ChipAgent.model_validate(agent.model_dump() | {"mismatch": "calibrated"})
    assert np.corrcoef(refractory_steps(calibrated), expected)[0, 1] > 0.95
    assert np.std(refractory_steps(calibrated)) < 0.5 * np.std(expected)


def test_a_relative_path_begins_at_the_folder_of_the_configuration(file: Path) -> None:
    settings = {"calibration_file": file.name}
    agent = ChipAgent.model_validate(settings, context={"folder": file.parent})
    assert agent == ChipAgent.model_validate({"calibration_file": str(file)})
    with pytest.raises(ValidationError, match=r"lab\.json: cannot be read, No such file"):
        ChipAgent.model_validate(settings, context={"folder": file.parent / "other"})
    with pytest.raises(ValidationError, match="must be the numbers of a file in the record"):
        ChipAgent.model_validate({"calibration_file": str(file)}, context={"folder": None})


def test_what_cannot_be_is_refused_in_one_line(file: Path, tmp_path: Path) -> None:
    equal, broken = tmp_path / "equal.json", tmp_path / "broken.json"
    equal.write_text(json.dumps(dict.fromkeys(CELLS, 500) | {"v_leak": 450}))
    broken.write_text("{}")
    for value, message in (
        (str(tmp_path / "no.json"), "cannot be read, No such file"),
        ("~nobody-of-that-name/no.json", "cannot be read, No such file"),
        ("/dev/zero", "must have at most 1000000 bytes"),
        (str(broken), "broken.json: not a calibration file .* no v_leak"),
        (str(equal), "equal codes in all neurons"),
        ({"tau_mem": [0.1]}, "deviations of tau_mem must be 32 numbers"),
        ({"tau_mem": [1e40] * N_NEURONS}, "deviations of tau_mem must be 32 numbers"),
        ({"tau": []}, "must be of tau_mem, .* got tau"),
    ):
        with pytest.raises(ValidationError, match=message):
            ChipAgent.model_validate({"calibration_file": value})
    with pytest.raises(ValidationError, match='mismatch must not be "off"'):
        ChipAgent.model_validate({"calibration_file": str(file), "mismatch": "off"})
