"""Lesions of a network's state: parts of it are exchanged between episodes, or put to rest.

After an exchange each episode goes on with that part of the state of another task, so its
statistics stay what they were, and only what it knows of the task is another's. Put to rest, the
part is as at the start of an episode.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spikeloop.coordinator.interpretation.closed_loop.simulation import (
    ClosedLoop,
    Simulated,
    State,
)

SLOW, FAST = ("b",), ("v", "z", "waiting", "y", "axons")
PARTS = {
    "adaptation": SLOW,
    "running activity": FAST,
    "everything": (*SLOW, *FAST),
}
"""Parts of the state by their names; running activity is potentials, refractoriness, spikes under
way and filtered readouts."""


@dataclass(frozen=True)
class StateLesion:
    """A lesion of the state.

    Attributes:
        part: a name of ``PARTS``; or "adaptation's effect", which is β = 0 all the time.
        how: "of other episodes", "at rest", or "none" for β = 0.
        once: the only decision before which it happens; None for all decisions but the first.
    """

    part: str
    how: str
    once: int | None = None

    @property
    def name(self) -> str:
        """Name the lesion, without when it happens."""
        return "no adaptation (β = 0)" if self.how == "none" else f"{self.part} {self.how}"

    def run(self, loop: ClosedLoop, rng: np.random.Generator) -> Simulated:
        """Run the episodes of a loop with this lesion."""
        if self.how == "none":
            return replace(loop, beta_scale=0.0).run()

        def change(decision: int, state: State) -> None:
            if decision == 0 or self.once not in (None, decision):
                return
            if self.how == "at rest":
                state.rest(PARTS[self.part])
            else:
                state.exchange(PARTS[self.part], cycle(len(loop.seeds), rng))

        return loop.run(change=change)


def cycle(n: int, rng: np.random.Generator) -> "np.ndarray":
    """Draw a permutation of n episodes, (n,), in which none keeps its own place."""
    order, other = rng.permutation(n), np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


def lesions(n_decisions: int) -> Mapping[str, list[StateLesion]]:
    """Return the lesions before each decision, and those before the one in the middle."""
    exchanged = [StateLesion(part, "of other episodes") for part in PARTS]
    rested = [StateLesion(part, "at rest") for part in ("adaptation", "running activity")]
    middle = n_decisions // 2
    return {
        "always": [*exchanged, *rested, StateLesion("adaptation", "none")],
        "once": [replace(lesion, once=middle) for lesion in (*exchanged, *rested)]
        if middle
        else [],
    }
