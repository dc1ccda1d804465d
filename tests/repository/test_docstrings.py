"""Examples in docstrings do what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import spikeloop

ROOT = Path(spikeloop.__file__).parent
ROOMS = ("tasks", "workers", "cluster", "coordinator")
WITH_EXAMPLES = [
    ".".join(("spikeloop", room, *path.relative_to(folder).with_suffix("").parts))
    for room in ROOMS
    for folder in [(ROOT / room).resolve()]
    for path in sorted(folder.rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_give_what_they_say(name: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted > 0
    assert failed == 0
