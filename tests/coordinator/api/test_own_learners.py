"""Learners that are written for one episode, in ``sl.run``: by name, as a class, as an object."""

from pathlib import Path
from typing import Any

import pytest
from episode_learners import DeltaRule, delta_rule
from support.paths import OWN_CLASSES
from support.small_run import assert_same_contents

import spikeloop as sl
from spikeloop.coordinator.config.own_classes import source

pytestmark = pytest.mark.usefixtures("without_figures")

SMALL: dict[str, Any] = {
    "family": sl.Bandit(n_steps=20),
    "strategy": sl.Evolution(population_size=4),
    "generations": 2,
    "tasks": 3,
    "name": "own",
    "transfer": {"tasks": 4, "random_points": 2, "random_tasks": 4, "monitor_tasks": 2},
    "inline": True,
    "progress": False,
}


def test_a_functions_name_stands_for_its_learner(tmp_path: Path) -> None:
    named = {"kind": "episode_learners:delta_rule"}
    learners: list[Any] = [delta_rule, delta_rule(), named]
    runs = [
        sl.run(learner=learner, out=tmp_path / str(number), **SMALL)
        for number, learner in enumerate(learners)
    ]
    for run in runs[1:]:
        assert_same_contents(run.folder, runs[0].folder)
    assert runs[0].config.learner == delta_rule()
    assert runs[0].config.working_dir == OWN_CLASSES
    assert set(runs[0].theta) == {"eta", "epsilon"}
    assert runs[0].theta.eta == runs[0].theta["eta"]
    opened = sl.open(runs[0].folder)
    assert isinstance(opened, sl.Run)
    assert opened.config.learner == delta_rule()


def test_a_step_learner_of_the_same_rule_has_the_same_episodes(tmp_path: Path) -> None:
    rules: list[Any] = [delta_rule(prior=0.5), DeltaRule(prior=0.5)]
    one, other = (sl.run(learner=rule, out=tmp_path / rule.kind, **SMALL) for rule in rules)
    assert one.episodes["return"].equals(other.episodes["return"])


def test_the_source_of_a_function_is_part_of_what_a_run_is() -> None:
    text = source("episode_learners:delta_rule")
    assert "worth[action] += theta.eta" in text
    assert "prior = 1.0" in text


def undecorated(theta: Any, task: Any, rng: Any) -> None:
    """A function that the decorator has not been put on."""


def test_a_function_without_the_decorator_is_refused_in_one_line() -> None:
    kind = f"{__name__}:undecorated"
    with pytest.raises(sl.ConfigError, match=r"needs the decorator spikeloop\.learner"):
        sl.run(learner={"kind": kind}, **SMALL)
