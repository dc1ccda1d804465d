"""The whole study of a learner's policy: choices, models, ceiling, recovery, verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.held_out_choices import held_out_choices
from spikeloop.coordinator.interpretation.policy import comparison
from spikeloop.coordinator.interpretation.policy.catalogue import choice_models
from spikeloop.coordinator.interpretation.policy.choices import Choices
from spikeloop.coordinator.interpretation.policy.comparison import Compared
from spikeloop.coordinator.interpretation.policy.curves import Curves, curves, success_name
from spikeloop.coordinator.interpretation.policy.recovery import Recovery, recover
from spikeloop.coordinator.interpretation.policy.simulate import simulate
from spikeloop.coordinator.interpretation.policy.verdict import Verdict, judge
from spikeloop.coordinator.interpretation.section import Note
from spikeloop.coordinator.stats.bootstrap import Interval, draw_counts
from spikeloop.tasks.base import TaskBatch, TaskFamily
from spikeloop.workers import xla
from spikeloop.workers.seeding import Purpose, TaskSet, stream

LEARNER = "learner"


@dataclass(frozen=True)
class Study:
    """The results.

    Attributes:
        n_episodes: held-out episodes.
        compared: the models, the one that predicts held-out episodes best first.
        held_out: nats of a held-out choice, by model.
        ceiling: nats of a held-out choice, by number of gated units.
        parameters: of the best model.
        recovery: which models are recognised.
        verdict: what follows.
        curves: of the learner, the best model and the runner-up, by name.
        success: name of the first curve.
    """

    n_episodes: int
    compared: Sequence[Compared]
    held_out: Mapping[str, Interval]
    ceiling: Mapping[int, Interval]
    parameters: Mapping[str, Interval]
    recovery: Recovery
    verdict: Verdict
    curves: Mapping[str, Curves]
    success: str


def study(learned: Learned, n_episodes: int, seed: int, note: Note) -> Study:
    """Run held-out episodes of a learned point, and study their choices."""
    xla.jax("the ceiling of the section policy")  # found missing now, not after minutes
    held = held_out_choices(learned, n_episodes, seed)
    choices = Choices(held.actions, held.feedback)
    return study_choices(
        choices, held.tasks, learned.config.held_out_family, (learned.config.run.seed, seed), note
    )


def study_choices(
    choices: Choices, tasks: TaskBatch, family: TaskFamily, seeds: tuple[int, int], note: Note
) -> Study:
    """Study choices in some tasks.

    Args:
        choices: one episode for each task.
        tasks: of a family of two-armed bandits.
        family: the family.
        seeds: of a run, and of its held-out tasks.
        note: takes lines on the progress.
    """
    ceilings, repeats, resamples, refits, episodes = (
        stream(seeds[0], Purpose.INTERPRETATION, TaskSet.TRANSFER, seeds[1], k) for k in range(5)
    )
    compared = comparison.compare(choice_models(family), choices, note)
    compared.sort(key=lambda one: -one.held_out.mean())
    gated = comparison.ceiling(choices, ceilings, note)
    recovery = recover(compared, tasks, repeats, note)
    counts = draw_counts(choices.n_episodes, comparison.N_RESAMPLES, resamples)
    best, others = compared[0], compared[1:]
    ahead = {one.model.name: best.held_out - one.held_out for one in others}
    units = max(gated, key=lambda size: float(gated[size].mean()))
    below = {units: gated[units] - best.held_out}
    note("policy: parameters of the best model on resampled episodes")
    shown = {LEARNER: choices} | {
        one.model.name: simulate(one.model, one.fit, tasks, episodes) for one in compared[:2]
    }
    return Study(
        n_episodes=choices.n_episodes,
        compared=compared,
        held_out=comparison.means({one.model.name: one.held_out for one in compared}, counts),
        ceiling=comparison.means(gated, counts),
        parameters=comparison.parameter_intervals(best, choices, refits),
        recovery=recovery,
        verdict=judge(
            compared,
            recovery,
            comparison.means(ahead, counts),
            units,
            comparison.means(below, counts)[units],
        ),
        curves={name: curves(one, tasks, counts) for name, one in shown.items()},
        success=success_name(tasks),
    )
