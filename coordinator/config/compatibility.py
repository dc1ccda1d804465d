"""Which learner runs on which family, asked of the classes themselves."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spikeloop.tasks import FAMILIES
from spikeloop.tasks.base import TaskFamily
from spikeloop.workers.base import ChecksTasks, Learner, Unavailable
from spikeloop.workers.learners import LEARNERS


@dataclass(frozen=True)
class Pair:
    """A learner and a family, both with their default settings.

    Attributes:
        learner: its kind.
        family: its kind.
        refusal: why the learner does not run there, in one line; "" if it does.
    """

    learner: str
    family: str
    refusal: str


def pairs() -> Iterator[Pair]:
    """Give all pairs of the two tables."""
    for kind, learner in LEARNERS.items():
        for name, family in FAMILIES.items():
            yield Pair(kind, name, refusal(learner(), family()))


def refusal(learner: Learner, family: TaskFamily) -> str:
    """Why a learner does not run on a family, in one line; "" if it does.

    This is what a configuration with the two is refused with, before anything runs.
    """
    try:
        learner.space(family.interface)
        if isinstance(learner, ChecksTasks):
            learner.check_tasks(family.sample(1, np.random.default_rng(0)))
    except ValueError as error:
        return str(error)
    except Unavailable:  # what is not installed here says nothing about the pair
        return ""
    return ""
