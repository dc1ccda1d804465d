"""Bring your own model: neurons, synapses and learning rule as Brian2 equations with units.

The user writes the network of one episode in the configuration (docs/reference/brian2_model.md). A
decision is a window of simulated time: the observation sets the activity of the population "input",
the network runs, the readout population names the action, then ``on_feedback`` code learns from
the feedback.
"""

import numpy as np

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.workers.base import Episodes
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.simulator import LOCK
from spikeloop.workers.brian.targets import require_target
from spikeloop.workers.learners.brian_model.check import check_model
from spikeloop.workers.learners.brian_model.compile import CompiledModel, compile_model
from spikeloop.workers.learners.brian_model.episode import DecisionView, ModelAgents, PythonRule
from spikeloop.workers.learners.brian_model.settings import Model
from spikeloop.workers.parameter_types import Real, Weights
from spikeloop.workers.rollout import Rollout
from spikeloop.workers.space import Parameters, ParameterSpace

__all__ = ["BrianModel", "DecisionView", "PythonRule"]


class BrianModel(Model):
    """A learner made of Brian2 equations with units, written in the configuration.

    Hyperparameters are symbols of the equations. ``space`` checks everything: symbols, units,
    syntax, names, integration methods.
    """

    def space(self, interface: Interface) -> ParameterSpace:
        """Return the hyperparameters and weights of the tables.

        Raises:
            ValueError: one line with the table, the key and the equation that is wrong.
            Unavailable: Brian2 or, for the target "cython", a compiler is not there.
        """
        require_target(self.target)
        with LOCK:
            compiled = compile_model(self, interface)
            check_model(self, compiled, interface)
        try:
            searched = [
                Real(table.low, table.high, table.default, table.unit, table.scale, name=name)
                for name, table in self.hyperparameters.items()
            ]
            return ParameterSpace((*searched, *self._weights(compiled)))
        except ValueError as error:
            raise ValueError(f"hyperparameters.{error}") from None

    def run_episodes(
        self,
        parameters: Parameters,
        tasks: TaskBatch,
        seeds: SeedArray,
        rule: PythonRule | None = None,
    ) -> Episodes:
        """Run the episodes side by side in one network.

        ``parameters`` may hold more than those of ``space``. The ``rule`` is called after each
        decision, before ``on_feedback`` code; for what equations of single neurons and synapses
        cannot say. It must treat every episode by itself, or results depend on the tile: no sums
        over episodes, and no matrix products, whose rounding depends on their shape.
        """
        rollout = Rollout(self.kind, tasks, seeds)
        with LOCK:
            compiled = compile_model(self, rollout.interface, has_rule=rule is not None)
        with (
            network(compiled.blueprint, rollout.seeds, self.target) as batch,
            np.errstate(all="ignore"),  # an episode whose numbers break is found by them at its end
        ):
            agents = ModelAgents(self, compiled, parameters, rollout, batch, rule)
            batch.run(rollout.n_steps, self.window_steps, agents.between_windows)
            broken = agents.broken()
        episodes = rollout.episodes()
        episodes.returns[broken.reshape(seeds.shape)] = np.nan
        return episodes

    def _weights(self, compiled: CompiledModel) -> list[Weights]:
        blueprint = compiled.blueprint
        found = []
        for name, table in self.weights.items():
            neurons = blueprint.neurons.get(table.group)
            n = neurons.n if neurons else blueprint.synapses[table.group].connections.pre.size
            found.append(Weights((n,), table.scale, table.unit, table.description, name=name))
        return found
