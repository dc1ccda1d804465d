"""Check the classes of one configuration: its family, learner and strategy."""

from collections.abc import Iterator

from spikeloop.coordinator.check.families import FAMILY_PROMISES, FamilyCase
from spikeloop.coordinator.check.learners import LEARNER_PROMISES, LearnerCase
from spikeloop.coordinator.check.promises import PromiseResult, examine
from spikeloop.coordinator.check.strategies import STRATEGY_PROMISES, StrategyCase
from spikeloop.coordinator.config.run_config import RunConfig

FIRST = next(iter(FAMILY_PROMISES))
"""The promise without which no other one can be checked."""


def check(config: RunConfig) -> Iterator[PromiseResult]:
    """Check one promise after the other, each when the iterator is advanced.

    The learner meets the configuration's own family, and the strategy searches its space. Nothing
    is written. A family without whole batches of tasks is all that is checked.
    """
    for result in examine("family", FAMILY_PROMISES, FamilyCase(config.family)):
        yield result
        if result.promise == FIRST and not result.kept:
            return
    yield from examine("learner", LEARNER_PROMISES, LearnerCase.draw(config.learner, config.family))
    yield from examine("strategy", STRATEGY_PROMISES, StrategyCase(config.strategy, config.space))
