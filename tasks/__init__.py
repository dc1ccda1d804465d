"""What is to be learned: families of tasks, and what a random and an optimal policy earn.

``FAMILIES`` is the table of what there is; configuration, command line, contract tests and
documentation read it. A new family is one file in this folder and one row here.
"""

from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.base import Interface, References, TaskBatch, TaskFamily
from spikeloop.tasks.maze import Maze
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic

FAMILIES: dict[str, type[TaskFamily]] = {
    "random_mdp": RandomMdp,
    "maze": Maze,
    "bandit": Bandit,
    "quadratic": Quadratic,
}

__all__ = ["FAMILIES", "Interface", "References", "TaskBatch", "TaskFamily"]
