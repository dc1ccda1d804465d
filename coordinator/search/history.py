"""Remember of earlier generations only what the rest of a search depends on."""

from collections.abc import Iterable

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.stopping import Row, epoch_of

KEPT = (
    "generation",
    "epoch",
    "mean",
    "total_episodes",
    "stopped",
    "held_out_score",
    "held_out_low",
    "held_out_high",
    "held_out_tasks",
)
"""Columns of earlier generations that stop rules, the curriculum and live metrics read."""


class History:
    """Rows of the committed generations that may still be read, in order.

    The rules of ``[stop]`` read the last row, the rows with a held-out score and the first row of
    an epoch. All others are dropped, so that a long search does not need more and more memory.

    Attributes:
        rows: that may still be read.
        stage: stages of the curriculum that are over at the generation to come.
    """

    def __init__(self, config: RunConfig, rows: Iterable[Row] = ()) -> None:
        self._config = config
        self.rows: list[Row] = []
        self.stage = config.stage_at(1)
        for row in rows:
            self.add(row)

    @property
    def last(self) -> Row | None:
        """The row of the last generation; None before the first."""
        return self.rows[-1] if self.rows else None

    @property
    def total_episodes(self) -> int:
        """Episodes of the search so far."""
        return 0 if self.last is None else self.last["total_episodes"]

    def add(self, row: Row) -> None:
        """Take the row after the last one."""
        if self.rows:
            first = len(self.rows) == 1 or epoch_of(self.rows[-2]) != epoch_of(self.rows[-1])
            if not first and self.rows[-1]["held_out_tasks"] is None:
                self.rows.pop()
        self.rows.append({name: row[name] for name in KEPT})
        self.stage = self._config.stage_at(row["generation"] + 1, self.stage, row["mean"])
