"""``spikeloop interpret``: from a run or a weights file to figures, tables and their numbers."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command_line import answer, cli, printed, refused, run_command
from support.random_networks import BANDIT, QUADRATIC, random_network_file
from support.small_run import small_tables, start_config

import spikeloop as sl
from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.interpretation.results import milestones
from spikeloop.coordinator.store.run_store import RunStore

INFORMATIVE = {"kind": "informative_bandit", "n_steps": 4}
TWO_STEP = {"kind": "two_step", "n_steps": 10}
ONLY = ("--only", "behaviour")
FIGURES = {
    "quadratic": ["error", "stages", "spikes"],
    "bandit": ["choices", "regret", "spikes"],
    "two_step": ["spikes"],
}


def words(text: str) -> str:
    """A table's text without its lines and double spaces."""
    return re.sub(r"[\s│┃]+", " ", text)


def intervals(numbers: Any) -> Iterator[dict[str, float]]:
    """Yield every interval within nested numbers."""
    if isinstance(numbers, dict) and {"value", "low", "n"} <= numbers.keys():
        yield numbers
    elif isinstance(numbers, dict | list):
        for inner in numbers.values() if isinstance(numbers, dict) else numbers:
            yield from intervals(inner)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of gradient ascent on quadratic functions."""
    tables = small_tables() | {
        "family": {"kind": "quadratic", "n_steps": 5},
        "learner": {"kind": "lsnn", "n_neurons": 10, "window_ms": 4.0},
        "strategy": {"kind": "bptt"},
    }
    folder = tmp_path_factory.mktemp("episodes") / "small"
    return start_config(parse(tables, "small.toml", None), folder)


@pytest.mark.exhaustive
def test_figures_of_a_run_are_written_to_its_folder(run: Path) -> None:
    output = printed("interpret", run, *ONLY, "--episodes", 20)
    for name in FIGURES["quadratic"]:
        figure = run / "interpretation" / f"behaviour-{name}.png"
        assert figure.read_bytes().startswith(b"\x89PNG")
        assert figure.stat().st_size > 10_000
        assert f"figure:  {figure}\n" in output
    assert "Mean squared error on 20 new functions" in output
    assert "The network errs less than linear regression: nowhere" in output
    assert cli("verify", run) == 0


@pytest.mark.usefixtures("without_figures_here")
def test_stages_are_the_untrained_network_a_middle_one_and_the_learned_one(
    run: Path, tmp_path: Path
) -> None:
    stages = answer("interpret", run, *ONLY, "--episodes", 20, "--out", tmp_path / "a")["sections"][
        "behaviour"
    ]["stages"]
    assert stages[0]["name"] == "untrained"
    assert stages[1]["name"] in ("after 1 generations", "after 2 generations")
    assert stages[2]["name"] == "learned, after 3 generations"
    assert len({stage["mean_squared_error"] for stage in stages}) == 3
    file = tmp_path / "small.npz"
    assert cli("export", run, "--to", "weights", "--out", file) == 0
    of_file = answer("interpret", file, *ONLY, "--episodes", 20, "--out", tmp_path / "b")[
        "sections"
    ]["behaviour"]["stages"]
    assert [stage["name"] for stage in of_file] == [stages[0]["name"], stages[2]["name"]]
    # The file holds the run's very point.
    assert [stage["mean_squared_error"] for stage in of_file] == [
        stages[k]["mean_squared_error"] for k in (0, 2)
    ]


@pytest.mark.usefixtures("without_figures_here")
def test_python_gives_the_numbers_of_the_command_and_a_notebook_shows_its_figures(
    run: Path, tmp_path: Path
) -> None:
    said = answer("interpret", run, *ONLY, "--episodes", 5, "--out", tmp_path / "a")
    opened = sl.open(run)
    assert isinstance(opened, sl.Run)
    found = opened.interpret(only=["behaviour"], episodes=5)
    assert json.loads(json.dumps(found.numbers)) == said["sections"]
    assert list(found.figures["behaviour"]) == FIGURES["quadratic"]
    shown = found._repr_html_()
    assert shown.count("data:image/png;base64,") == len(FIGURES["quadratic"])
    for text in ("Mean squared error on 5 new functions", "Mean firing rate in"):
        assert text in repr(found)
        assert text in shown
    written = [path.name for path in found.write(tmp_path / "b")]
    assert written == [f"behaviour-{name}.png" for name in FIGURES["quadratic"]]


@pytest.mark.parametrize(
    "family",
    [
        QUADRATIC,
        pytest.param(INFORMATIVE, marks=pytest.mark.exhaustive),
        pytest.param(TWO_STEP, marks=pytest.mark.exhaustive),
        pytest.param(BANDIT, marks=pytest.mark.exhaustive),
    ],
)
def test_printed_numbers_are_those_of_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    random_network_file(tmp_path / "own.npz", family, window_ms=4.0)
    shown = words(printed("interpret", "own.npz", *ONLY, "--episodes", 12))
    whole = answer("interpret", "own.npz", *ONLY, "--episodes", 12)
    said = whole["sections"]["behaviour"]
    kind = "bandit" if "bandit" in family["kind"] else family["kind"]
    files = [f"own-interpretation/behaviour-{name}.png" for name in FIGURES[kind]]
    assert whole["figures"] == files
    for name in files:
        assert Path(name).stat().st_size > 10_000
    assert (said["episodes"], whole["seed"]) == (12, 0)
    for neurons, rate in said["mean_rate_hz"].items():
        assert f"{neurons} neurons {rate:.1f} Hz" in shown
        found = said["rate_spread"][neurons]
        assert f"Of the {neurons} neurons {100 * found['silent_share']:.1f} % are" in shown
    for interval in intervals(said):
        if interval["n"]:
            value, low = interval["value"], interval["low"]
            forms = (
                f"{value:.3f}",
                f"{100 * value:.1f} % [{100 * low:.1f}",
                f"{value:.2f} [{low:.2f}",
            )
            assert any(form in shown for form in forms)
    for row in said.get("pulls", ()):
        assert sum(role["value"] for role in row["roles"].values()) == pytest.approx(1)
    assert ("program" in said) == ("pulls" in said) == (kind == "bandit")
    assert ("mean_squared_error" in said) == (kind == "quadratic")


@pytest.mark.parametrize(
    ("learner", "options", "words"),
    [
        ({"smooth": 0.5}, ONLY, "section behaviour does not apply: its neurons must spike, but"),
        ({"smooth": 0.5}, (), "no section applies (behaviour: its neurons must spike, but"),
        *(
            ({"copies": 2}, ("--only", name), "it must be one network, but learner.copies is 2")
            for name in ("memory", "carrier", "decoding")
        ),
        ({}, ("--only", "behavior"), "no section 'behavior'; did you mean 'behaviour'?"),
        ({}, ("--only", "behaviour,sense"), "no section 'sense'; there are behaviour"),
        ({}, ("--episodes", 1), "--episodes"),
        ({}, ("--episodes", 1_000_000), "--episodes"),
        ({}, ("--steps", 9), "--steps"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, learner: dict[str, Any], options: tuple[object, ...], words: str
) -> None:
    file = random_network_file(tmp_path / "own.npz", BANDIT, **learner)
    assert words in refused("interpret", file, *options)


@pytest.mark.usefixtures("without_figures_here")
def test_the_report_of_a_run_shows_what_was_interpreted_and_verify_checks_it(
    run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    shutil.copytree(run, folder)
    cli("interpret", folder, *ONLY, "--episodes", 7)
    section = folder / "interpretation" / "behaviour.json"
    assert json.loads(section.read_text())["numbers"]["episodes"] == 7
    page = Path(printed("report", folder).split()[-1]).read_text()
    assert "Mean squared error on 7 new functions" in page
    assert "95 % intervals: bootstrap over functions" in page
    assert page.count("data:image/png;base64,") == len(FIGURES["quadratic"])
    assert cli("verify", folder) == 0
    (folder / "interpretation" / "behaviour-spikes.png").write_bytes(b"no image")
    assert "behaviour-spikes.png: damaged" in refused("report", folder)
    section.write_text(section.read_text().replace("Mean squared", "Mean cubed"))
    assert "behaviour.json" in run_command("verify", folder).output


@pytest.mark.usefixtures("without_figures_here")
def test_a_section_of_another_run_is_refused(run: Path, tmp_path: Path) -> None:
    cli("interpret", run, *ONLY, "--episodes", 7, "--out", tmp_path)
    folder = tmp_path / "small"
    shutil.copytree(run, folder)
    (folder / "interpretation").mkdir(exist_ok=True)
    shutil.copy(tmp_path / "behaviour.json", folder / "interpretation")
    assert "it was written by another run" in refused("report", folder)


def test_a_run_that_another_process_writes_is_refused_before_anything_is_computed(
    run: Path,
) -> None:
    with RunStore(run).locked():
        assert "is writing it" in refused("interpret", run, *ONLY, "--episodes", 5)


def test_nothing_is_written_through_a_link_of_a_run(run: Path, tmp_path: Path) -> None:
    link = run / "elsewhere"
    link.symlink_to(tmp_path, target_is_directory=True)
    try:
        assert "is a link" in refused("interpret", run, *ONLY, "--episodes", 5)
    finally:
        link.unlink()


def test_milestones_are_dense_at_first() -> None:
    assert milestones(0, 39) == [0, 1, 2, 3, 4, 5, 10, 15, 20, 30, 39]
    assert milestones(1, 5) == [1, 2, 3, 4, 5]
    assert milestones(0, 0) == [0]
    assert milestones(1, 400) == [1, 2, 3, 4, 5, 10, 15, 20, 30, 50, 70, 100, 200, 300, 400]
