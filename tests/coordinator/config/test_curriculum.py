"""Stages of a curriculum change the family of search tasks, and bad ones are named."""

import math
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
        {"until": 0.55, "mean_fitness": 0.9, "family": {"n_steps": 20, "n_states": 2}},
    )
    config = parse(tables, "small.toml", OWN_CLASSES)
    families = [config.family_of(config.stage_at(generation)) for generation in range(1, 11)]
    assert [family.interface.n_steps for family in families] == 3 * [10] + 3 * [20] + 4 * [60]
    assert families[4].interface.n_observations == 2
    assert families[9] is config.family
    assert [stage.last(10) for stage in config.run.curriculum] == [3, 6]
    again = parse(config.tables(), "again", OWN_CLASSES)
    assert again == config
    assert again.stages == config.stages
    shown: Any = configuration(config.tables()).blocks[0]
    assert parse(tomllib.loads(shown.text), "toml", OWN_CLASSES) == config


@pytest.mark.parametrize(
    ("generation", "before", "mean", "expected"),
    [
        (1, 0, math.nan, 0),
        (2, 0, 0.39, 0),
        (2, 0, 0.4, 1),
        (3, 0, math.nan, 0),
        (4, 0, 0.0, 1),  # the share has passed
        (4, 1, 0.4, 1),  # the second stage has no fitness with which it ends
        (6, 1, 0.9, 1),
        (7, 1, 0.0, 2),
        (7, 0, 0.4, 2),
        (7, 2, 0.9, 2),
    ],
)
def test_stage_ends_with_its_mean_fitness_or_its_share(
    generation: int, before: int, mean: float, expected: int
) -> None:
    stages = [
        {"until": 0.3, "mean_fitness": 0.4, "family": {"n_steps": 10}},
        {"until": 0.6, "family": {"n_steps": 20}},
    ]
    config = parse(staged(*stages), "small.toml", OWN_CLASSES)
    assert config.stage_at(generation, before, mean) == expected


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
        (
            [{"until": 0.5, "mean_fitness": "high", "family": {}}],
            "[run] curriculum.0.mean_fitness must be a valid number",
        ),
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
