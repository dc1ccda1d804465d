"""The section ``carrier``: what a network loses with the times of its recurrent spikes."""

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
)
from spikeloop.coordinator.interpretation.carrier.measurement import REPEATED, Measured, measure
from spikeloop.coordinator.interpretation.closed_loop.subject import closed_loop, default_episodes
from spikeloop.coordinator.interpretation.held_out_episodes import (
    HeldOutEpisodes,
    why_not_one_network,
)
from spikeloop.coordinator.interpretation.packages import one_thread
from spikeloop.coordinator.interpretation.results import Results, percent
from spikeloop.coordinator.interpretation.section import Note, Section
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.report.page import Drawing, Table

EPISODES = 1000
"""Episodes by default, at most: so many show a difference of a few percent of the gain."""
LEAST = 20
"""Episodes at least: intervals over a handful are too narrow for a verdict."""

MEANING = {
    TIMES: "consistent with a code by times of spikes: jitter and filter of {ms:g} ms cost more "
    "than {margin} of the gain beyond delays as long on average, and so do trains of other "
    "episodes with the same counts",
    RATES: "consistent with rates, and times of recurrent spikes are worth less than {margin} of "
    "the gain: by jitter and filter of {ms:g} ms, each beyond a delay as long on average, and by "
    "trains of other episodes with the same counts",
    VARIANCE: "consistent with rates that are read with noise: of the planned comparisons at "
    "{ms:g} ms only jitter, which adds variance, costs more than {margin} of the gain",
    SMOOTHING: "consistent with responses faster than {ms:g} ms, not with times of single spikes: "
    "the filter costs more than {margin} of the gain beyond its delay, the jitter less",
    UNDECIDED: "undecided: the planned comparisons at {ms:g} ms do not agree, or an interval has "
    "the margin of {margin} of the gain within",
    NOTHING: "no verdict: the network gains nothing over the random policy that could be lost",
}


def interpret(subject: Subject, note: Note) -> Results:
    """Simulate the learned network with each lesion, and say what it is consistent with.

    Raises:
        ConfigError: fewer than ``LEAST`` episodes.
        Unavailable: JAX or the extra ``interpret`` is not installed.
    """
    n_episodes = default_episodes(subject, EPISODES, LEAST)
    held = HeldOutEpisodes(subject.learned, n_episodes, subject.seed)
    with one_thread("carrier"):
        measured = measure(closed_loop(held), subject.seed, note)
    return results(measured)


def results(measured: Measured) -> Results:
    """Give the numbers, table, sentence and figure of what was measured."""
    returns, ms = measured.returns, measured.step_ms
    n, planned = len(returns.intact), measured.planned * measured.step_ms
    verdict = MEANING[measured.verdict].format(ms=planned, margin=f"{100 * MARGIN:.0f} %")
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
            f"Carrier: {verdict} ({n} episodes of one network)",
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
                f"exceed to count, {100 * MARGIN:.0f} %; dashed: J of the planned comparisons.",
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
    lambda subject: why_not_one_network(subject.learned),
    interpret,
)
