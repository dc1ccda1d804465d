"""Checking a folder reads its configuration once, also if that names its author's own classes."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import cli
from support.small_comparison import comparison_toml
from support.small_run import small_toml

from spikeloop.coordinator.store import manifest
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")

MODULE = """
from typing import Literal

from pydantic import model_validator

from spikeloop.workers.learners.tabular.learner import TabularTd

BUILT = []


class Counted(TabularTd):
    kind: Literal["counted"] = "counted"

    @model_validator(mode="after")
    def _count(self):
        BUILT.append(1)
        return self
"""


@pytest.fixture
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a module of somebody else, forgotten after the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of the author"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "counted.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("counted", None)


def built_while(*arguments: str, code: int = 0) -> int:
    """How often a command builds the author's class, which it has to import first."""
    sys.modules.pop("counted", None)
    assert cli(*arguments) == code
    return len(sys.modules["counted"].BUILT) if "counted" in sys.modules else 0


def given_away(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names the class in a configuration; what is begun with it is foreign afterwards."""
    config.write_text(config.read_text().replace('"tabular_td"', '"counted:Counted"'))
    command = "compare" if "[comparison]" in config.read_text() else "run"
    assert cli(command, str(config), "--out", str(config.parent)) == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(config.parent / "of another user"))


def test_a_run_is_verified_with_one_reading_of_its_configuration(
    author: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_away(small_toml(author / "small.toml"), monkeypatch)
    run = author / "small"
    assert built_while("verify", str(run), code=2) == 0  # refused before anything is imported
    count = built_while("verify", str(run), "--trust")
    sys.modules.pop("counted")
    manifest.read_config(RunStore(run), trust=True)
    once = len(sys.modules["counted"].BUILT)
    assert once >= 1
    assert count == once


def test_a_comparison_is_verified_with_one_reading_for_each_search(
    author: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_away(comparison_toml(author / "small.toml"), monkeypatch)
    comparison = author / "small"
    searches = [*comparison.glob("tuning/*/*/*/run.json"), *comparison.glob("runs/*/*/run.json")]
    assert len(searches) > 5
    assert built_while("verify", str(comparison), code=2) == 0
    count = built_while("verify", str(comparison), "--trust")
    manifest.read_config(RunStore(searches[0].parent), trust=True)
    once = len(sys.modules["counted"].BUILT) - count
    # The comparison itself builds a configuration for each of its two strategies.
    assert count == (len(searches) + 2) * once
