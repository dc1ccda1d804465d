"""The chip's learning rule without the chip: floating-point values, greedy choice, random ties.

It is a ceiling for ``chip`` and a fast learner for tests: the difference between the two is due to
quantisation, mismatch, noise and the choice by spikes.
"""

from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from spikeloop.tasks.base import FloatArray, IntArray, Interface, SeedArray, TaskBatch
from spikeloop.tasks.listed_chances import ListedChances, tables_or_chances_of
from spikeloop.tasks.settings import Settings
from spikeloop.tasks.tabular import TabularTasks, require_tables
from spikeloop.workers.base import Episodes
from spikeloop.workers.learning_curve import bin_lengths
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.plasticity.td import rescale_period
from spikeloop.workers.space import Parameters, ParameterSpace


class Rules(NamedTuple):
    """The rules of a batch as arrays; a row is a state or, of listed chances, a step.

    Attributes:
        cumulative: (n_tasks, n_actions, n_rows, n_successors) cumulative probabilities.
        reward: of the same shape.
        signal: of the same shape, feedback.
        observation: (n_successors,) what is observed in each state.
        start_state: (n_tasks,) state in which an episode starts.
        by_step: whether rows are steps.
    """

    cumulative: FloatArray
    reward: FloatArray
    signal: FloatArray
    observation: IntArray
    start_state: IntArray
    by_step: bool


def rules_of(tables: TabularTasks | ListedChances) -> Rules:
    """Return the rules; of listed chances the state is 1 if the last pull paid, else 0."""
    if isinstance(tables, ListedChances):
        unpaid = 1.0 - tables.chance_of_arms
        cumulative = np.stack([unpaid, np.ones_like(unpaid)], axis=-1)
        signal = np.broadcast_to(np.array([0.0, 1.0]), cumulative.shape).copy()
        observation, start = np.zeros(2, dtype=np.int64), np.zeros(tables.n_tasks, dtype=np.int64)
        return Rules(cumulative, tables.rewards.copy(), signal, observation, start, True)
    cumulative = np.cumsum(tables.transition, axis=-1)
    # Dividing makes the last possible successor's entry exactly 1, above every draw.
    cumulative /= cumulative[..., -1:]
    # Kernels are compiled for arrays of their own.
    reward, signal = tables.reward.copy(), tables.feedback.copy()
    return Rules(cumulative, reward, signal, tables.observations(), tables.start_state, False)


class TabularTd(Settings):
    """SARSA(λ) with constant learning rate and optimistic start, greedy over a table of values.

    Exploration comes from the initial value alone. Values are clipped to [0, largest_value], as
    weights are on the chip; rescaling, if switched on, adds the chip's three hyperparameters for
    it, in values.
    """

    kind: Literal["tabular_td"] = "tabular_td"
    portable: ClassVar[bool] = True  # the same bits on every processor
    largest_value: float = Field(
        default=1.0, gt=0, le=100, description="end of the range of values, 1 as on the chip"
    )
    clip: bool = Field(default=True, description="whether values are kept within it")
    rescale: bool = Field(default=False, description="whether values are rescaled periodically")
    search_trace_decay: bool = Field(
        default=False, description="whether λ is a hyperparameter or ``trace_decay``"
    )
    trace_decay: float = Field(default=0.5, ge=0, le=1, description="λ when it is not searched")

    def space(self, interface: Interface) -> ParameterSpace:
        """Return discount, learning rate, initial value, then rescaling and λ where searched."""
        if interface.actions != "discrete":
            raise ValueError(f"tabular_td needs discrete actions, got {interface.actions} ones")
        require_tables(interface, self.kind)
        most = self.largest_value
        searched = {
            "gamma": Real(0, 1, 0.5, description="discount"),
            "eta": Real(0, 1, 0.5, description="learning rate"),
            "initial_value": Real(0, most, most / 2, description="all values at first"),
        }
        if self.rescale:
            searched |= {
                "value_lower": Real(0, most, most / 2, description="rescaling: least value"),
                "value_upper": Real(
                    "value_lower", most, 0.75 * most, description="rescaling: largest value"
                ),
                "rescale_period": rescale_period(interface.n_steps),
            }
        if self.search_trace_decay:
            searched["trace_decay"] = Real(0, 1, self.trace_decay, description="λ")
        return ParameterSpace.of(searched)

    def check_tasks(self, tasks: TaskBatch) -> None:
        """Raise ValueError for tasks that are given neither as tables nor as lists of chances."""
        tables_or_chances_of(tasks, self.kind)

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Run the episodes one after the other, each with a new table."""
        from spikeloop.workers.learners.tabular.episode import Rule, run_episode

        tables = tables_or_chances_of(tasks, self.kind)
        rules = rules_of(tables)
        interface = tables.interface
        n_states, n_actions = interface.n_observations, interface.n_actions
        n_steps = interface.n_steps
        low, high = (0.0, self.largest_value) if self.clip else (-np.inf, np.inf)
        lengths = bin_lengths(n_steps)
        shape = (parameters.n_candidates, tasks.n_tasks)
        curve = np.zeros((*shape, lengths.size))
        values = np.empty((*shape, n_states * n_actions))
        values[:] = parameters["initial_value"][:, None, None]
        for candidate in range(parameters.n_candidates):
            theta = dict(zip(parameters.space.columns, parameters.values[candidate], strict=True))
            rule = Rule(
                gamma=theta["gamma"],
                trace_decay=theta.get("trace_decay", self.trace_decay),
                eta=theta["eta"],
                low=low,
                high=high,
                rescale_period=max(1, round(theta["rescale_period"])) if self.rescale else 0,
                lower=theta.get("value_lower", low),
                upper=theta.get("value_upper", high),
            )
            for task in range(tasks.n_tasks):
                run_episode(
                    rule,
                    values[candidate, task],
                    np.zeros(n_states * n_actions),
                    rules.cumulative[task],
                    rules.reward[task],
                    rules.signal[task],
                    rules.observation,
                    rules.start_state[task],
                    rules.by_step,
                    seeds[candidate, task],
                    n_steps,
                    curve[candidate, task],
                )
        return Episodes(
            curve.sum(axis=2),
            curve / lengths,
            seeds.size * n_steps,
            action_values=values.reshape(*shape, n_states, n_actions),
        )
