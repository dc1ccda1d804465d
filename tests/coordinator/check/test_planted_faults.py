"""Every planted fault breaks the promise that it is against, and classes without one keep all."""

from typing import Any

import pytest
from broken_promises import BANDIT, Bandits, Climber, Guesser

from spikeloop.coordinator.check.families import FAMILY_PROMISES, FamilyCase
from spikeloop.coordinator.check.learners import LEARNER_PROMISES, LearnerCase
from spikeloop.coordinator.check.promises import PromiseResult, examine
from spikeloop.coordinator.check.strategies import STRATEGY_PROMISES, StrategyCase

RANDOM = "the random policy earns the random reference"
OPTIMAL = "the optimal policy earns the optimal reference"
SIMPLE = "no simple policy earns more than the optimal reference"
SEEDED = "the generator alone decides which tasks are drawn"


def of_family(fault: Any) -> list[PromiseResult]:
    return list(examine("family", FAMILY_PROMISES, FamilyCase(Bandits(fault=fault))))


def of_learner(fault: Any) -> list[PromiseResult]:
    case = LearnerCase.draw(Guesser(fault=fault), BANDIT)
    return list(examine("learner", LEARNER_PROMISES, case))


def of_strategy(fault: Any) -> list[PromiseResult]:
    case = StrategyCase(Climber(fault=fault), Guesser().space(BANDIT.interface))
    return list(examine("strategy", STRATEGY_PROMISES, case))


@pytest.mark.parametrize("examined", [of_family, of_learner, of_strategy])
def test_a_class_without_a_fault_keeps_every_promise(examined: Any) -> None:
    results = examined("none")
    assert [result for result in results if not result.kept] == []
    assert sum(not result.skipped for result in results) >= 7


@pytest.mark.parametrize(
    ("examined", "fault", "broken", "figures"),
    [
        (of_family, "halved", {RANDOM, OPTIMAL, SIMPLE}, "4096 episodes on 16 tasks"),
        (of_family, "halved, unknown policy", {RANDOM, SIMPLE}, "4096 episodes on 16 tasks"),
        (of_family, "generator", {SEEDED}, "draw everything from the generator"),
        (
            of_family,
            "slice",
            {"a slice of a batch is a batch of the same tasks"},
            "tasks[1:4] are not those of the batch",
        ),
        (
            of_family,
            "feedback",
            {"observations, rewards and feedback fit the interface"},
            "the feedback 2,",
        ),
        (
            of_learner,
            "neighbours",
            {"an episode depends on its own parameters, task and seed only"},
            "an episode in the middle alone gives other returns",
        ),
        (
            of_learner,
            "global",
            {
                "the same seeds give the same numbers",
                "an episode depends on its own parameters, task and seed only",
            },
            "made from `seeds`",
        ),
        (
            of_learner,
            "writes",
            {"parameters, tasks and seeds are not written to"},
            "has written into parameters",
        ),
        (
            of_learner,
            "curve",
            {"the curve is the return spread over the episode"},
            "do not sum to returns",
        ),
        (of_strategy, "mutates", {"ask and tell are pure"}, "point: "),
        (of_strategy, "order", {"the order of candidates does not matter"}, "point: "),
        (of_strategy, "nan", {"a failed candidate carries no weight"}, "point: "),
        (of_strategy, "object", {"a saved state goes on identically"}, "State.extra"),
    ],
)
def test_a_planted_fault_is_found_and_said_with_figures(
    examined: Any, fault: str, broken: set[str], figures: str
) -> None:
    found = {result.promise: result for result in examined(fault) if not result.kept}
    assert broken <= found.keys()
    sentences = [fault for result in found.values() for fault in result.faults]
    assert any(figures in sentence for sentence in sentences), sentences
    assert all("\n" not in sentence for sentence in sentences)


def test_an_exception_of_the_class_is_a_fault_with_its_file_and_line() -> None:
    found = [result for result in of_learner("raises") if not result.kept]
    assert found
    assert "raised ArithmeticError: no second task" in found[0].faults[0]
    assert "broken_promises.py:" in found[0].faults[0]
