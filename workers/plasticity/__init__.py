"""Plasticity programs for the chip: one file per program, with its settings, memory and rule.

``PROGRAMS`` is the table of all programs. A new program is one file in this folder, one row here
and one in ``ChipAgent.program``; ``hooks`` documents its functions.
"""

from spikeloop.workers.plasticity.fictive import Fictive
from spikeloop.workers.plasticity.formula import Formula
from spikeloop.workers.plasticity.incremental import Incremental
from spikeloop.workers.plasticity.plasticity_network import PlasticityNetwork
from spikeloop.workers.plasticity.plasticity_network_published import PlasticityNetworkPublished
from spikeloop.workers.plasticity.posterior_mean import PosteriorMean
from spikeloop.workers.plasticity.program import PlasticityProgram
from spikeloop.workers.plasticity.reward_stdp import RewardStdp
from spikeloop.workers.plasticity.td_advantage import TdAdvantage
from spikeloop.workers.plasticity.td_lambda import TdLambda
from spikeloop.workers.plasticity.td_network import TdNetwork
from spikeloop.workers.plasticity.td_published import TdPublished

PROGRAMS: dict[str, type[PlasticityProgram]] = {
    "fictive": Fictive,
    "formula": Formula,
    "incremental": Incremental,
    "plasticity_network": PlasticityNetwork,
    "plasticity_network_published": PlasticityNetworkPublished,
    "posterior_mean": PosteriorMean,
    "reward_stdp": RewardStdp,
    "td_advantage": TdAdvantage,
    "td_lambda": TdLambda,
    "td_network": TdNetwork,
    "td_published": TdPublished,
}

__all__ = [
    "PROGRAMS",
    "Fictive",
    "Formula",
    "Incremental",
    "PlasticityNetwork",
    "PlasticityNetworkPublished",
    "PlasticityProgram",
    "PosteriorMean",
    "RewardStdp",
    "TdAdvantage",
    "TdLambda",
    "TdNetwork",
    "TdPublished",
]
