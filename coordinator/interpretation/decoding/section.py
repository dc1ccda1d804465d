"""The section ``decoding``: what can be read from spikes, by counts and by times, and when.

What can be read is not what is used: only lesions say that (section ``carrier``).
"""

from spikeloop.coordinator.interpretation.closed_loop.subject import closed_loop, default_episodes
from spikeloop.coordinator.interpretation.decoding import features as of
from spikeloop.coordinator.interpretation.decoding.figure import decoding_figure
from spikeloop.coordinator.interpretation.decoding.measurement import (
    PERMUTED,
    UNTRAINED,
    Decoding,
    measure,
)
from spikeloop.coordinator.interpretation.held_out_episodes import (
    HeldOutEpisodes,
    why_not_one_network,
)
from spikeloop.coordinator.interpretation.packages import one_thread
from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.interpretation.section import Note, Section
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.coordinator.stats.bootstrap import Interval

COLUMNS = (of.COUNTS, of.BINS, of.LATENCIES, of.SHUFFLED, PERMUTED, UNTRAINED)


def interpret(subject: Subject, note: Note) -> Results:
    """Read from the spikes of the learned network, and of the untrained one.

    Raises:
        Unavailable: JAX or the extra ``interpret`` is not installed.
    """
    held = HeldOutEpisodes(subject.learned, default_episodes(subject), subject.seed)
    with one_thread("decoding"):
        return results(
            measure(closed_loop(held), closed_loop(held, held.default), subject.seed, note)
        )


def results(decoding: Decoding) -> Results:
    """Give the numbers, table, sentences and figure of what was read."""
    n, decision = decoding.n_episodes, decoding.planned + 1
    return Results(
        {
            "episodes": n,
            "decision": decision,
            "targets": [
                {
                    "target": reading.target,
                    "explained": {
                        name: reading.share(name).as_json() for name in reading.explained
                    },
                    "in_times": reading.in_times.as_json(),
                }
                for reading in decoding.readings
            ],
            "over_time": {
                "target": decoding.about,
                "decisions": [at + 1 for at in decoding.decisions],
                "explained": decoding.over_time.tolist(),
            },
        },
        [
            Table(
                f"Share of variance or entropy that spikes of decision {decision} explain",
                ("target", *COLUMNS, "bins − shuffled"),
                [
                    [
                        reading.target,
                        *(
                            _short(reading.share(name)) if name in reading.explained else "–"
                            for name in COLUMNS
                        ),
                        _short(reading.in_times),
                    ]
                    for reading in decoding.readings
                ],
                note=f"Of {n} held-out episodes, nested cross-validation by episode; 95 % "
                "intervals, bootstrap over episodes with their decoders fixed. Shuffled: each "
                "neuron's spikes within its window. Permuted labels are read from bins, the "
                "untrained network from counts.",
            )
        ],
        [
            f"Times of spikes within the window add {_short(reading.in_times)} to what is "
            f"explained of the {reading.target}"
            for reading in decoding.readings
        ],
        {
            "explained": Drawing(
                decoding_figure(decoding),
                "Left: share of variance or entropy explained by decoders of the spikes of "
                f"decision {decision}. Right: {decoding.about or 'nothing'} read from counts by "
                "decoders fitted at one decision and tested at another. "
                f"{n} episodes of one trained network, held out by folds; 95 % intervals. "
                "Decodable is not used.",
                "Points by target and features; a matrix of shares by decision.",
            )
        },
    )


def _short(interval: Interval) -> str:
    """For example "0.51 [0.48, 0.54]"."""
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


DECODING = Section(
    "what can be read from its spikes, by counts and by times, and when",
    lambda subject: why_not_one_network(subject.learned),
    interpret,
)
