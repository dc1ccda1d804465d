"""Equations and statements come from files; nothing in them is ever run as Python."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.small_run import small_tables

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.errors import ConfigError
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.learners.brian_model.settings import NeuronTable

EQUATIONS = "dv/dt = -v/(10*ms) : 1\ng : 1"
PLACES = {
    "equations": EQUATIONS,
    "threshold": "v > 1",
    "reset": "v = 0*h",
    "refractory": "1*ms",
    "on_feedback": "v = 0*h",
}


def octal(code: str) -> str:
    return "".join(f"\\{ord(character):03o}" for character in code)


def tries(mark: Path) -> dict[str, dict[str, str]]:
    """Code that creates a file where Brian2 or sympy evaluates it; the first four once did."""
    touch = f"open('{mark}', 'w')"
    return {
        # Brian2 writes a comment into the code that it makes, where a return ends it.
        "comment of a statement": {"reset": f"v = 0*h # reset\r{touch}"},
        "comment after a decision": {"on_feedback": f"v = 0*h # told\r{touch}"},
        # Brian2 hands strings to sympy, which evaluates them.
        "text in an equation": {"equations": f'{EQUATIONS}\nq = exp("{touch}") : 1'},
        "wide letters": {"equations": f"{EQUATIONS}\nq = ｅｘｅｃ('{octal(touch)}') : 1"},
    }


def model(**neurons: Any) -> dict[str, Any]:
    """A model that runs, with some keys of its population replaced."""
    actions = {"n": "actions", "initial": {"g": "1"}, **PLACES, **neurons}
    return {
        "kind": "brian_model",
        "neurons": {"actions": actions},
        "synapses": {
            "s": {
                "source": "input",
                "target": "actions",
                "equations": "w : 1",
                "on_pre": "v += w*g_post",
                "initial": {"w": "1"},
            }
        },
        "hyperparameters": {"h": {"low": 1.0, "high": 2.0, "default": 1.0}},
    }


def read(learner: dict[str, Any]) -> None:
    parse({**small_tables(), "learner": learner}, "x.toml", Path())


@pytest.mark.brian
def test_the_model_without_hostile_code_is_taken() -> None:
    brian2()
    read(model())
    read(model(reset="v = 0*h  # µV, “quotes” and ümlauts may stand in comments"))


@pytest.mark.brian
@pytest.mark.parametrize("name", tries(Path()))
def test_code_of_files_is_not_run(tmp_path: Path, name: str) -> None:
    brian2()
    mark = tmp_path / "ran"
    changes = tries(mark)[name]
    with pytest.raises(ConfigError, match=rf"neurons.actions.{next(iter(changes))} .*letters"):
        read(model(**changes))
    assert not mark.exists()


@pytest.mark.parametrize("name", PLACES)
def test_characters_that_code_does_not_need_are_refused(name: str) -> None:
    for character in ["'", '"', *"\\\r\0[{@`éｏ\u2028"]:
        with pytest.raises(ValidationError, match=name):
            NeuronTable.model_validate({"n": 1, **PLACES, name: f"{PLACES[name]} {character}"})
