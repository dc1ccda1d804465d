"""A recurrent network of adapting spiking neurons (LSNN) whose weights encode a learning algorithm.

All weights are hyperparameters Θ: the outer loop writes a learning algorithm into them, by
gradients through time (``bptt``) or by any other strategy. Within an episode no weight changes;
knowledge of the task is in the state of the network.
Bellec et al. 2018 (NeurIPS) for the network, Wang et al. 2016 (arXiv 1611.05763) for tasks with
rewards, Hochreiter, Younger and Conwell 2001 (ICANN) for functions learned from a teacher; systems
5 to 7 of Maass' talk "Networks of spiking neurons learn to learn".
"""

from typing import ClassVar, Literal, Self

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.program import ProgrammedTasks
from spikeloop.workers.base import Episodes, Package
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.settings import LsnnSettings
from spikeloop.workers.space import Parameters, ParameterSpace
from spikeloop.workers.xla import JAX


class Lsnn(LsnnSettings):
    """Spiking neurons, of which some have adapting thresholds, with trained weights.

    Each decision takes a window of time steps, with the observation, the last action, the feedback
    for it and, if wanted, the number of the decision as input. The readouts at the end of the
    window are the answer; or the preferences of a policy, from which the action is drawn, and one
    more for the value that the objective needs.
    """

    packages: ClassVar[tuple[Package, ...]] = (JAX,)

    kind: Literal["lsnn"] = "lsnn"

    def space(self, interface: Interface) -> ParameterSpace:
        """Return Θ: all weights."""
        return ParameterSpace(self.weights(interface))

    def without_bonus(self) -> Self:
        """Return the learner without a bonus for entropy."""
        return self.model_copy(update={"entropy_bonus": 0.0})

    def check_held_out(self, held_out: Self) -> None:
        """Raise ValueError if returns of held-out episodes would contain a bonus."""
        if held_out.entropy_bonus:
            raise ValueError(
                f"entropy_bonus must be 0 in held-out episodes, got {held_out.entropy_bonus}"
            )

    def check_tasks(self, tasks: TaskBatch) -> None:
        """Raise ValueError for tasks whose rules are no program, or that lack latents in use."""
        if not isinstance(tasks, ProgrammedTasks):
            raise ValueError(
                "lsnn needs tasks whose rules are a program (methods program and arrays, "
                f"docs/how-to/train_lsnn.md), got {type(tasks).__name__}"
            )
        if n := self.n_latents(tasks.interface):
            latents = tasks.arrays().get("latents")
            shape = () if latents is None else latents.shape
            if shape != (tasks.n_tasks, n):
                raise ValueError(
                    f"arrays() must have latents of shape ({tasks.n_tasks}, {n}), as "
                    f"interface.n_latents says, got {shape}"
                )

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Run the episodes of a tile side by side, in one program."""
        return tile.run_episodes(self, parameters, tasks, seeds)

    def differentiate(
        self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray, progress: float
    ) -> Episodes:
        """Run the episodes, with the gradient of the objective through each whole episode."""
        return tile.differentiate(self, parameters, tasks, seeds, progress)
