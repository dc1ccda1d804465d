"""Rules that can be distilled: agents on the chip with their Θ, replayed, compiled and played."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.config.run_config import FAMILY, RunConfig
from spikeloop.coordinator.interpretation.rule.sparse_regression import Fit
from spikeloop.coordinator.interpretation.rule.states import COLUMNS, States, states_of
from spikeloop.tasks.base import FloatArray, Interface, SeedArray, TaskBatch
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import (
    Fictive,
    Formula,
    Incremental,
    PlasticityNetwork,
    PosteriorMean,
)
from spikeloop.workers.plasticity.formula import LARGEST
from spikeloop.workers.plasticity.replay import changes_from, replay
from spikeloop.workers.space import Parameters

BANDIT_RULES = Incremental | Fictive | PosteriorMean | PlasticityNetwork | Formula
"""Programs that keep values of actions, of which a change is what is distilled."""

LARGEST_COEFFICIENT = LARGEST * (1 - 2.0**-12)


@dataclass(frozen=True)
class ChipRule:
    """A rule on the chip.

    Attributes:
        learner: the agent.
        theta: its hyperparameters, physical values by name.
        interface: of the family.
    """

    learner: ChipAgent
    theta: Mapping[str, float]
    interface: Interface

    def episodes(self, tasks: TaskBatch, seeds: SeedArray) -> States:
        """Play tasks with seeds (n_tasks,), and return the states that the rule visits."""
        actions, feedback = self.learner.choices(self._parameters, tasks, seeds[None])
        program, theta = self.learner.program, self.theta
        replayed = replay(program, theta, self.interface, actions[0], feedback[0])
        return states_of(replayed, actions[0], feedback[0])

    def returns(self, tasks: TaskBatch, seeds: SeedArray) -> FloatArray:
        """Play tasks with seeds (n_tasks,), and return what they earn, (n_tasks,)."""
        returns: FloatArray = self.learner.run_episodes(
            self._parameters, tasks, seeds[None]
        ).returns[0]
        return returns

    def changes(
        self, own: FloatArray, others: FloatArray, time: FloatArray, reward: FloatArray
    ) -> FloatArray:
        """Compute the changes of the chosen and of another action in given states, (2, n).

        In both, the action has the value ``own`` and all others have ``others``.
        """
        n_actions, found = self.interface.n_actions, []
        for action in range(2):
            value = np.repeat(others[:, None], n_actions, axis=1)
            value[:, action] = own
            chosen = np.zeros(len(own), dtype=np.int64)
            program, theta = self.learner.program, self.theta
            change = changes_from(program, theta, self.interface, value, time, chosen, reward)
            found.append(change[:, action])
        return np.array(found)

    def compiled(self, formula: Formula) -> "ChipRule":
        """Give the same agent with a formula in place of its rule."""
        learner = self.learner.model_copy(update={"program": formula})
        theta = dict(self.theta)
        if isinstance(self.learner.program, PosteriorMean):
            theta["initial_value"] = theta["alpha"] / (theta["alpha"] + theta["beta"])
        kept = {name: theta[name] for name in learner.space(self.interface).columns}
        return ChipRule(learner, kept, self.interface)

    @property
    def _parameters(self) -> Parameters:
        space = self.learner.space(self.interface)
        return Parameters(space, np.array([[self.theta[name] for name in space.columns]]))


def why_no_rule(config: RunConfig) -> str | None:
    """Say why a run has no rule to distil; None if it has one."""
    learner = config.held_out_learner
    if not isinstance(learner, ChipAgent):
        return f"[learner] kind must be chip, got {config.learner.kind}"
    if not isinstance(learner.program, BANDIT_RULES):
        return f"[learner.program] kind must be a rule for bandits, got {learner.program.kind}"
    interface = config.held_out_family.interface
    if interface.n_observations != 1 or interface.feedback_values != (0.0, 1.0):
        return (
            "a rule for bandits needs one observation and rewards of 0 and 1, which "
            f"{FAMILY.name(config.held_out_family)} has not"
        )
    if interface.n_listed:
        kind = FAMILY.name(config.held_out_family)
        return f"choices are recorded where tasks are tables, not of {kind}"
    return None


def rule_of(config: RunConfig, point: FloatArray) -> ChipRule:
    """Give the rule of a run at a point, (n_dim,), with the settings of held-out episodes."""
    learner = config.held_out_learner
    assert isinstance(learner, ChipAgent)
    values = config.space.decode(point[None]).values[0].tolist()
    theta = dict(zip(config.space.columns, values, strict=True))
    return ChipRule(learner, theta, config.held_out_family.interface)


def formula_of(fit: Fit) -> Formula:
    """Write a fit as settings of the program; coefficients beyond its number format are limited."""
    parts: dict[str, dict[str, float]] = {"chosen": {}, "other": {}}
    for column in fit.support:
        who, term = COLUMNS[column]
        limited = np.clip(fit.coefficients[column], -LARGEST_COEFFICIENT, LARGEST_COEFFICIENT)
        parts[who][term] = round(float(limited), 5)
    return Formula.model_validate(parts)
