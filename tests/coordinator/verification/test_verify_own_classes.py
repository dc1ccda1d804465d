"""Verifying a folder reads each configuration once, which builds its own classes once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import cli
from support.small_run import small_toml

from spikeloop.coordinator.store.run_folder import read_run
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
    """A folder with a module of own classes, forgotten after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "counted.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("counted", None)


def built_while(*arguments: str, code: int = 0) -> int:
    """How often a command builds the author's class, which it has to import first."""
    sys.modules.pop("counted", None)
    assert cli(*arguments) == code
    return len(sys.modules["counted"].BUILT) if "counted" in sys.modules else 0


def run_with_own_class(config: Path) -> None:
    """Name the class in a configuration, and run that."""
    config.write_text(config.read_text().replace('"tabular_td"', '"counted:Counted"'))
    command = "compare" if "[comparison]" in config.read_text() else "run"
    assert cli(command, str(config), "--out", str(config.parent)) == 0


def test_verify_reads_the_configuration_of_a_run_once(author: Path) -> None:
    run_with_own_class(small_toml(author / "small.toml"))
    run = author / "small"
    assert built_while("verify", str(run), code=2) == 0  # refused before anything is imported
    count = built_while("verify", str(run), "--trust")
    sys.modules.pop("counted")
    read_run(RunStore(run), trust=True)
    once = len(sys.modules["counted"].BUILT)
    assert once >= 1
    assert count == once
