"""The conditions under which a network is simulated, to see what its recurrent spikes carry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.carrier.lesions import (
    Delay,
    ExchangedTrains,
    Filter,
    Jitter,
    Resampling,
)
from spikeloop.coordinator.interpretation.closed_loop.axons import Carrier

INTERVALS_MS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""J of the lesions."""

JITTER, DELAY, FILTER, RESAMPLING = "jitter", "delay", "filter", "resampling"
EQUAL_COUNTS, ANY_COUNTS = "exchange, equal counts", "exchange, any counts"


@dataclass(frozen=True)
class Condition:
    """A lesion of a certain strength.

    Attributes:
        lesion: its name.
        steps: J, or of a delay its mean, in time steps; 0 for exchanges.
        mean_delay: by which spikes arrive later on average, in time steps.
        carrier: makes the carrier for a simulation; None for exchanges.
    """

    lesion: str
    steps: float
    mean_delay: float
    carrier: Callable[[np.random.Generator], Carrier] | None = None

    @property
    def control(self) -> "Condition":
        """Return the delay without any other change that is as long on average."""
        return delay(self.mean_delay)

    def exchange(self, rng: np.random.Generator) -> ExchangedTrains | None:
        """Make the exchange of trains for a simulation; None for carriers."""
        if self.carrier is not None:
            return None
        return ExchangedTrains(rng, equal_counts=self.lesion == EQUAL_COUNTS)


def delay(mean: float) -> Condition:
    """Return the condition of a constant delay, in time steps."""
    return Condition(DELAY, mean, mean, lambda rng: Delay(mean))


def jitter(steps: int) -> Condition:
    """Return the condition of a jitter of up to so many time steps."""
    return Condition(JITTER, steps, steps / 2, lambda rng: Jitter(steps, rng))


def low_pass(steps: int) -> Condition:
    """Return the condition of a filter of that time constant in time steps."""
    return Condition(FILTER, steps, steps, lambda rng: Filter(steps))


def resampling(steps: int) -> Condition:
    """Return the condition of Poisson spikes of the filtered rate."""
    return Condition(RESAMPLING, steps, steps, lambda rng: Resampling(steps, rng))


EXCHANGES = Condition(EQUAL_COUNTS, 0, 0), Condition(ANY_COUNTS, 0, 0)


def strengths(step_ms: float) -> list[int]:
    """Return J in time steps, without those shorter than one step."""
    return sorted({round(ms / step_ms) for ms in INTERVALS_MS if ms >= step_ms})


def planned(window_steps: int, tested: Sequence[int]) -> int:
    """Return the J of the planned comparison: the largest up to half of a decision's window.

    Longer ones move many spikes into the next decision, whatever they carry.
    """
    return max((j for j in tested if 2 * j <= window_steps), default=min(tested))


def conditions(tested: Sequence[int]) -> list[Condition]:
    """Return all conditions: each lesion at each J, every delay that one is held against."""
    lesions = [make(j) for make in (jitter, low_pass, resampling) for j in tested]
    delays = sorted({lesion.mean_delay for lesion in lesions})
    return [*lesions, *(delay(mean) for mean in delays), *EXCHANGES]
