"""The result of a check: lines for a terminal or a notebook, and plain values for programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spikeloop.coordinator.check.promises import PromiseResult
from spikeloop.coordinator.check.references import FALSE_ALARMS

KEPT, BROKEN, SKIPPED = "✓", "✗", "–"


@dataclass(frozen=True)
class CheckReport:
    """Which promises the family, the learner and the strategy of a configuration keep.

    Attributes:
        results: one for each promise, in order.
    """

    results: tuple[PromiseResult, ...]

    @property
    def ok(self) -> bool:
        """Whether no promise is broken."""
        return not self.broken

    @property
    def broken(self) -> tuple[PromiseResult, ...]:
        """The promises against which something was found."""
        return tuple(result for result in self.results if not result.kept)

    def summary(self) -> str:
        """One line: how many promises are kept, and how sure that is."""
        skipped = sum(bool(result.skipped) for result in self.results)
        kept = len(self.results) - len(self.broken) - skipped
        return (
            f"{kept} of {len(self.results)} promises are kept, not checked: {skipped}; references "
            f"are compared so that a right family fails with a probability below {FALSE_ALARMS:g}"
        )

    def as_json(self) -> dict[str, Any]:
        """Give everything as plain values."""
        rows = [{**vars(result), "kept": result.kept} for result in self.results]
        return {"ok": self.ok, "promises": rows}

    def __repr__(self) -> str:
        """Give the lines that ``spikeloop check`` prints."""
        lines = [line for result in self.results for line in describe(result)]
        return "\n".join((*lines, self.summary()))


def describe(result: PromiseResult) -> Iterator[str]:
    """Yield the line of a promise, and one for each fault, or why it was not checked."""
    sign = SKIPPED if result.skipped else KEPT if result.kept else BROKEN
    yield f"{sign} {result.part:8}  {result.promise}"
    for line in (*result.faults, *filter(None, [result.skipped])):
        yield f"    {line}"
