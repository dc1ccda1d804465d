"""``spikeloop chip`` prints tables, writes files and figures, and refuses wrong input in a line."""

import json
from pathlib import Path

import numpy as np
import pytest

from spikeloop.coordinator.cli.main import main
from spikeloop.workers.chip.calibration.results import QUANTITIES, Calibration

FIGURES = ("correlation", "potentials", "rates", "synapses")


def cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["chip", *arguments])
    return int(exit_.value.code or 0)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chips") / "new folder" / "22.json"
    assert cli("calibrate", "--chip", "22", "--out", str(path)) == 0
    return path


def test_calibrate_writes_codes_and_a_figure_and_prints_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("calibrate", "--chip", "24") == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert "Calibration of chip 24" in output
    assert "membrane time constant" in output and "rates within 0.9 to 1.15" in output
    assert output.endswith("codes:   chip-24.json\nfigure:  chip-24.png\n")
    assert Calibration.load(tmp_path / "chip-24.json").chip == 24
    assert (tmp_path / "chip-24.png").read_bytes().startswith(b"\x89PNG")
    assert {p.name for p in tmp_path.iterdir()} == {"chip-24.json", "chip-24.png"}


@pytest.mark.usefixtures("without_figures_here")
def test_calibrate_prints_the_numbers_of_its_file_as_json(
    calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "again.json"
    capsys.readouterr()
    assert cli("calibrate", "--chip", "22", "--out", str(path), "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert path.read_bytes() == calibrated.read_bytes()
    found = Calibration.load(path)
    assert summary["chip"] == 22
    assert summary["rates_within"]["before"] < 0.9 <= summary["rates_within"]["after"]
    assert set(summary["quantities"]["after"]) == set(QUANTITIES)
    tau_mem = summary["quantities"]["after"]["tau_mem_s"]
    assert tau_mem["mean"] == pytest.approx(found.after.tau_mem_s.mean())
    relative = found.after.tau_mem_s / found.target.tau_mem_s
    assert tau_mem["worst_neuron"] == int(np.argmax(np.abs(relative - 1)))
    assert (
        tau_mem["sd_relative"] < 0.05 < summary["quantities"]["before"]["tau_mem_s"]["sd_relative"]
    )


def test_inspect_draws_a_chip_before_and_after_calibration(
    calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a" / "b"
    capsys.readouterr()
    assert cli("inspect", "--calibration", str(calibrated), "--out", str(out)) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert "The 32 neurons of chip 22, uncalibrated" in output
    assert "The 32 neurons of chip 22, calibrated" in output
    for name in FIGURES:
        figure = out / f"{name}.png"
        assert figure.read_bytes().startswith(b"\x89PNG") and figure.stat().st_size > 20_000
        assert str(figure) in output


@pytest.mark.usefixtures("without_figures_here")
def test_inspect_measures_an_uncalibrated_chip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("inspect", "--chip", "24", "--out", str(tmp_path), "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert list(summary["quantities"]) == ["uncalibrated"]
    assert summary["quantities"]["uncalibrated"]["tau_mem_s"]["sd_relative"] > 0.1
    assert sorted(Path(f).stem for f in summary["figures"]) == list(FIGURES)


def test_nothing_is_measured_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = []
    for name in ("calibrate.calibrate", "measurement.measure"):
        name = f"spikeloop.workers.chip.calibration.{name}"
        monkeypatch.setattr(name, lambda *a, **k: measured.append(1))
    (tmp_path / "folder.json").mkdir()
    nowhere = tmp_path / ("x" * 300)  # a name that no file system takes
    for arguments, message in (
        (("calibrate", "--out", str(nowhere / "y.json")), "cannot be written to, File name too"),
        (("calibrate", "--out", str(tmp_path / "folder.json")), "is a folder; --out must name a"),
        (("inspect", "--out", str(nowhere)), "cannot be written to, File name too long; choose"),
    ):
        assert cli(*arguments) == 2, arguments
        output, errors = capsys.readouterr()
        assert output == "" and errors.count("\n") == 1 and message in errors
    assert measured == []


def test_wrong_input_is_one_line_and_exit_code_2(
    calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, file = tmp_path / "broken.json", tmp_path / "file"
    broken.write_text('{"format": "spikeloop calibration"}')
    file.write_text("")
    for arguments, message in (
        (("calibrate", "--chip", "-1"), "--chip': Input should be greater than or equal to 0"),
        (("calibrate", "--out", "codes.toml"), "--out must end in .json, got codes.toml"),
        (("calibrate", "--out", str(file / "x.json")), "is no folder; choose another --out"),
        (("inspect", "--out", str(file)), "is no folder; choose another --out"),
        (("inspect", "--calibration", str(tmp_path / "no.json")), "no.json: no such file"),
        (("inspect", "--calibration", str(broken)), "not a calibration of a chip: no 'version'"),
        (
            ("inspect", "--chip", "20", "--calibration", str(calibrated)),
            "is the calibration of chip 22, not of chip 20",
        ),
    ):
        capsys.readouterr()
        assert cli(*arguments) == 2, arguments
        output, errors = capsys.readouterr()
        assert output == ""
        assert errors.count("\n") == 1 and errors.startswith("spikeloop: ") and message in errors
