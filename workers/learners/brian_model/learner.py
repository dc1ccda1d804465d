"""Bring your own model: neurons, synapses and learning rule as Brian2 equations with units.

The user writes the network of one episode in the configuration (docs/own_model.md). A decision is a
window of simulated time: the observation sets the activity of the population "input", the network
runs, the readout population names the action, then ``on_feedback`` code learns from what was told.
"""

import numpy as np

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.workers.base import Episodes
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.rollout import Course
from spikeloop.workers.brian.simulator import LOCK
from spikeloop.workers.brian.targets import require
from spikeloop.workers.learners.brian_model.check import check
from spikeloop.workers.learners.brian_model.compile import Expansion, expand
from spikeloop.workers.learners.brian_model.episode import Agents, Moment, Rule
from spikeloop.workers.learners.brian_model.model import Model
from spikeloop.workers.space import Parameters, ParameterSpace, Real, Weights

__all__ = ["BrianModel", "Moment", "Rule"]


class BrianModel(Model):
    """A learner made of Brian2 equations with units that the configuration spells out.

    Hyperparameters are symbols of the equations. Everything is checked when the space is asked
    for: symbols, units, syntax, names, integration methods.
    """

    @property
    def interaction_s(self) -> float:
        """Seconds of biological time that one decision takes."""
        return self.window_ms * 1e-3

    def space(self, interface: Interface) -> ParameterSpace:
        """The hyperparameters and weights of the tables.

        Raises:
            ValueError: one line with the table, the key and the equation that is wrong.
            Unavailable: Brian2 or, for the target "cython", a compiler is not there.
        """
        require(self.target)
        with LOCK:
            expansion = expand(self, interface)
            check(self, expansion, interface)
        try:
            searched = [
                Real(name, table.low, table.high, table.default, table.unit, table.scale)
                for name, table in self.hyperparameters.items()
            ]
            return ParameterSpace((*searched, *self._weights(expansion)))
        except ValueError as error:
            raise ValueError(f"hyperparameters.{error}") from None

    def run_episodes(
        self,
        parameters: Parameters,
        tasks: TaskBatch,
        seeds: SeedArray,
        rule: Rule | None = None,
    ) -> Episodes:
        """Lets the episodes happen side by side in one network.

        Args:
            parameters: of n_candidates candidates; may hold more than ``space`` asks for.
            tasks: n_tasks tasks.
            seeds: (n_candidates, n_tasks) of the episodes.
            rule: called after each decision, before ``on_feedback`` code; for what equations of
                single neurons and synapses cannot say. To stay reproducible it must treat every
                episode by
                itself: no sums over episodes, and no matrix products, which round as they like.
        """
        course = Course(self.kind, tasks, seeds)
        with LOCK:
            expansion = expand(self, course.interface, has_rule=rule is not None)
        with (
            network(expansion.blueprint, course.n_episodes, self.target) as batch,
            np.errstate(all="ignore"),  # an episode whose numbers break is found by them at its end
        ):
            batch.reset(course.seeds)
            agents = Agents(self, expansion, parameters, course, batch, rule)
            batch.run(course.n_steps, self.window_steps, agents.between)
            broken = agents.broken()
        episodes = course.episodes()
        episodes.returns[broken.reshape(seeds.shape)] = np.nan
        return episodes

    def _weights(self, expansion: Expansion) -> list[Weights]:
        blueprint = expansion.blueprint
        found = []
        for name, table in self.weights.items():
            neurons = blueprint.neurons.get(table.group)
            n = neurons.n if neurons else blueprint.synapses[table.group].wiring.pre.size
            found.append(Weights(name, (n,), table.scale, table.unit, table.description))
        return found
