"""The inner-loop models.

``LEARNERS`` is the table of what there is; configuration, command line, contract tests and
documentation read it. A new learner is one file in this folder and one row here.
"""

from spikeloop.workers.base import Learner
from spikeloop.workers.learners.brian_model.learner import BrianModel
from spikeloop.workers.learners.brian_rstdp.learner import BrianRstdp
from spikeloop.workers.learners.brian_td import BrianTd
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.learners.on_chip_search import OnChipSearch
from spikeloop.workers.learners.reservoir.brian_liquid import BrianLiquid
from spikeloop.workers.learners.reservoir.brian_recurrent import BrianRecurrent
from spikeloop.workers.learners.tabular.learner import TabularTd

LEARNERS: dict[str, type[Learner]] = {
    "chip": ChipAgent,
    "on_chip_search": OnChipSearch,
    "tabular_td": TabularTd,
    "brian_td": BrianTd,
    "brian_rstdp": BrianRstdp,
    "brian_recurrent": BrianRecurrent,
    "brian_model": BrianModel,
    "brian_liquid": BrianLiquid,
    "lsnn": Lsnn,
}

__all__ = [
    "LEARNERS",
    "BrianLiquid",
    "BrianModel",
    "BrianRecurrent",
    "BrianRstdp",
    "BrianTd",
    "ChipAgent",
    "Learner",
    "Lsnn",
    "OnChipSearch",
    "TabularTd",
]
