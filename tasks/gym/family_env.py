"""Episodes of a family of tasks as a Gymnasium environment."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete

from spikeloop.tasks.base import FloatArray, HasBaselines, Interface, Play, TaskBatch, TaskFamily

ENTRY_POINT = "spikeloop.tasks.gym:FamilyEnv"
"""A name and not the class, so that specifications can be sent to other processes."""


class FamilyEnv(gymnasium.Env[Any, Any]):
    """Episodes of a family, each with a new task.

    Observations are an index or a float32 vector, as the family's interface says. Where the
    feedback is a target, the target of the last step is appended to the vector; in the first step
    that is the middle of the targets' range. Discrete actions are indices. Continuous actions are
    vectors in [-1, 1], which most policies expect; they are clipped to that range and stretched
    linearly to the family's.

    An episode is *terminated* after the interface's ``n_steps``, never truncated: the number of
    steps belongs to the task, returns and references count to there, and nothing follows whose
    value a learner would have to estimate.

    The reward is what returns are sums of. ``info`` has, at the reset and after the last step,
    ``random`` and ``optimal``, the task's reference returns, with which (return − random) /
    (optimal − random) is the score; with ``baselines`` also the expected returns on this task of
    the further policies that the family knows, by name. After each step it has ``feedback``, the
    feedback that learners of this package get.
    """

    def __init__(
        self, family: TaskFamily, seed: int | None = None, baselines: bool = False
    ) -> None:
        """Take a family, and how its episodes are reported.

        Args:
            family: which tasks are sampled.
            seed: for the first resets that have no seed of their own.
            baselines: put the returns of further policies into ``info``. Some families need about a
                second a task to compute them.

        Raises:
            ValueError: the family gives targets and has discrete observations, so that there is no
                vector to which targets could be appended.
        """
        self.family = family
        interface = family.interface
        if interface.feedback == "target" and interface.observations == "discrete":
            raise ValueError(f"observations must be vectors to carry targets, got {interface}")
        self.observation_space = _observation_space(interface)
        self.action_space = _action_space(interface)
        # With it Gymnasium can make copies of this environment, vectorised ones among them.
        kwargs = {"family": family, "baselines": baselines}
        self.spec = EnvSpec(id_of(family.kind), ENTRY_POINT, kwargs=kwargs)
        if seed is not None:
            super().reset(seed=seed)
        self._baselines = baselines
        self._known: dict[str, Any] = {}
        self._play: Play | None = None
        self._steps_left = 0
        self._feedback = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Sample a task and start its episode.

        Args:
            seed: of the task and all later random numbers; None continues with the generator.
            options: not used.
        """
        super().reset(seed=seed)
        interface = self.family.interface
        tasks = self.family.sample(1, self.np_random)
        self._known = self._of_task(tasks)
        self._play = tasks.play(np.zeros(1, dtype=np.int64))
        self._steps_left = interface.n_steps
        self._feedback = sum(interface.feedback_range) / 2
        return self._observation(self._play), dict(self._known)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Advance by one step with a random number of the environment's generator.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset and after the last step.
            ValueError: the action does not belong to the action space, apart from clipping.
        """
        if self._play is None or not self._steps_left:
            raise gymnasium.error.ResetNeeded("reset must be called before an episode's first step")
        rewards, feedback = self._play.step(self._action(action), self.np_random.random(1))
        self._feedback = float(feedback[0])
        self._steps_left -= 1
        info: dict[str, Any] = {"feedback": self._feedback}
        if not self._steps_left:
            info |= self._known
        return self._observation(self._play), float(rewards[0]), not self._steps_left, False, info

    def _of_task(self, tasks: TaskBatch) -> dict[str, Any]:
        """Return what policies that are known earn on the task, as ``info`` has it."""
        references = tasks.references()
        known: dict[str, Any] = {
            "random": float(references.random[0]),
            "optimal": float(references.optimal[0]),
        }
        if self._baselines:
            returns: Any = {}
            if isinstance(tasks, HasBaselines):
                # A generator of its own, so that the episode is the same with and without.
                returns = tasks.baselines(self.np_random.spawn(1)[0])
            known["baselines"] = {name: float(earned[0]) for name, earned in returns.items()}
        return known

    def _observation(self, play: Play) -> Any:
        interface, seen = self.family.interface, play.observe()[0]
        if interface.observations == "discrete":
            return int(seen)
        if interface.feedback == "target":
            seen = np.append(seen, self._feedback)
        return np.asarray(seen, dtype=np.float32)

    def _action(self, action: Any) -> Any:
        """Return a (1,) index or a (1, n_actions) vector in the family's range."""
        interface = self.family.interface
        if interface.actions == "discrete":
            if action not in self.action_space:
                raise ValueError(f"action must be in {self.action_space}, got {action}")
            return np.array([int(action)])
        vector: FloatArray = np.asarray(action, dtype=np.float64)
        if vector.shape != (interface.n_actions,) or np.isnan(vector).any():
            raise ValueError(f"action must be in {self.action_space}, got {action}")
        low, high = interface.action_range
        return (low + (vector.clip(-1, 1) + 1) / 2 * (high - low))[None, :]


def id_of(kind: str) -> str:
    """Return the id by which Gymnasium knows a family."""
    return f"spikeloop/{kind}"


def _observation_space(interface: Interface) -> Discrete | Box:
    if interface.observations == "discrete":
        return Discrete(interface.n_observations)
    ranges = [interface.observation_range] * interface.n_observations
    if interface.feedback == "target":
        ranges.append(interface.feedback_range)
    low, high = np.array(ranges, dtype=np.float32).T
    return Box(low, high)


def _action_space(interface: Interface) -> Discrete | Box:
    if interface.actions == "discrete":
        return Discrete(interface.n_actions)
    return Box(-1.0, 1.0, (interface.n_actions,))
