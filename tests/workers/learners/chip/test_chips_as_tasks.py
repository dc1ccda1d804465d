"""Chips drawn with the tasks, and other chips in held-out episodes."""

from typing import Any

import numpy as np
import pytest
from support.refused_configuration import refusal

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.search.evaluation import grid_of
from spikeloop.tasks.bandit import Bandit
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import Incremental
from spikeloop.workers.seeding import TaskSet

FAMILY = Bandit(n_steps=20)
SEEDS = np.random.default_rng(0).integers(0, 2**64, (1, 12), dtype=np.uint64)


def agent(chip: Any) -> ChipAgent:
    return ChipAgent.model_validate(
        {"chip": chip, "mismatch": "uncalibrated", "coding": "first", "program": Incremental()}
    )


def episodes(chip: Any, seeds: Any = SEEDS) -> Any:
    learner = agent(chip)
    space = learner.space(FAMILY.interface)
    tasks = FAMILY.sample(seeds.shape[1], np.random.default_rng(1))
    found = learner.run_episodes(space.decode(space.default_point()[None]), tasks, seeds)
    return found.curve, found.action_values


def test_an_episode_runs_on_the_chip_that_its_seed_draws() -> None:
    """The same numbers as on that chip alone; each of several chips is drawn."""
    chips = [20, 21, 22]
    curve, values = episodes(chips)
    alone = {chip: episodes(chip) for chip in chips}
    drawn = [chips[int(seed) % 3] for seed in SEEDS[0]]
    assert set(drawn) == set(chips)
    for task, chip in enumerate(drawn):
        np.testing.assert_array_equal(curve[:, task], alone[chip][0][:, task])
        np.testing.assert_array_equal(values[:, task], alone[chip][1][:, task])
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(values, alone[20][1])


def test_chips_are_a_number_a_list_or_a_range() -> None:
    assert agent(7).chips == (7,)
    assert agent([7, 9]).chips == agent([7, 9]).chips == (7, 9)
    assert agent("7-10").chips == (7, 8, 9, 10)
    assert agent("7-10").model_dump()["chip"] == [7, 8, 9, 10]


@pytest.mark.parametrize("chip", [[], [3, 3], "9-7", "x", -1, "1-", [1, -2]])
def test_other_chips_are_refused(chip: Any) -> None:
    with pytest.raises(ValueError, match="chip"):
        agent(chip)


def tables(search: Any, held_out: Any) -> dict[str, Any]:
    learner = {"kind": "chip", "chip": search, "program": {"kind": "incremental"}}
    return {
        "run": {},
        "family": {"kind": "bandit"},
        "learner": learner,
        "strategy": {"kind": "evolution"},
        "transfer": {"learner": held_out},
    }


def test_held_out_episodes_run_on_their_own_chips() -> None:
    config = parse(tables([1, 2], {"chip": "5-6"}), "a test", None)
    point = config.space.default_point()
    for task_set, chips in (
        (TaskSet.SEARCH, (1, 2)),
        (TaskSet.RACE, (1, 2)),
        (TaskSet.MONITOR, (5, 6)),
        (TaskSet.TRANSFER, (5, 6)),
    ):
        learner = grid_of(config, point, 1, task_set, index=0).learner
        assert isinstance(learner, ChipAgent)
        assert learner.chips == chips


@pytest.mark.parametrize(
    ("held_out", "words"),
    [
        ({"chip": [2, 9]}, "other chips than those of the search, got [2]"),
        ({"chip": "x"}, "chip"),
        ({"program": {"kind": "fictive"}}, "hyperparameters as they are"),
        ({"chips": 3}, "chips"),
    ],
)
def test_settings_of_held_out_episodes_that_make_no_sense_are_refused(
    held_out: dict[str, Any], words: str
) -> None:
    message = refusal(tables([1, 2], held_out))
    assert "[transfer.learner]" in message
    assert words in message


@pytest.mark.parametrize("mismatch", ["off", "uncalibrated", "routine"])
def test_a_chip_of_the_search_may_be_held_out_in_another_state(mismatch: str) -> None:
    """Calibrated or not, chips are set for the search and for held-out episodes on their own."""
    config = parse(tables([1, 2], {"mismatch": mismatch}), "a test", None)
    held_out = config.held_out_learner
    assert isinstance(held_out, ChipAgent)
    assert (held_out.chips, held_out.mismatch) == ((1, 2), mismatch)


def test_settings_of_held_out_episodes_name_no_file() -> None:
    """A record of a run could otherwise make its reader's machine read one."""
    message = refusal(tables([1, 2], {"chip": 5, "calibration_file": "calibration.json"}))
    assert "[transfer.learner]" in message
    assert "calibration.json" in message
