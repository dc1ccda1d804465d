"""``sl.check`` finds what ``spikeloop check`` finds."""

from pathlib import Path

import pytest
from failing_learner import Echo
from support.command_line import run_command
from support.small_run import small_tables, small_toml

import spikeloop as sl


def test_a_check_says_what_the_command_line_says(tmp_path: Path) -> None:
    said = run_command("check", small_toml(tmp_path / "small.toml"))
    report = sl.check(small_tables())
    assert report.ok
    assert said.output == f"{report!r}\n"


def test_a_broken_promise_is_found_in_an_object(tmp_path: Path) -> None:
    report = sl.check(small_tables(), learner=Echo(fault="raise", broken_from=0.0))
    assert not report.ok
    assert {result.part for result in report.broken} == {"learner"}


def test_a_wrong_keyword_is_named() -> None:
    with pytest.raises(sl.ConfigError, match=r"^sl.check\(...\): there is no keyword 'famly'"):
        sl.check(small_tables(), famly=3)
