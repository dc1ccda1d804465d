"""The section ``memory``: what a network loses with parts of its state."""

from spikeloop.coordinator.interpretation.closed_loop.subject import closed_loop, default_episodes
from spikeloop.coordinator.interpretation.held_out_episodes import (
    HeldOutEpisodes,
    why_not_one_network,
)
from spikeloop.coordinator.interpretation.memory.figure import memory_figure
from spikeloop.coordinator.interpretation.memory.measurement import Memory, measure
from spikeloop.coordinator.interpretation.packages import one_thread
from spikeloop.coordinator.interpretation.results import Results, percent
from spikeloop.coordinator.interpretation.section import Note, Section
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.report.page import Drawing, Table

CONTROL = "other random numbers"


def interpret(subject: Subject, note: Note) -> Results:
    """Simulate the learned network with each lesion.

    Raises:
        Unavailable: JAX or the extra ``interpret`` is not installed.
    """
    held = HeldOutEpisodes(subject.learned, default_episodes(subject), subject.seed)
    with one_thread("memory"):
        return results(measure(closed_loop(held), subject.seed, note))


def results(memory: Memory) -> Results:
    """Give the numbers, tables and figure of what was measured."""
    n = len(memory.intact)
    always = {one: memory.loss(r) for one, r in memory.lesioned.items() if one.once is None}
    once = {one: memory.loss(r, one.once) for one, r in memory.lesioned.items() if one.once}
    control = memory.loss(memory.repeated)
    rows = [[one.name, percent(loss)] for one, loss in always.items()]
    tables = [
        Table(
            "State before each decision but the first: loss of the gain over the random policy",
            ("state", "loss"),
            [*rows, [CONTROL, percent(control)]],
            note=f"{n} episodes of one network, 95 % intervals, bootstrap over episodes. What is "
            "exchanged or put to rest before each decision also loses what came in with the one "
            "before, not only what had been learned.",
        )
    ]
    if once:
        middle = next(iter(once)).once
        assert middle is not None
        at = {one: memory.curve(memory.lesioned[one]).at(middle) for one in once}
        tables.append(
            Table(
                f"State before decision {middle + 1} alone: loss from there on",
                ("state", "in that decision", "to the end"),
                [[one.name, percent(at[one]), percent(loss)] for one, loss in once.items()],
                note="Of the mean gain of a decision, and of the gain of all decisions from that "
                "one on.",
            )
        )
    return Results(
        {
            "episodes": n,
            "always": {one.name: loss.as_json() for one, loss in always.items()},
            "once": {
                one.name: {
                    "decision": one.once,
                    "loss": loss.as_json(),
                    "by_decision": memory.curve(memory.lesioned[one]).mean.tolist(),
                }
                for one, loss in once.items()
            },
            "repeated": control.as_json(),
        },
        tables,
        [],
        {
            "lesions": Drawing(
                memory_figure(memory, always, {CONTROL: control}),
                f"Loss of the gain by lesions of the state, {n} episodes of one trained network; "
                "95 % intervals, bootstrap over episodes. Control: the same tasks with other "
                "random numbers.",
                "Points by lesion; curves by decision after a single exchange.",
            )
        },
    )


MEMORY = Section(
    "where it keeps what it has learned of a task, by lesions of its state",
    lambda subject: why_not_one_network(subject.learned),
    interpret,
)
