"""``spikeloop episodes``: from a run or a weights file to pictures, tables and their numbers."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from support.command_line import cli
from support.random_networks import BANDIT, QUADRATIC, random_network, random_network_file
from support.small_run import small_toml

from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.interpretation import answers, pulls
from spikeloop.coordinator.interpretation.answer_figures import draw_errors, draw_stages
from spikeloop.coordinator.interpretation.answers import NETWORK
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOut
from spikeloop.coordinator.interpretation.pull_figures import draw_arms, draw_regret, draw_roles
from spikeloop.coordinator.interpretation.spike_figures import draw_actions, draw_episode
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.tasks.informative_bandit import InformativeBandit
from spikeloop.tasks.quadratic import Quadratic

INFORMATIVE = {"kind": "informative_bandit", "n_steps": 4}
TWO_STEP = {"kind": "two_step", "n_steps": 10}
PICTURES = {
    "quadratic": ["error.png", "stages.png", "spikes.png"],
    "bandit": ["choices.png", "regret.png", "spikes.png"],
    "two_step": ["spikes.png"],
}


def words(text: str) -> str:
    """A table's text without its lines and double spaces."""
    return re.sub(r"[\s│┃]+", " ", text)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of gradient ascent on quadratic functions."""
    folder = tmp_path_factory.mktemp("episodes")
    config = small_toml(folder / "small.toml")
    text = re.sub(
        r"\[(family|learner|strategy)\].*?(?=\[)", "", config.read_text(), flags=re.DOTALL
    )
    config.write_text(
        f'{text}\n[family]\nkind = "quadratic"\nn_steps = 5\n'
        '[learner]\nkind = "lsnn"\nn_neurons = 10\nwindow_ms = 4.0\n[strategy]\nkind = "bptt"\n'
    )
    assert cli("run", config, "--out", folder) == 0
    return folder / "small"


def test_a_run_gives_pictures_in_its_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("episodes", run, "--tasks", 20) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    for name in PICTURES["quadratic"]:
        picture = run / "figures" / name
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 10_000
        assert f"figure:  {picture}\n" in output
    assert "Mean squared error on 20 new functions" in output
    assert "The network errs less than linear regression: nowhere" in output
    assert cli("verify", run) == 0


@pytest.mark.usefixtures("without_figures_here")
def test_stages_are_the_untrained_network_a_middle_one_and_the_learned_one(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("episodes", run, "--tasks", 20, "--json", "--out", tmp_path / "a") == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert stages[0]["name"] == "untrained"
    assert stages[1]["name"] in ("after 1 generations", "after 2 generations")
    assert stages[2]["name"] == "learned, after 3 generations"
    assert len({stage["mean_squared_error"] for stage in stages}) == 3
    file = tmp_path / "small.npz"
    assert cli("export", run, "--to", "weights", "--out", file) == 0
    capsys.readouterr()
    assert cli("episodes", file, "--tasks", 20, "--json", "--out", tmp_path / "b") == 0
    of_file = json.loads(capsys.readouterr().out)["stages"]
    assert [stage["name"] for stage in of_file] == [stages[0]["name"], stages[2]["name"]]
    # The file holds the run's very point.
    assert [stage["mean_squared_error"] for stage in of_file] == [
        stages[k]["mean_squared_error"] for k in (0, 2)
    ]


@pytest.mark.parametrize("family", [QUADRATIC, BANDIT, INFORMATIVE, TWO_STEP])
def test_what_is_printed_is_what_json_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    family: dict[str, Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    random_network_file(tmp_path / "own.npz", family, window_ms=4.0)
    assert cli("episodes", "own.npz", "--tasks", 12) == 0
    printed = words(capsys.readouterr().out)
    assert cli("episodes", "own.npz", "--tasks", 12, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    pictures = "bandit" if "bandit" in family["kind"] else family["kind"]
    assert said["figures"] == [f"own-figures/{name}" for name in PICTURES[pictures]]
    for name in said["figures"]:
        assert Path(name).stat().st_size > 10_000
    assert (said["tasks"], said["seed"]) == (12, 0)
    for kind, rate in said["mean_rate_hz"].items():
        assert f"{kind} neurons {rate:.1f} Hz" in printed
    assert list(said["rate_spread"]) == list(said["mean_rate_hz"])
    for kind, found in said["rate_spread"].items():
        assert (
            f"Of the {kind} neurons {100 * found['silent_share']:.1f} % are silent; "
            f"median {found['median_hz']:.1f} Hz, 90 % quantile {found['quantile_90_hz']:.1f} Hz, "
            f"largest {found['largest_hz']:.1f} Hz"
        ) in printed
    for row in said.get("mean_squared_error", {}).get("network", ()):
        start = f" {row['samples']} {row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}] "
        assert start in printed
    for row in said.get("pulls", ()):
        regret = row["regret"]
        end = f"{regret['value']:.2f} [{regret['low']:.2f}, {regret['high']:.2f}]"
        assert re.search(rf" {row['pull']} [^┃]*{re.escape(end)}", printed)
        assert sum(role["value"] for role in row["roles"].values()) == pytest.approx(1)
        for role in row["roles"].values():
            assert f"{100 * role['value']:.1f} % [{100 * role['low']:.1f}," in printed
    for name, share in said.get("program", {}).items():
        assert (f"{name}: {100 * share['value']:.1f} %" if share["n"] else f"{name}: -") in printed
    for name, regret in said.get("regret_at_the_end", {}).items():
        assert f"{name} {regret['value']:.3f} [{regret['low']:.3f}" in printed
    assert ("program" in said) == ("pulls" in said) == (pictures == "bandit")
    assert ("mean_squared_error" in said) == (pictures == "quadratic")


@pytest.mark.usefixtures("without_figures_here")
def test_seed_chooses_the_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = random_network_file(tmp_path / "own.npz", QUADRATIC, window_ms=4.0)
    said = []
    for seed in (1, 1, 2):
        options = ("--tasks", 5, "--seed", seed, "--json", "--out", tmp_path / "figures")
        assert cli("episodes", file, *options) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1]
    assert said[0]["mean_squared_error"] != said[2]["mean_squared_error"]


def test_other_learners_give_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("run", small_toml(tmp_path / "small.toml"), "--out", tmp_path) == 0
    capsys.readouterr()
    assert cli("episodes", tmp_path / "small") == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert "[learner] kind must be lsnn to draw what it does, got tabular_td" in errors
    assert errors.count("\n") == 1


def test_networks_without_spikes_give_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = random_network_file(tmp_path / "own.npz", BANDIT, smooth=0.5)
    assert cli("episodes", file) == 2
    assert "learner.smooth is 0.5, not 0" in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--tasks", 1), ("--seed", -1), ("--tasks", 1_000_000)])
def test_options_out_of_range_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[object, ...]
) -> None:
    file = random_network_file(tmp_path / "own.npz", BANDIT)
    assert cli("episodes", file, *options) == 2
    errors = capsys.readouterr().err
    assert str(options[0]) in errors
    assert errors.count("\n") == 1


def test_nothing_is_written_through_a_link_of_a_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = run / "elsewhere"
    link.symlink_to(tmp_path, target_is_directory=True)
    try:
        assert cli("episodes", run, "--tasks", 5) == 2
        assert "is a link" in capsys.readouterr().err
    finally:
        link.unlink()


def test_weights_that_are_no_numbers_give_one_line() -> None:
    known = random_network(BANDIT)
    held = HeldOut(known, 3, seed=0)
    with pytest.raises(RunFailed, match="not finite"):
        held.actions(np.full(known.point.shape, np.nan))


# --- pictures: axes in, axes out ---


def test_the_picture_of_errors_shows_the_bands() -> None:
    tasks = Quadratic(n_steps=12).sample(50, np.random.default_rng(1))
    errors = answers.summarise(
        answers.squared_errors(tasks, tasks.targets()), np.random.default_rng(2)
    )
    axes = draw_errors(Figure().subplots(), errors)
    drawn_lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    for name, band in errors.bands.items():
        np.testing.assert_array_equal(drawn_lines[name], band.mean)
    assert errors.below_line == 0
    assert [text.get_text() for text in axes.texts] == [
        "below linear regression\nfrom 0 samples on"
    ]
    assert NETWORK in drawn_lines


def test_the_picture_of_stages_has_one_scale() -> None:
    panels = Figure().subplots(2, 1)
    target = np.array([0.3, 0.6])
    draw_stages(panels, target, [target, np.array([0.5, 9.0])], ["a", "b"], (0.2, 0.8))
    (low, high), other = (axes.get_ylim() for axes in panels)
    assert (low, high) == other
    assert low < 0.3
    assert 1.4 < high < 1.6  # an answer of 9 leaves the picture


def test_the_pictures_of_pulls_are_sorted_and_coloured_by_role() -> None:
    tasks = InformativeBandit().sample(30, np.random.default_rng(1))
    actions = np.repeat(tasks.target[:, None], 5, axis=1)
    actions[:, 0] = 10
    axes = draw_roles(Figure().subplots(), tasks, actions)
    image = np.asarray(axes.images[0].get_array())
    assert (image[:, 0] == to_rgba(COLOURS["default"])).all()
    assert (image[:, 1:] == to_rgba(COLOURS["learned"])).all()
    axes = draw_arms(Figure().subplots(), tasks, actions)
    pulled, strip = (np.asarray(shown.get_array()) for shown in axes.images)
    np.testing.assert_array_equal(pulled[:, 1:], np.repeat(strip, 4, axis=1))
    changes = (strip[1:, 0] != strip[:-1, 0]).any(axis=1).sum()
    assert changes == len(set(tasks.target)) - 1


def test_the_picture_of_regret_ends_beside_the_other_policies() -> None:
    tasks = InformativeBandit().sample(30, np.random.default_rng(1))
    actions = np.zeros((30, 5), dtype=np.int64)
    rng = np.random.default_rng(2)
    known = pulls.summarise(tasks, actions, tasks.baselines(rng), rng)
    axes = draw_regret(Figure().subplots(), known)
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in axes.lines}
    np.testing.assert_allclose(lines[pulls.NETWORK], [0, *known.regret.mean])
    bars: list[Any] = list(axes.containers)
    marks = {str(bar.get_label()): bar.lines[0].get_ydata() for bar in bars}
    assert set(marks) == {"informative arm first", "blind search", "Bayes optimum"}
    for name, (value,) in marks.items():
        assert value == known.totals[name].total.value


@pytest.mark.parametrize(
    ("family", "learner", "panels"),
    [
        (QUADRATIC, {"adaptive_share": 0.0}, ["output", "inputs", "plain\nneurons"]),
        (
            TWO_STEP,
            {"adaptive_share": 1.0, "input": "spikes"},
            ["action", "inputs", "adaptive\nneurons", "threshold / θ₀", "reward"],
        ),
        (
            BANDIT,
            {},
            [
                *("action", "inputs", "adaptive\nneurons", "plain\nneurons"),
                *("threshold / θ₀", "reward"),
            ],
        ),
    ],
)
def test_the_picture_of_a_episode_shows_what_there_is(
    family: dict[str, Any], learner: dict[str, Any], panels: list[str]
) -> None:
    episode = HeldOut(random_network(family, **learner), 2, seed=0).moments(0)
    figure = Figure()
    draw_episode(figure, episode, "an episode")
    assert [axes.get_ylabel() for axes in figure.axes] == panels
    shown = sum(
        np.size(line.get_xdata())
        for axes in figure.axes
        for line in axes.lines
        if line.get_marker() == "|"
    )
    assert shown == episode.spikes.sum()


def test_a_reward_stands_after_the_action_that_earns_it() -> None:
    episode = HeldOut(random_network(BANDIT), 2, seed=0).moments(0)
    figure = Figure()
    axes = draw_actions(figure.subplots(), episode)
    (paid,) = (other for other in figure.axes if other is not axes)
    bars: list[Any] = list(paid.patches)
    window = episode.window * episode.step_ms
    ends = window * np.arange(1, episode.n_shown + 1)
    np.testing.assert_array_equal([bar.get_height() for bar in bars], episode.feedback)
    np.testing.assert_allclose([bar.get_width() for bar in bars], window / 2)
    # No window follows the last action.
    begins = [*ends[:-1], episode.end_ms - window / 2]
    np.testing.assert_allclose([bar.get_x() for bar in bars], begins)
