"""Every learner with a family to run in and settings that make its episodes quick.

By default a learner has its default settings and meets small random MDPs. One that is too
slow for that, or that needs another family, has a row in ``SETTINGS`` or ``FAMILIES``.
"""

from typing import Any

import numpy as np
from episode_learners import DeltaRule, delta_rule

from spikeloop.coordinator.check.learners import LearnerCase
from spikeloop.tasks.base import Interface, TaskFamily
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.base import Episodes, Learner
from spikeloop.workers.learners import LEARNERS
from spikeloop.workers.space import Parameters

CASES: dict[str, type[Learner]] = {
    **LEARNERS,
    "delta_rule": delta_rule,
    "DeltaRule": DeltaRule,
}
"""The learners of the table, and two that are written for one episode."""

N_STEPS = 80
SMALL = RandomMdp(n_states=4, n_actions=3, n_steps=N_STEPS)

FAMILIES: dict[str, TaskFamily] = {
    "brian_liquid": Quadratic(n_steps=N_STEPS),
    "lsnn": Quadratic(n_steps=N_STEPS),
}

REWARDS = {"random_mdp": (0.0, 1.0), "quadratic": (-np.inf, 0.0)}
"""Smallest and largest reward of a step, by kind of family."""

MODEL: dict[str, Any] = {
    "window_ms": 3.0,
    "step_ms": 0.5,
    "input": {"rate": "1*kHz"},
    "neurons": {
        "actions": {
            "n": "actions",
            "equations": "dv/dt = (noise - v)/tau : 1\nnoise = 0.5*randn() : 1 (constant over dt)",
            "threshold": "v > 1",
            "reset": "v = 0",
            "method": "euler",
        }
    },
    "synapses": {
        "plastic": {
            "source": "input",
            "target": "actions",
            "equations": "w : 1\ndc/dt = -c/tau_c : 1 (event-driven)",
            "on_pre": "v_post += w\nc += 1",
            "on_feedback": "w = clip(w + eta*(feedback - 0.5)*c*chosen, 0, 3)",
            "initial": {"w": "0.5 + rand()"},
        }
    },
    "constants": {"tau": "10*ms"},
    "hyperparameters": {
        "eta": {"low": 0.01, "high": 1.0, "default": 0.1, "scale": "log"},
        "tau_c": {"low": 2.0, "high": 50.0, "default": 10.0, "unit": "ms", "scale": "log"},
    },
}
"""A user's own: Poisson input, noisy membranes, random weights and a three-factor rule."""

# A few time steps of Brian2 for each decision; each of them takes about 75 µs.
SETTINGS: dict[str, dict[str, Any]] = {
    "on_chip_search": {
        "agent": {"circuit": {"step_s": 5e-7}},
        "episodes": 16,
        "tasks": 1,
        "held_out": 2,
    },
    "brian_td": {"window_ms": 3.0, "onset_ms": 0.5, "step_ms": 0.5},
    "brian_rstdp": {"window_ms": 5.0, "step_ms": 1.0},
    "brian_recurrent": {"window_ms": 4.0, "reservoir": {"n_neurons": 12, "longest_delay_ms": 3.0}},
    "brian_model": MODEL,
    "brian_liquid": {"window_ms": 4.0, "n_neurons": 12, "largest_n": 16, "longest_delay_ms": 3.0},
    "lsnn": {
        "n_neurons": 12,
        "window_ms": 4.0,
        "delays_ms": [1.0, 3.0],
        "channels_per_value": 4,
        "feedback_channels": 5,
    },
}


def quick(kind: str, **changes: Any) -> Learner:
    """The learner of that kind, with its row of ``SETTINGS`` and then these changes."""
    return CASES[kind](**{**SETTINGS.get(kind, {}), **changes})


def family_of(kind: str, n_steps: int = N_STEPS) -> TaskFamily:
    """The family that the learner runs in, with episodes of that many decisions."""
    family: Any = FAMILIES.get(kind, SMALL)
    changed: TaskFamily = type(family)(**{**family.model_dump(), "n_steps": n_steps})
    return changed


def default_values(
    learner: Learner, interface: Interface, n_candidates: int = 1, /, **values: Any
) -> Parameters:
    """The default point's values but for some: numbers, or one for each candidate."""
    space = learner.space(interface)
    parameters = space.decode(np.tile(space.default_point(), (n_candidates, 1)))
    for name, value in values.items():
        parameters.values[:, space.columns.index(name)] = value
    return parameters


def default_episodes(
    learner: Learner, family: TaskFamily, n_tasks: int, task_seed: int = 0, **values: float
) -> Episodes:
    """Episodes of such values on drawn tasks; their seeds count from 0."""
    tasks = family.sample(n_tasks, np.random.default_rng(task_seed))
    parameters = default_values(learner, family.interface, **values)
    return learner.run_episodes(parameters, tasks, np.arange(n_tasks, dtype=np.uint64)[None])


def case(kind: str, family: TaskFamily | None = None, **changes: Any) -> LearnerCase:
    """A quick learner with three candidates of its initial law, on four tasks.

    Args:
        kind: of the learner.
        family: to run in, else its own.
        changes: of its settings.
    """
    return LearnerCase.draw(quick(kind, **changes), family or family_of(kind))
