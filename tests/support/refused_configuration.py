"""What tests of configurations share."""

from typing import Any

import pytest

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.errors import ConfigError
from support.paths import OWN_CLASSES


def refusal(tables: dict[str, Any]) -> str:
    """Return the line that refuses these tables, which name the source first."""
    with pytest.raises(ConfigError) as error:
        parse(tables, "small.toml", OWN_CLASSES)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("small.toml: ")
    return message
