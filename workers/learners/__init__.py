"""The inner-loop models.

``LEARNERS`` is the table of what there is; configuration, command line, contract tests and
documentation read it. A new learner is one file in this folder and one row here.
"""

from spikeloop.workers.base import Learner
from spikeloop.workers.learners.chip import ChipAgent
from spikeloop.workers.learners.tabular import TabularTd

LEARNERS: dict[str, type[Learner]] = {
    "chip": ChipAgent,
    "tabular_td": TabularTd,
}

__all__ = ["LEARNERS", "ChipAgent", "Learner", "TabularTd"]
