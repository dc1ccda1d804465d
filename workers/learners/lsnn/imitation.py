"""The actions that training may imitate: those of the policy that knows the task."""

import numpy as np

from spikeloop.tasks.base import HasOptimalPolicy, IntArray, TaskBatch
from spikeloop.tasks.tabular import TabularTasks

OPTIMAL_ACTIONS = "optimal_actions"
"""Name, among the arrays of a batch, of (n_tasks, n_steps, n_observations) actions to imitate."""


def optimal_actions(tasks: TaskBatch) -> IntArray:
    """Return (n_tasks, n_steps, n_observations) actions of the policy that knows the tasks.

    Raises:
        ValueError: there is no such policy, or it depends on more than step and observation.
    """
    if not isinstance(tasks, HasOptimalPolicy):
        raise ValueError(
            "objective.imitation_cost must be 0 for tasks without a method optimal_policy, got "
            f"{type(tasks).__name__}"
        )
    if isinstance(tasks, TabularTasks) and tasks.observation:
        raise ValueError(
            "objective.imitation_cost must be 0 for tasks whose best actions depend on what is not "
            "observed"
        )
    policy, n_seen = tasks.optimal_policy(), tasks.interface.n_observations
    task, seen = (each.ravel() for each in np.indices((tasks.n_tasks, n_seen)))
    steps = [policy(step, task, seen) for step in range(tasks.interface.n_steps)]
    return np.stack(steps, axis=1).reshape(tasks.n_tasks, n_seen, -1).swapaxes(1, 2)
