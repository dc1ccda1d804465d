"""Stages of a curriculum change the family of search tasks, and bad ones are named."""

import tomllib
from typing import Any

import pytest
from support.paths import OWN_CLASSES
from support.refused_configuration import refusal
from support.small_run import small_tables

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.report.page import configuration


def staged(*stages: dict[str, Any], **changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    tables = small_tables(run={"generations": 10}, **changes)
    return {**tables, "run": {**tables["run"], "curriculum": list(stages)}}


def test_stage_changes_the_family_until_its_share_of_generations() -> None:
    tables = staged(
        {"until": 0.3, "family": {"n_steps": 10}},
        {"until": 0.55, "family": {"n_steps": 20, "n_states": 2}},
    )
    config = parse(tables, "small.toml", OWN_CLASSES)
    steps = [config.family_at(generation).interface.n_steps for generation in range(1, 11)]
    assert steps == 3 * [10] + 3 * [20] + 4 * [60]
    assert config.family_at(5).interface.n_observations == 2
    assert config.family_at(10) is config.family
    assert [stage.last(10) for stage in config.run.curriculum] == [3, 6]
    again = parse(config.tables(), "again", OWN_CLASSES)
    assert again == config
    assert again.stages == config.stages
    shown: Any = configuration(config.tables()).blocks[0]
    assert parse(tomllib.loads(shown.text), "toml", OWN_CLASSES) == config


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (
            [{"until": 0.5, "family": {"n_step": 10}}],
            "[run.curriculum, stage 1] unknown key 'n_step' of kind 'random_mdp'; did you",
        ),
        (
            [{"until": 0.2, "family": {}}, {"until": 0.5, "family": {"n_steps": 0}}],
            "[run.curriculum, stage 2] n_steps must be >= 1",
        ),
        (
            [{"until": 0.5, "family": {"kind": "maze"}}],
            "[run.curriculum, stage 1] kind must be that of [family], leave it out",
        ),
        ([{"until": 0.5, "family": {}}, {"until": 0.5, "family": {}}], "got [0.5, 0.5]"),
        ([{"until": 1.0, "family": {}}], "[run] curriculum.0.until must be > 0, < 1, got 1.0"),
        ([{"until": 0.5}], "[run] curriculum.0.family is missing"),
    ],
)
def test_bad_stage_is_named(stages: list[dict[str, Any]], expected: str) -> None:
    assert expected in refusal(staged(*stages))


def test_learner_with_other_hyperparameters_in_a_stage_is_refused() -> None:
    stage = {"until": 0.5, "family": {"n_states": 200}}
    message = refusal(staged(stage, learner={"kind": "chip"}))
    assert "[run.curriculum, stage 1] chip needs a neuron per observation" in message
    tables = {
        **staged({"until": 0.5, "family": {"n_steps": 10}}),
        "learner": {"kind": "gradient_learner:Sized"},
    }
    message = refusal(tables)
    assert "[run.curriculum, stage 1] slope must have the same hyperparameters" in message
