"""Planted truths: rules that a person wrote are found again from what they do."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from spikeloop.coordinator.interpretation.rule.chip_rules import ChipRule, formula_of
from spikeloop.coordinator.interpretation.rule.distillation import distil, shuffled, uniform_states
from spikeloop.coordinator.interpretation.rule.sparse_regression import (
    chosen,
    explained_share,
    products_of,
)
from spikeloop.coordinator.interpretation.rule.states import States, states_of
from spikeloop.tasks.base import Interface
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import Fictive, Formula, Incremental, PlasticityNetwork
from spikeloop.workers.plasticity.replay import replay

FACE = Interface(1, 2, "discrete", 60, feedback_values=(0.0, 1.0))
ETA, F = 0.3, 0.5
THETA = {
    "learning_rate": ETA,
    "rate_decay": 1.0,
    "initial_value": 0.6,
    "code_low": 30.0,
}


def random_pulls(program: Any, theta: Mapping[str, float], seed: int) -> States:
    """States of 40 episodes with random choices and rewards."""
    rng = np.random.default_rng(seed)
    actions = rng.integers(2, size=(40, 60))
    rewards = rng.integers(2, size=(40, 60)).astype(np.float64)
    return states_of(replay(program, theta, FACE, actions, rewards), actions, rewards)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (Incremental(), {"chosen": {"r": ETA, "w": -ETA}, "other": {}}),
        (
            Fictive(),
            {
                "chosen": {"r": ETA, "w": -ETA},
                "other": {"1": F * ETA, "r": -F * ETA, "w": -F * ETA},
            },
        ),
        (
            Formula(chosen={"1": 0.1, "r*o": -0.2}, other={"t": -0.05}),
            {"chosen": {"1": 0.1, "r*o": -0.2}, "other": {"t": -0.05}},
        ),
    ],
    ids=lambda given: getattr(given, "kind", ""),
)
def test_rules_that_a_person_wrote_are_found_again(
    program: Incremental | Fictive | Formula, expected: dict[str, dict[str, float]]
) -> None:
    theta = THETA | ({"fictive": F} if program.kind == "fictive" else {})
    rule = ChipRule(ChipAgent(program=program), theta, FACE)
    rng = np.random.default_rng(5)
    found = distil(random_pulls(program, theta, 1), random_pulls(program, theta, 2), None, rng)
    formula = formula_of(found.fits[found.by_bic])
    for who, terms in expected.items():
        of_who = getattr(formula, who)
        assert of_who.keys() == terms.keys()
        assert of_who == pytest.approx(terms, abs=2e-3)
    assert found.on_policy[found.by_bic] > 0.9999
    uniform = uniform_states(rule, rng)
    assert uniform is not None
    assert explained_share(found.fits[found.by_bic], uniform) > 0.999


def test_a_formula_has_less_to_say_of_a_network_and_nothing_of_changes_in_another_order() -> None:
    program, rng = PlasticityNetwork(), np.random.default_rng(3)
    theta = {name: 3 * rng.standard_normal() for name in space_columns(program)}
    theta |= {"initial_value": 0.5, "code_low": 30.0}
    states = random_pulls(program, theta, 1)
    whole = products_of(states.design(), states.change).summed()
    assert 0.5 < explained_share(chosen(whole, 40), whole) < 0.9999
    mixed = products_of(states.design(), shuffled(states, rng).change).summed()
    assert explained_share(chosen(mixed, 40), mixed) < 0.2


def space_columns(program: PlasticityNetwork) -> list[str]:
    return [
        f"{parameter.name}_{i}"
        for parameter in program.parameters(FACE)
        if parameter.size > 1
        for i in range(parameter.size)
    ]
