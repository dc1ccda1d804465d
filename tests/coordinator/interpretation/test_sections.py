"""What every section of ``spikeloop interpret`` must do."""

from pathlib import Path
from typing import Any

import pytest
from support.random_networks import BANDIT, QUADRATIC, random_network
from support.small_run import small_config

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.interpret import chosen, interpret
from spikeloop.coordinator.interpretation.sections import SECTIONS
from spikeloop.coordinator.interpretation.subject import Subject


def subject(family: dict[str, Any] | None) -> Subject:
    """A random network for a family, or a tabular learner in Markov decision processes."""
    if family is not None:
        return Subject(random_network(family), 0)
    config = small_config()
    return Subject(Learned(config, config.space.default_point(), Path(), {}, 3, 72, None), 0)


@pytest.mark.parametrize("family", [BANDIT, QUADRATIC, None], ids=["bandit", "quadratic", "mdp"])
@pytest.mark.parametrize("name", SECTIONS)
def test_why_a_section_does_not_apply_is_one_line(name: str, family: dict[str, Any] | None) -> None:
    reason = SECTIONS[name].why_not(subject(family))
    assert reason is None or (reason and "\n" not in reason and not reason.endswith("."))
    assert "\n" not in SECTIONS[name].description


def test_sections_run_in_the_order_of_the_table_once_each() -> None:
    names = list(SECTIONS)
    assert chosen(()) == names
    assert chosen((*reversed(names), names[0])) == names


def test_without_any_section_every_reason_is_named() -> None:
    with pytest.raises(ConfigError, match="no section applies") as error:
        interpret(subject(None))
    for name in SECTIONS:
        assert f"{name}: " in str(error.value)
