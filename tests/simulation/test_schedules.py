"""The pool keeps its promises in random schedules of failures, and the simulation finds bugs."""

from functools import cache
from pathlib import Path

import pytest

from simulation.bugs import BUGS, first_seed
from simulation.play import Tally, play
from simulation.schedule import Fault

RUN = Path(__file__).with_name("run.py")
N_SAMPLE, N_SEEDS = 40, 1000
"""Schedules of the default run, and of the exhaustive one."""
SAMPLED_BUGS = list(BUGS)[::4]


@cache
def played(seed: int) -> Tally:
    try:
        return play(seed)
    except Exception as error:
        error.add_note(f"with all that happened: python {RUN} --replay {seed}")
        raise


@pytest.mark.parametrize("seed", range(N_SAMPLE))
def test_a_schedule_of_failures_changes_no_number(seed: int) -> None:
    assert played(seed).virtual_s > 0.0


@pytest.mark.exhaustive
def test_many_schedules_of_failures_change_no_number_and_contain_every_fault() -> None:
    tallies = [played(seed) for seed in range(N_SEEDS)]
    assert {fault for tally in tallies for fault in tally.happened} == set(Fault)


def test_most_schedules_come_to_their_end() -> None:
    endings = [played(seed).ended_by for seed in range(N_SAMPLE)]
    assert endings.count("") > N_SAMPLE / 2


def test_the_same_seed_is_the_same_history() -> None:
    first: list[str] = []
    second: list[str] = []
    play(3, first.append)
    play(3, second.append)
    assert first == second
    assert any("evaluate" in line for line in first)


@pytest.mark.parametrize(
    "bug",
    [
        bug if bug in SAMPLED_BUGS else pytest.param(bug, marks=pytest.mark.exhaustive)
        for bug in BUGS
    ],
)
def test_a_planted_bug_is_found(bug: str) -> None:
    assert first_seed(bug, 1000) is not None, "no schedule shows it"
