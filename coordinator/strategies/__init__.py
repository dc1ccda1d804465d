"""Search strategies: which points to try next.

``STRATEGIES`` is the table of all of them; configuration, command line, contract tests and
documentation read it. A new strategy is one file in this folder and one row here.
"""

from typing import Any

from spikeloop.coordinator.strategies.annealing import Annealing
from spikeloop.coordinator.strategies.base import Evaluation, Strategy
from spikeloop.coordinator.strategies.bptt import Bptt
from spikeloop.coordinator.strategies.cma_es import CmaEs
from spikeloop.coordinator.strategies.cross_entropy import CrossEntropy
from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.coordinator.strategies.finite_differences import FiniteDifferences
from spikeloop.coordinator.strategies.genetic import Genetic
from spikeloop.coordinator.strategies.grid import GridSearch
from spikeloop.coordinator.strategies.natural_evolution import NaturalEvolution
from spikeloop.coordinator.strategies.on_chip import OnChip
from spikeloop.coordinator.strategies.parallel_tempering import ParallelTempering
from spikeloop.coordinator.strategies.published.annealing import AnnealingPublished
from spikeloop.coordinator.strategies.published.cross_entropy import CrossEntropyPublished
from spikeloop.coordinator.strategies.published.evolution import EvolutionPublished
from spikeloop.coordinator.strategies.random_search import RandomSearch

STRATEGIES: dict[str, type[Strategy[Any]]] = {
    "annealing": Annealing,
    "annealing_published": AnnealingPublished,
    "bptt": Bptt,
    "cma_es": CmaEs,
    "cross_entropy": CrossEntropy,
    "cross_entropy_published": CrossEntropyPublished,
    "evolution": Evolution,
    "evolution_published": EvolutionPublished,
    "finite_differences": FiniteDifferences,
    "genetic": Genetic,
    "grid": GridSearch,
    "natural_evolution": NaturalEvolution,
    "on_chip": OnChip,
    "parallel_tempering": ParallelTempering,
    "random_search": RandomSearch,
}

__all__ = ["STRATEGIES", "Evaluation", "Strategy"]
