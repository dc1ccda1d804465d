"""Families of tasks, and the returns that a random and an optimal policy get on them.

``FAMILIES`` is the table of all families; configuration, command line, contract tests and
documentation read it. A new family is one file in this folder and one row here.
"""

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import Interface, References, TaskBatch, TaskFamily
from spikeloop.tasks.informative_bandit import InformativeBandit
from spikeloop.tasks.maze import Maze
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.tasks.restless_bandit import RestlessBandit
from spikeloop.tasks.reversal_bandit import ReversalBandit
from spikeloop.tasks.two_step import TwoStep

FAMILIES: dict[str, type[TaskFamily]] = {
    "random_mdp": RandomMdp,
    "maze": Maze,
    "bandit": Bandit,
    "informative_bandit": InformativeBandit,
    "restless_bandit": RestlessBandit,
    "reversal_bandit": ReversalBandit,
    "two_step": TwoStep,
    "quadratic": Quadratic,
}

__all__ = ["FAMILIES", "Interface", "References", "TaskBatch", "TaskFamily"]
