"""``spikeloop chip`` prints tables, writes files and figures, and refuses wrong input in a line."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import answer, cli, printed, refused
from support.paths import EXAMPLES

from spikeloop.workers.chip.calibration import calibrate, sensor_calibration
from spikeloop.workers.chip.calibration.published import CELLS
from spikeloop.workers.chip.calibration.results import QUANTITIES, Calibration

ALIKE: dict[str, int] = dict.fromkeys(CELLS, 500) | {"v_leak": 450, "i_bias_delay": 1022}
# Own numbers in the published form: only leak codes and one reference differ.
NEURONS = [ALIKE | {"i_bias_leak": 60 + i, "v_syn_ex": 655 + i} for i in range(32)]
FIGURES = ("correlation", "potentials", "rates", "synapses")


@pytest.fixture(scope="module", autouse=True)
def each_chip_is_calibrated_once() -> Iterator[None]:
    """The routine gives the same codes again, which its own tests show."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(calibrate, "calibrate", cache(calibrate.calibrate))
        measured = cache(sensor_calibration.calibrate_sensors)
        patched.setattr(sensor_calibration, "calibrate_sensors", measured)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A calibration of chip 22, and what was printed as JSON."""
    path, printed = tmp_path_factory.mktemp("chips") / "new folder" / "22.json", io.StringIO()
    with redirect_stdout(printed):
        assert cli("chip", "calibrate", "--chip", 22, "--out", path, "--json") == 0
    return path, json.loads(printed.getvalue())


@pytest.fixture
def calibrated(made: tuple[Path, Any]) -> Path:
    return made[0]


def test_calibrate_writes_codes_and_a_figure_and_prints_a_table(
    calibrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = printed("chip", "calibrate", "--chip", 22)
    assert "Calibration of chip 22" in output
    assert "membrane time constant" in output and "rates within 0.9 to 1.15" in output
    assert "sensors' amplitude (LSB)" in output
    assert output.endswith("codes:   chip-22.json\nfigure:  chip-22.png\n")
    assert (tmp_path / "chip-22.json").read_bytes() == calibrated.read_bytes()
    assert (tmp_path / "chip-22.png").read_bytes().startswith(b"\x89PNG")
    assert {p.name for p in tmp_path.iterdir()} == {"chip-22.json", "chip-22.png"}


def test_calibrate_prints_the_numbers_of_its_file_as_json(made: tuple[Path, Any]) -> None:
    path, summary = made
    found = Calibration.load(path)
    assert summary["chip"] == 22
    assert summary["rates_within"]["before"] < 0.5 and summary["rates_within"]["after"] > 0.8
    before, after = (summary["quantities"][state] for state in ("before", "after"))
    assert set(after) == set(QUANTITIES)
    tau_mem = after["tau_mem_s"]
    assert tau_mem["mean"] == pytest.approx(found.after.tau_mem_s.mean())
    relative = found.after.tau_mem_s / found.target.tau_mem_s
    assert tau_mem["worst_neuron"] == int(np.argmax(np.abs(relative - 1)))
    assert 0.03 < tau_mem["sd_relative"] < 0.08 < before["tau_mem_s"]["sd_relative"]
    sensors = summary["sensors"]
    assert found.sensors is not None
    values = found.sensors.after.tau_s
    assert sensors["after"]["tau_s"]["mean"] == pytest.approx(values.mean())
    assert (
        sensors["after"]["tau_s"]["sd_relative"] < 0.1 < sensors["before"]["tau_s"]["sd_relative"]
    )


def test_inspect_draws_a_chip_before_and_after_calibration(
    calibrated: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a" / "b"
    output = printed("chip", "inspect", "--calibration", calibrated, "--out", out)
    assert "The 32 neurons of chip 22, uncalibrated" in output
    assert "The 32 neurons of chip 22, calibrated" in output
    for name in FIGURES:
        figure = out / f"{name}.png"
        assert figure.read_bytes().startswith(b"\x89PNG") and figure.stat().st_size > 20_000
        assert str(figure) in output


@pytest.mark.usefixtures("without_figures_here")
def test_inspect_measures_an_uncalibrated_chip(tmp_path: Path) -> None:
    summary = answer("chip", "inspect", "--chip", 24, "--out", tmp_path)
    assert list(summary["quantities"]) == ["uncalibrated"]
    assert summary["quantities"]["uncalibrated"]["tau_mem_s"]["sd_relative"] > 0.1
    assert sorted(Path(f).stem for f in summary["figures"]) == list(FIGURES)


@pytest.mark.usefixtures("without_figures_here")
def test_inspect_says_what_a_laboratorys_files_tell(tmp_path: Path) -> None:
    codes, board = tmp_path / "codes.json", tmp_path / "board.json"
    codes.write_text(json.dumps({"global_params": {"v_reset": 330}, "neuron_params": NEURONS}))
    board.write_text(json.dumps({"syn_vramp": 1200, "syn_vstore": 1200}))
    arguments = ("--codes", codes, "--board", board, "--out", tmp_path)
    output = " ".join(printed("chip", "inspect", "--chip", 24, *arguments).split())
    leak = 60 + np.arange(32)
    assert f"membrane time constant {100 * leak.std() / leak.mean():.1f} %, reference" in output
    assert "drawn from the number 24: strengths, leak and reset potentials, exc" in output
    assert "cells without a model: i_bias_delay" in output


def test_wrong_input_is_one_line_and_nothing_is_measured(
    calibrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    for name in ("calibrate.calibrate", "measurement.measure"):
        name = f"spikeloop.workers.chip.calibration.{name}"
        monkeypatch.setattr(name, lambda *a, **k: measured.append(1))
    broken, file, folder = tmp_path / "broken.json", tmp_path / "file", tmp_path / "folder.json"
    broken.write_text('{"format": "spikeloop calibration"}')
    file.write_text("")
    folder.mkdir()
    lab = tmp_path / "lab.json"
    lab.write_text(json.dumps({"global_params": {"v_reset": 330}, "neuron_params": NEURONS}))
    nowhere = tmp_path / ("x" * 300)  # a name that no file system takes
    for arguments, message in (
        (("calibrate", "--out", "codes.toml"), "--out must end in .json, got codes.toml"),
        (("calibrate", "--out", folder), "is a folder; --out must name a"),
        (("calibrate", "--out", nowhere / "y.json"), "cannot be written to, File name too"),
        (("inspect", "--out", file), "is no folder; choose another --out"),
        (("inspect", "--calibration", tmp_path / "no.json"), "no.json: no such file"),
        (("inspect", "--calibration", broken), "not a calibration of a chip: no 'version'"),
        (("inspect", "--codes", broken), "broken.json: not a calibration file of a laboratory"),
        (("calibrate", "--codes", tmp_path / "no.json"), "no.json: cannot be read, No such file"),
        (("inspect", "--board", broken), "broken.json: not the file of a board: no syn_vramp"),
        (
            ("inspect", "--calibration", calibrated, "--codes", lab),
            "lab.json: says other deviations of the neurons than --calibration was made with",
        ),
        (
            ("inspect", "--chip", "20", "--calibration", calibrated),
            "is the calibration of chip 22, not of chip 20",
        ),
    ):
        assert message in refused("chip", *arguments)
    assert measured == []


def test_memory_prints_sections_with_addresses_and_what_the_mailbox_takes() -> None:
    cells = ["--set", "family.n_rows=3", "--set", "family.n_columns=3"]
    command = ["chip", "memory", EXAMPLES / "maze_evolution.toml", *cells]
    output = printed(*command)
    rows = [line.replace("│", " ").split() for line in output.splitlines()]
    assert ["environment", "0x25a4", "31"] in rows
    assert ["stack", "0x2d00", "768"] in rows
    assert ["mailbox", "0x3000", "4096"] in rows
    assert output.endswith("through the mailbox: 63 bytes before each episode\n")
    found = answer(*command)
    assert found["message"] == 63
    assert sum(section["size"] for section in found["sections"]) == 16384


def test_memory_lays_out_a_search_on_the_processor_too() -> None:
    command = ["chip", "memory", EXAMPLES / "on_chip_mdp.toml"]
    output = printed(*command)
    rows = [line.replace("│", " ").split() for line in output.splitlines()]
    assert ["code", "0x0000", "4344"] in rows
    search = answer(*command)["search"]
    assert output.endswith(
        f"in the mailbox: {search['message']} bytes from the host and of the trace\n"
    )
    assert sum(section["size"] for section in search["sections"]) == 16384

    unwritten = [*command, "--set", "learner.program.kind=td_published"]
    assert "a search with td_published has not been written in C" in printed(*unwritten)
    assert answer(*unwritten)["search"] is None


def test_memory_refuses_what_does_not_fit_and_learners_without_a_processor() -> None:
    command = ["chip", "memory", EXAMPLES / "mdp_evolution.toml"]
    large = ["--set", "family.n_states=10", "--set", "family.n_actions=7"]
    assert "bytes too small for code" in refused(*command, *large)
    assert "free" in printed(*command, *large, "--set", "learner.check_memory=false")
    tabular = EXAMPLES / "mdp_published.toml", "--set", "learner.kind=tabular_td"
    message = refused("chip", "memory", *tabular)
    assert "learner.kind must be chip, got 'tabular_td'" in message
