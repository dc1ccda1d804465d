"""A learner of your own as a Python function: values of arms that are forgotten, and a softmax.

Nothing of it is in Spikeloop: own_function.toml names it, and so may Python:

    sl.run(family=sl.RestlessBandit(), learner=forgetful(), generations=20, tasks=20)
"""

import numpy as np

import spikeloop as sl


@sl.learner(
    space={
        "rate": sl.Real(0.01, 1, 0.3, scale="log", description="learning rate"),
        "memory": sl.Real(1, 1000, unit="step", scale="log", description="time of forgetting"),
        "temperature": sl.Real(0.02, 2, scale="log", description="of the softmax"),
    }
)
def forgetful(
    theta: sl.Theta, task: sl.Task, rng: np.random.Generator, *, prior: float = 0.5
) -> None:
    """Learn what each arm pays, and forget it again, since arms change."""
    worth = np.full(task.interface.n_actions, prior)
    forgotten = 1 - np.exp(-1 / theta.memory)
    for _ in task:
        preference = np.exp((worth - worth.max()) / theta.temperature)
        arm = int(rng.choice(worth.size, p=preference / preference.sum()))
        worth += forgotten * (prior - worth)
        worth[arm] += theta.rate * (task.step(arm) - worth[arm])
