"""What a family of tasks promises: seeds, slices, neighbours, its interface and its references."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spikeloop.coordinator.check.playing import Script, Trace, trace
from spikeloop.coordinator.check.promises import Promises, difference
from spikeloop.coordinator.check.references import ReferenceCase, agreement, dominance
from spikeloop.coordinator.config.members import (
    BATCH_MEMBERS,
    interface_differences,
    missing_members,
)
from spikeloop.tasks.base import Interface, TaskBatch, TaskFamily
from spikeloop.tasks.program import ProgrammedTasks

N_TASKS = 16
CUTS = (slice(0, 2), slice(1, 4), slice(N_TASKS - 3, None), slice(0, N_TASKS))


@dataclass
class FamilyCase:
    """A family and some of its tasks.

    Attributes:
        family: the settings.
        n_episodes: episodes of one task that references are compared with; 0 is as many as fit.
    """

    family: TaskFamily
    n_episodes: int = 0

    def sample(self, seed: int, n_tasks: int = N_TASKS) -> TaskBatch:
        """Sample tasks from a generator of its own."""
        return self.family.sample(n_tasks, np.random.default_rng(seed))

    @cached_property
    def tasks(self) -> TaskBatch:
        """The tasks of seed 0."""
        return self.sample(0)

    @cached_property
    def references(self) -> ReferenceCase:
        """Their references, and episodes to compare them with."""
        return ReferenceCase(self.tasks, self.n_episodes)

    @cached_property
    def script(self) -> Script:
        """Actions and random numbers of two episodes for each task."""
        return Script.draw(self.family.interface, 2 * N_TASKS, seed=3)

    @property
    def episodes(self) -> np.ndarray:
        """(2 N_TASKS,) the task of each of those episodes."""
        return np.tile(np.arange(N_TASKS), 2)

    @cached_property
    def trace(self) -> Trace:
        """What happens in those episodes, played side by side."""
        return trace(self.tasks, self.episodes, self.script)


def complete(case: FamilyCase) -> Iterator[str]:
    """A batch has all that is asked of it, and as many tasks as were asked for."""
    if missing := missing_members(type(case.tasks), BATCH_MEMBERS, case.tasks):
        yield missing
        return
    if case.tasks.n_tasks != N_TASKS:
        yield f"sample({N_TASKS}, rng) gave a batch with n_tasks = {case.tasks.n_tasks}"
    yield from interface_differences(case.family.interface, case.tasks.interface)


def seeded(case: FamilyCase) -> Iterator[str]:
    """The generator alone decides which tasks are drawn."""
    first = _traced(case, case.sample(0))
    other = _traced(case, case.sample(1))
    again = _traced(case, case.sample(0))
    if found := _differ(first, again):
        yield (
            "two generators of the same state gave different tasks "
            f"({found}); draw everything from the generator that sample is given"
        )
    elif not _differ(first, other):
        yield (
            "generators of two different seeds gave the same tasks; draw from the generator that "
            "sample is given"
        )


def sliced(case: FamilyCase) -> Iterator[str]:
    """A slice of a batch is a batch of the same tasks."""
    whole, references = case.tasks, case.tasks.references()
    for cut in CUTS:
        where, kept = f"tasks[{cut.start}:{'' if cut.stop is None else cut.stop}]", range(N_TASKS)
        part, rows = whole[cut], np.arange(N_TASKS)[cut]
        if part.n_tasks != len(kept[cut]):
            yield f"{where} has n_tasks = {part.n_tasks}, not {len(kept[cut])}"
            return
        for policy in ("random", "optimal"):
            own = getattr(part.references(), policy)
            if found := difference(own, getattr(references, policy)[cut], 1e-12):
                yield f"references().{policy} of {where} are not those of the batch: {found}"
                return
        played = trace(part, np.arange(part.n_tasks), case.script.of(rows))
        if found := played.difference(case.trace.of(rows)):
            yield f"{where} plays other tasks than the batch: {found}"
            return


def independent(case: FamilyCase) -> Iterator[str]:
    """The numbers of an episode do not depend on the other episodes that are played beside it."""
    episodes = case.episodes
    order = np.random.default_rng(4).permutation(len(episodes))
    shuffled = trace(case.tasks, episodes[order], case.script.of(order))
    if found := shuffled.difference(case.trace.of(order)):
        yield f"episodes in another order are other episodes: {found}"
        return
    for one in (np.array([0]), np.array([N_TASKS + 1])):
        alone = trace(case.tasks, episodes[one], case.script.of(one))
        if found := alone.difference(case.trace.of(one)):
            yield f"an episode played alone is another one than beside others: {found}"
            return


def as_described(case: FamilyCase) -> Iterator[str]:
    """Observations, rewards and feedback have the shapes and values that the interface says."""
    interface, played = case.family.interface, case.trace
    shape = played.rewards.shape[0], 2 * N_TASKS
    seen = played.observations
    wanted: tuple[int, ...] = shape
    if interface.observations == "continuous":
        wanted = (*shape, interface.n_observations)
    low, high = _observed_range(interface)
    if seen.shape != wanted:
        yield f"observe() gives {seen.shape[1:]} for {shape[1]} episodes, not {wanted[1:]}"
    elif interface.observations == "discrete" and seen.dtype.kind not in "iu":
        yield f"observe() gives {seen.dtype} where observations are discrete, not integers"
    elif not (np.isfinite(seen).all() and low <= seen.min() and seen.max() <= high):
        yield (
            f"observe() gives values from {seen.min():.6g} to {seen.max():.6g}, the interface "
            f"allows {low:.6g} to {high:.6g}"
        )
    for name, values in (("rewards", played.rewards), ("feedback", played.feedback)):
        if values.shape != shape:
            yield f"step() gives {name} of shape {values.shape[1:]}, not {shape[1:]}"
        elif not np.isfinite(values).all():
            yield f"step() gives {name} that are not finite"
    if interface.feedback_values:
        unknown = np.setdiff1d(played.feedback, interface.feedback_values)
        if unknown.size:
            yield (
                f"step() gives the feedback {unknown[0]:.6g}, which is not among "
                "interface.feedback_values"
            )


def arrays_as_described(case: FamilyCase) -> Iterator[str]:
    """The arrays of a program have one row a task, and the latents that the interface names."""
    if not isinstance(case.tasks, ProgrammedTasks):
        return
    for name, array in case.tasks.arrays().items():
        if len(array) != N_TASKS or array.dtype not in (np.float64, np.int64):
            yield (
                f"arrays()[{name!r}] must be float64 or int64 with {N_TASKS} rows, one a task, got "
                f"{array.dtype} of shape {array.shape}"
            )
    if n := case.family.interface.n_latents:
        latents = case.tasks.arrays().get("latents")
        if latents is None or latents.shape != (N_TASKS, n) or not (np.abs(latents) <= 1).all():
            yield f"arrays() must have latents ({N_TASKS}, {n}) within [-1, 1], as n_latents says"


def pure(case: FamilyCase) -> Iterator[str]:
    """A batch is the same whenever it is asked, before and after it was played."""
    if found := _differ(_traced(case, case.tasks), _traced(case, case.tasks)):
        yield f"the same batch gave other numbers the second time ({found}); keep no state in it"


def ordered(case: FamilyCase) -> Iterator[str]:
    """References are finite, one a task, and the optimal policy is the better one."""
    references = case.references.references()
    for policy in ("random", "optimal"):
        values = np.asarray(getattr(references, policy))
        if values.shape != (N_TASKS,) or not np.isfinite(values).all():
            yield f"references().{policy} must be ({N_TASKS},) finite numbers, got {values.shape}"
            return
    worse = references.optimal < references.random - 1e-9 * np.abs(references.random)
    if worse.any():
        task = int(np.flatnonzero(worse)[0])
        yield (
            f"references().optimal is below references().random in {int(worse.sum())} of {N_TASKS} "
            f"tasks, in task {task} {references.optimal[task]:.6g} and "
            f"{references.random[task]:.6g}"
        )
    elif not (references.optimal > references.random).any():
        yield "references() are equal in all tasks, so no score is defined"


FAMILY_PROMISES: Promises[FamilyCase] = {
    "a batch has all that is asked of it": complete,
    "the generator alone decides which tasks are drawn": seeded,
    "a batch is the same whenever it is asked": pure,
    "a slice of a batch is a batch of the same tasks": sliced,
    "an episode does not depend on those beside it": independent,
    "observations, rewards and feedback fit the interface": as_described,
    "the arrays of a program have a row for each task": arrays_as_described,
    "references are finite, and the optimal one is better": ordered,
    "the random policy earns the random reference": lambda case: agreement(
        case.references, "random"
    ),
    "the optimal policy earns the optimal reference": lambda case: agreement(
        case.references, "optimal"
    ),
    "no simple policy earns more than the optimal reference": lambda case: dominance(
        case.references
    ),
}


def _traced(case: FamilyCase, tasks: TaskBatch) -> tuple[Trace, dict[str, np.ndarray]]:
    """All that can be seen of a batch: its episodes and its references."""
    references = tasks.references()
    values = {"random": references.random, "optimal": references.optimal}
    return trace(tasks, case.episodes, case.script), values


def _differ(
    one: tuple[Trace, dict[str, np.ndarray]], other: tuple[Trace, dict[str, np.ndarray]]
) -> str:
    """Say in what two batches differ, or ""."""
    if found := one[0].difference(other[0]):
        return found
    for name, values in one[1].items():
        if found := difference(values, other[1][name]):
            return f"references().{name}: {found}"
    return ""


def _observed_range(interface: Interface) -> tuple[float, float]:
    if interface.observations == "discrete":
        return 0, interface.n_observations - 1
    return interface.observation_range
