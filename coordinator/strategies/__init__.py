"""What to try next: search strategies.

``STRATEGIES`` is the table of what there is; configuration, command line, contract tests and
documentation read it. A new strategy is one file in this folder and one row here.
"""

from typing import Any

from spikeloop.coordinator.strategies.base import Evaluation, Strategy
from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.coordinator.strategies.random_search import RandomSearch

STRATEGIES: dict[str, type[Strategy[Any]]] = {
    "evolution": Evolution,
    "random_search": RandomSearch,
}

__all__ = ["STRATEGIES", "Evaluation", "Strategy"]
