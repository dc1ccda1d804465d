"""Every family of tasks as a Gymnasium environment, for other people's learners.

A reset samples a new task of the family, so learning *within* an episode learns a task, and
learning *across* episodes learns to learn. This needs the extra ``gym``. Importing this package
registers an id for each family, whose settings are keyword arguments:

    import gymnasium
    import spikeloop.tasks.gym
    env = gymnasium.make("spikeloop/maze", n_steps=1000)
    copies = gymnasium.make_vec("spikeloop/maze", num_envs=8, n_steps=1000)

Gymnasium 1.0 has given up entry points, by which ids were once known without an import; in one
line it is ``gymnasium.make("spikeloop.tasks.gym:spikeloop/maze")``.
"""

try:
    import gymnasium  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        "spikeloop.tasks.gym needs Gymnasium: pip install 'spikeloop[gym]'"
    ) from error

from spikeloop.tasks.gym.family_env import FamilyEnv
from spikeloop.tasks.gym.last_action_and_reward import LastActionAndReward
from spikeloop.tasks.gym.registration import make, register_families

__all__ = ["FamilyEnv", "LastActionAndReward", "make"]

register_families()
