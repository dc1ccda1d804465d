"""Plasticity programs for the chip: one file per program, settings, memory and rule together.

``PROGRAMS`` is the table of what there is. A new program is one file in this folder, one row here
and one in ``ChipAgent.program``; ``hooks`` says what its functions get.
"""

from spikeloop.workers.plasticity.program import PlasticityProgram
from spikeloop.workers.plasticity.reward_stdp import RewardStdp
from spikeloop.workers.plasticity.td_lambda import TdLambda
from spikeloop.workers.plasticity.td_published import TdPublished

PROGRAMS: dict[str, type[PlasticityProgram]] = {
    "reward_stdp": RewardStdp,
    "td_lambda": TdLambda,
    "td_published": TdPublished,
}

__all__ = ["PROGRAMS", "PlasticityProgram", "RewardStdp", "TdLambda", "TdPublished"]
