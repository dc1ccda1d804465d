"""Returns of one network under all conditions of the section ``carrier``."""

from dataclasses import dataclass

from spikeloop.coordinator.interpretation.carrier import conditions as of
from spikeloop.coordinator.interpretation.carrier.conditions import Condition
from spikeloop.coordinator.interpretation.carrier.losses import Returns, verdict
from spikeloop.coordinator.interpretation.closed_loop.simulation import ClosedLoop
from spikeloop.coordinator.interpretation.section import Note
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.workers.seeding import Purpose, TaskSet, stream

REPEATED = "repeated"
"""The intact network in the same tasks with other random numbers: the negative control."""


@dataclass(frozen=True)
class Measured:
    """Simulations of one network under all conditions.

    Attributes:
        returns: of the episodes.
        tested: J in time steps.
        planned: J of the planned comparisons.
        step_ms: length of a time step.
        moved: share of the trains with spikes that an exchange at equal counts changed.
        rate_hz: mean firing rate of the intact network.
    """

    returns: Returns
    tested: list[int]
    planned: int
    step_ms: float
    moved: float
    rate_hz: float

    def beyond(self, condition: Condition) -> Interval:
        """Return the loss of a condition beyond the delay that matches it."""
        return self.returns.beyond(condition, condition.control)

    @property
    def verdict(self) -> str:
        """Name the verdict of the planned comparisons."""
        return verdict(
            self.returns.gain,
            self.beyond(of.jitter(self.planned)),
            self.beyond(of.low_pass(self.planned)),
            self.returns.loss(of.EXCHANGES[0]),
        )


def measure(loop: ClosedLoop, seed: int, note: Note) -> Measured:
    """Simulate the episodes of a loop under all conditions.

    ``seed`` is that of the lesions' random numbers and of the bootstrap.
    """
    circuit, step_ms = loop.net.circuit, loop.net.learner.step_ms
    tested = of.strengths(step_ms)
    chosen = of.conditions(tested)
    intact = loop.run()
    lesioned = {(REPEATED, 0.0): loop.with_other_random_numbers().run().returns}
    moved = 0.0
    for number, condition in enumerate(chosen):
        note(f"carrier: lesion {number + 1} of {len(chosen)}")
        rng = stream(seed, Purpose.EPISODES, TaskSet.TRANSFER, number)
        exchange = condition.exchange(rng)
        carrier = None if condition.carrier is None else condition.carrier(rng)
        lesioned[condition.lesion, condition.steps] = loop.run(carrier, exchange).returns
        if exchange is not None and condition.lesion == of.EQUAL_COUNTS:
            moved = exchange.n_moved / max(1, exchange.n_trains)
    random = loop.tasks.references().random
    bootstrap = stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, len(chosen))
    return Measured(
        Returns(intact.returns, random, lesioned, bootstrap),
        tested,
        of.planned(circuit.n_steps, tested),
        step_ms,
        moved,
        intact.mean_rate_hz,
    )
