from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from support.random_networks import BANDIT, QUADRATIC, random_network

from spikeloop.coordinator.interpretation.behaviour import prediction_errors, pulls
from spikeloop.coordinator.interpretation.behaviour.prediction_figures import (
    errors_figure,
    stages_figure,
)
from spikeloop.coordinator.interpretation.behaviour.pull_figures import (
    choices_figure,
    regret_figure,
)
from spikeloop.coordinator.interpretation.behaviour.spike_figures import (
    draw_actions,
    episode_figure,
)
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.tasks.informative_bandit import InformativeBandit
from spikeloop.tasks.quadratic import Quadratic

TWO_STEP = {"kind": "two_step", "n_steps": 10}
BOTH = ("adaptive\nneurons", "plain\nneurons")


def test_the_figure_of_errors_shows_the_bands() -> None:
    tasks = Quadratic(n_steps=12).sample(50, np.random.default_rng(1))
    errors = prediction_errors.summarise(
        prediction_errors.squared_errors(tasks, tasks.targets()), np.random.default_rng(2)
    )
    (axes,) = errors_figure(errors, 50).axes
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert lines.keys() == errors.bands.keys()
    for name, band in errors.bands.items():
        np.testing.assert_array_equal(lines[name], band.mean)
    assert errors.below_line == 0
    (text,) = axes.texts
    assert text.get_text() == "below linear regression\nfrom 0 samples on"


def test_the_figure_of_stages_has_one_scale() -> None:
    target = np.array([0.3, 0.6])
    figure = stages_figure(target, [target, np.array([0.5, 9.0])], ["a", "b"], 1)
    (low, high), other = (axes.get_ylim() for axes in figure.axes)
    assert (low, high) == other
    assert low < 0.3
    assert 1.4 < high < 1.6  # an answer of 9 leaves the figure


def test_the_figures_of_pulls_are_sorted_and_coloured_by_role() -> None:
    tasks = InformativeBandit().sample(30, np.random.default_rng(1))
    actions = np.repeat(tasks.target[:, None], 5, axis=1)
    actions[:, 0] = 10
    arms, roles = choices_figure(tasks, actions).axes
    image = np.asarray(roles.images[0].get_array())
    assert (image[:, 0] == to_rgba(COLOURS["default"])).all()
    assert (image[:, 1:] == to_rgba(COLOURS["learned"])).all()
    pulled, strip = (np.asarray(shown.get_array()) for shown in arms.images)
    np.testing.assert_array_equal(pulled[:, 1:], np.repeat(strip, 4, axis=1))
    changes = (strip[1:, 0] != strip[:-1, 0]).any(axis=1).sum()
    assert changes == len(set(tasks.target)) - 1


def test_the_figure_of_regret_shows_the_other_policies_at_its_end() -> None:
    tasks = InformativeBandit().sample(30, np.random.default_rng(1))
    actions = np.zeros((30, 5), dtype=np.int64)
    rng = np.random.default_rng(2)
    known = pulls.summarise(tasks, actions, tasks.baselines(rng), rng)
    (axes,) = regret_figure(known, 30).axes
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
        (BANDIT, {}, ["action", "inputs", *BOTH, "threshold / θ₀", "reward"]),
    ],
)
def test_the_figure_of_an_episode_shows_the_parts_that_exist(
    family: dict[str, Any], learner: dict[str, Any], panels: list[str]
) -> None:
    episode = HeldOutEpisodes(random_network(family, **learner), 2, seed=0).trace(0)
    figure = episode_figure(episode, "an episode")
    assert [axes.get_ylabel() for axes in figure.axes] == panels
    shown = sum(
        np.size(line.get_xdata())
        for axes in figure.axes
        for line in axes.lines
        if line.get_marker() == "|"
    )
    assert shown == episode.spikes.sum()


def test_a_reward_stands_after_the_action_that_earns_it() -> None:
    episode = HeldOutEpisodes(random_network(BANDIT), 2, seed=0).trace(0)
    figure = Figure()
    axes = figure.subplots()
    draw_actions(axes, episode)
    (paid,) = (other for other in figure.axes if other is not axes)
    bars: list[Any] = list(paid.patches)
    window = episode.window * episode.step_ms
    ends = window * np.arange(1, episode.n_shown + 1)
    np.testing.assert_array_equal([bar.get_height() for bar in bars], episode.feedback)
    np.testing.assert_allclose([bar.get_width() for bar in bars], window / 2)
    # No window follows the last action.
    begins = [*ends[:-1], episode.end_ms - window / 2]
    np.testing.assert_allclose([bar.get_x() for bar in bars], begins)
