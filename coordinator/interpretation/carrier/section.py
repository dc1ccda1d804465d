"""The section ``carrier``: what a network loses with the times of its recurrent spikes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.coordinator.interpretation.carrier import conditions as of
from spikeloop.coordinator.interpretation.carrier.conditions import Condition
from spikeloop.coordinator.interpretation.carrier.figure import losses_figure
from spikeloop.coordinator.interpretation.carrier.losses import (
    MARGIN,
    NOTHING,
    RATES,
    SMOOTHING,
    TIMES,
    UNDECIDED,
    VARIANCE,
    Returns,
    verdict,
)
from spikeloop.coordinator.interpretation.closed_loop.simulation import ClosedLoop
from spikeloop.coordinator.interpretation.closed_loop.subject import closed_loop
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes, why_no_network
from spikeloop.coordinator.interpretation.packages import one_thread
from spikeloop.coordinator.interpretation.results import Results, percent
from spikeloop.coordinator.interpretation.section import Note, Section
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.workers.seeding import Purpose, TaskSet, stream

EPISODES = 500
LEAST = 150
"""Episodes by default of tasks with few decisions, and of those with many."""
TIME_STEPS = 200_000
"""Of all episodes together, about which the default number of episodes is chosen."""
REPEATED = "repeated"
"""The intact network in the same tasks with other random numbers: the negative control."""

MEANING = {
    TIMES: "consistent with a code by times of spikes at a resolution of {ms:g} ms: jitter and "
    "filter both cost more than {margin} of the gain beyond a delay as long on average",
    RATES: "consistent with rates: times of recurrent spikes within {ms:g} ms are worth less "
    "than {margin} of the gain, by jitter and by filter, each beyond a delay as long on average",
    VARIANCE: "consistent with rates that are read with noise: jitter costs more than {margin} of "
    "the gain beyond its delay, a filter of {ms:g} ms, which has no noise, less",
    SMOOTHING: "consistent with responses faster than {ms:g} ms, not with times of single spikes: "
    "the filter costs more than {margin} of the gain beyond its delay, the jitter less",
    UNDECIDED: "undecided: an interval of the planned comparisons has {margin} of the gain within",
    NOTHING: "no verdict: the network gains nothing over the random policy that could be lost",
}


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
        jittered, filtered = of.jitter(self.planned), of.low_pass(self.planned)
        return verdict(self.returns.gain, self.beyond(jittered), self.beyond(filtered))


def measure(loop: ClosedLoop, seed: int, note: Note) -> Measured:
    """Simulate the episodes of a loop under all conditions.

    ``seed`` is that of the lesions' random numbers and of the bootstrap.
    """
    circuit, step_ms = loop.net.circuit, loop.net.learner.step_ms
    tested = of.strengths(step_ms)
    chosen = of.conditions(tested)
    intact = loop.run()
    other = ClosedLoop(loop.net, loop.tasks, loop.seeds ^ np.uint64(1 << 40))
    lesioned = {(REPEATED, 0.0): other.run().returns}
    moved = 0.0
    for number, condition in enumerate(chosen):
        note(f"carrier: lesion {number + 1} of {len(chosen)}")
        rng = stream(seed, Purpose.EPISODES, TaskSet.TRANSFER, number)
        exchange = condition.exchange(rng)
        carrier = None if condition.carrier is None else condition.carrier(rng)
        lesioned[condition.lesion, condition.steps] = loop.run(carrier, exchange).returns
        if exchange is not None and condition.lesion == of.EQUAL_COUNTS:
            moved = exchange.n_moved / max(1, exchange.n_trains)
    random = loop.tasks.references().random  # type: ignore[attr-defined]
    bootstrap = stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, len(chosen))
    return Measured(
        Returns(intact.returns, random, lesioned, bootstrap),
        tested,
        of.planned(circuit.n_steps, tested),
        step_ms,
        moved,
        intact.mean_rate_hz,
    )


def default_episodes(subject: Subject) -> int:
    """Give the number of episodes that were asked for, or one that takes a minute or two."""
    config: Any = subject.learned.config
    interface = config.family.interface
    time_steps = interface.n_steps * config.learner.circuit(interface).n_steps
    return subject.episodes(int(np.clip(TIME_STEPS // time_steps, LEAST, EPISODES)))


def interpret(subject: Subject, note: Note) -> Results:
    """Simulate the learned network with each lesion, and say what it is consistent with.

    Raises:
        Unavailable: JAX or the extra ``interpret`` is not installed.
    """
    held = HeldOutEpisodes(subject.learned, default_episodes(subject), subject.seed)
    with one_thread("carrier"):
        measured = measure(closed_loop(held), subject.seed, note)
    return results(measured)


def results(measured: Measured) -> Results:
    """Give the numbers, table, sentence and figure of what was measured."""
    returns, ms = measured.returns, measured.step_ms
    n, planned = len(returns.intact), measured.planned * measured.step_ms
    told = MEANING[measured.verdict].format(ms=planned, margin=f"{100 * MARGIN:.0f} %")
    repeated = Condition(REPEATED, 0, 0)
    equal, anything = of.EXCHANGES
    return Results(
        {
            "episodes": n,
            "mean_rate_hz": measured.rate_hz,
            "gain": returns.gain.as_json(),
            "margin": MARGIN,
            "planned_ms": planned,
            "verdict": measured.verdict,
            "repeated": returns.loss(repeated).as_json(),
            "losses": [
                {
                    "lesion": condition.lesion,
                    "ms": condition.steps * ms,
                    "mean_delay_ms": condition.mean_delay * ms,
                    "loss": returns.loss(condition).as_json(),
                    "beyond_matched_delay": None
                    if condition.lesion == of.DELAY or condition.carrier is None
                    else measured.beyond(condition).as_json(),
                }
                for condition in of.conditions(measured.tested)
            ],
            "trains_moved": measured.moved,
        },
        [_table(measured)],
        [
            f"Carrier: {told} ({n} episodes of one network)",
            f"Spike trains of other episodes with the same counts ({100 * measured.moved:.0f} % "
            f"of them other trains) cost {percent(returns.loss(equal))} of the gain, trains of any "
            f"counts {percent(returns.loss(anything))}",
            "Negative control, the same tasks with other random numbers: "
            f"{percent(returns.loss(repeated))}",
        ],
        {
            "losses": Drawing(
                losses_figure(measured),
                f"Loss of the gain by lesions of recurrent spikes, and beyond the constant delay "
                f"that matches each in the mean; {n} episodes of one trained network, 95 % "
                "intervals from a bootstrap over episodes. Grey: the margin that a loss has to "
                f"exceed to count, {100 * MARGIN:.0f} %; arrows: the planned comparisons.",
                "Two panels of curves over the strength of the lesion.",
            )
        },
    )


def _table(measured: Measured) -> Table:
    """Losses by J, and beyond the matched delays."""
    returns, rows = measured.returns, []
    for j in measured.tested:
        lesions = of.jitter(j), of.low_pass(j), of.resampling(j)
        cells = [percent(returns.loss(lesions[0])), percent(measured.beyond(lesions[0]))]
        cells += [percent(returns.loss(lesions[1])), percent(measured.beyond(lesions[1]))]
        cells.append(percent(returns.beyond(lesions[2], lesions[1])))
        rows.append([f"{j * measured.step_ms:g} ms", *cells])
    return Table(
        "Loss of what the intact network gains over the random policy",
        ("J", "jitter", "− its delay", "filter", "− its delay", "Poisson − filter"),
        rows,
        note=f"{len(returns.intact)} episodes, 95 % intervals from a bootstrap over episodes. "
        f"Planned: J = {measured.planned * measured.step_ms:g} ms; all other rows are exploratory.",
    )


CARRIER = Section(
    "whether it needs the times of its spikes, by lesions with matched controls",
    lambda subject: why_no_network(subject.learned),
    interpret,
)
