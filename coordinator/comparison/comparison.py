"""A comparison that is under way: what its phases have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
from spikeloop.coordinator.search.reporter import SessionReporter


class ComparisonReporter(SessionReporter, Protocol):
    """Something that shows the progress of a comparison."""

    def trial(
        self, strategy: str, number: int, state: str, value: float, spent: int, reason: str
    ) -> None:
        """Report a trial that has ended; the reason is empty unless it was pruned or failed."""
        ...

    def result(self, row: Mapping[str, Any]) -> None:
        """Report a search of the final phase that has been scored."""
        ...


@dataclass(frozen=True)
class OpenComparison:
    """A comparison with its open workers."""

    config: ComparisonConfig
    folder: Path
    pool: WorkerPool
    reporter: ComparisonReporter
