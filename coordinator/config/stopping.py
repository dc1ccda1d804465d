"""Rules that end a search early or restart it, as functions of rows already written.

Each rule reads rows of the table of generations (and, for the budget, the episodes that the next
generation would cost), and its decision is written into the last of them. So a resumed run decides
what an undisturbed one does, without further state.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, NonNegativeInt

from spikeloop.coordinator.config.limits import Share
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.space import fold

Rule: TypeAlias = Literal["episodes", "target", "spread", "patience"]
RULES: tuple[Rule, ...] = get_args(Rule)
Row: TypeAlias = Mapping[str, Any]


class StopSettings(Settings):
    """Table ``[stop]``: rules that end a search before its last generation, or restart it."""

    episodes: NonNegativeInt = Field(
        default=0,
        description="no generation begins that would exceed so many search episodes; 0: no limit",
    )
    target: Share = Field(
        default=0.0,
        description="ends once the held-out score's 95 % interval lies at or above it; 0 is never",
    )
    spread: NonNegativeFloat = Field(
        default=0.0,
        description="fires when the population's standard deviation, root mean square over "
        "coordinates, falls below it; 0 means never",
    )
    patience: NonNegativeInt = Field(
        default=0,
        description="fires after so many generations without a higher held-out score, checked "
        "where it is measured; 0 means never",
    )
    then: Literal["end", "restart"] = Field(
        default="end",
        description="after spread and patience: end, or restart at a random point",
    )

    def ends(self, rule: Rule | None) -> bool:
        """Whether the search is over once this rule has fired."""
        return rule in ("episodes", "target") or (rule is not None and self.then == "end")

    def restarts(self, rule: Rule | None) -> bool:
        """Whether the search restarts once this rule has fired."""
        return rule is not None and not self.ends(rule)

    def exhausted(self, episodes_done: int, needed: int) -> bool:
        """Whether a generation of ``needed`` episodes would exceed the budget."""
        return bool(self.episodes) and episodes_done + needed > self.episodes

    def collapsed(self, spread: float) -> bool:
        """Whether the population has become narrow; never for a single candidate (nan)."""
        return spread < self.spread

    def reached(self, row: Row) -> bool:
        """Whether the held-out score of a generation is at the target, with confidence.

        The lower end of the interval counts: the score is measured many times, and the first
        chance high value would end the search otherwise. A generation without a score, or whose
        held-out episodes all failed, never reaches it.
        """
        low = _number(row["held_out_low"])
        return self.target > 0 and low >= self.target

    def stalled(self, rows: Sequence[Row]) -> bool:
        """Whether the held-out score has not risen for ``patience`` generations.

        The monitor tasks are the same throughout, so scores of different generations are paired and
        any rise counts. Each epoch starts with a best score of its own.

        Args:
            rows: of all generations so far; nothing is decided unless the last has a score.
        """
        if not self.patience or not rows or rows[-1]["held_out_tasks"] is None:
            return False
        epoch = epoch_of(rows[-1])
        scores = {
            row["generation"]: _number(row["held_out_score"], failed=-np.inf)
            for row in rows
            if epoch_of(row) == epoch and row["held_out_tasks"] is not None
        }
        best = max(scores, key=lambda generation: (scores[generation], -generation))
        return bool(rows[-1]["generation"] - best >= self.patience)


def describe_stop(rule: Rule, settings: StopSettings, row: Row) -> str:
    """A line that says why a search ended or restarted after the generation of a row."""
    why = {
        "episodes": f"one more would exceed stop.episodes = {settings.episodes}",
        "target": f"held-out score at or above stop.target = {settings.target:g}",
        "spread": f"spread below stop.spread = {settings.spread:g}",
        "patience": f"held-out score not higher for stop.patience = {settings.patience} "
        "generations",
    }[rule]
    what = "restarted" if settings.restarts(rule) else "ended"
    return f"{what} after generation {row['generation']}: {why}"


def epoch_of(row: Row) -> int:
    """How often the search had restarted; rows of runs without restarts may lack it."""
    return int(row.get("epoch") or 0)


def population_spread(points: FloatArray, bounded: NDArray[np.bool_]) -> float:
    """Standard deviation of a population, root mean square over its coordinates.

    Bounded coordinates are folded into [0, 1] first, because 0.9 and 1.1 mean the same value.

    Args:
        points: (n_candidates, n_dim); a single candidate has no spread and gives nan.
        bounded: (n_dim,) as ``ParameterSpace.bounded`` gives it.
    """
    if len(points) < 2:
        return float("nan")
    return float(np.sqrt(fold(points, bounded).var(axis=0, ddof=1).mean()))


def _number(value: float | None, failed: float = float("nan")) -> float:
    """The value of a nullable column; ``failed`` where there is none."""
    return failed if value is None or np.isnan(value) else float(value)
