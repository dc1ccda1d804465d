"""A spiking network in PyTorch as a learner, with neurons of snnTorch.

The network learns within an episode by policy gradient through its spikes (surrogate gradients);
the search finds how quickly it should, and with which neurons. Run this file to start it:

    python examples/own_torch.py
"""

import numpy as np
import snntorch
import torch
from snntorch import surrogate

import spikeloop as sl

torch.set_num_threads(1)  # a worker has one core, and sums of several threads differ in order

STEP_MS = 1.0


@sl.learner(
    space={
        "learning_rate": sl.Real(0.01, 10, scale="log"),
        "tau_mem": sl.Real(2, 50, unit="ms", scale="log", description="of the membranes"),
        "threshold": sl.Real(0.2, 2, 1, description="of the neurons"),
    }
)
def spiking_policy(
    theta: sl.Theta,
    task: sl.Task,
    rng: np.random.Generator,
    *,
    n_neurons: int = 16,
    window: int = 10,
) -> None:
    """Choose by spike counts over a window of steps; follow the gradient of the reward."""
    interface = task.interface
    draws = torch.Generator().manual_seed(int(rng.integers(2**63)))
    inputs = torch.rand(interface.n_observations, n_neurons, generator=draws)
    readout = torch.zeros(n_neurons, interface.n_actions, requires_grad=True)
    neurons = snntorch.Leaky(
        beta=float(np.exp(-STEP_MS / theta.tau_mem)),
        threshold=theta.threshold,
        spike_grad=surrogate.fast_sigmoid(),
    )
    weights = inputs.requires_grad_()
    optimizer = torch.optim.SGD([weights, readout], lr=theta.learning_rate)
    expected = 0.5
    for observation in task:
        membrane, count = neurons.init_leaky(), torch.zeros(n_neurons)
        for _ in range(window):
            spikes, membrane = neurons(weights[observation], membrane)
            count = count + spikes
        chances = torch.log_softmax(count @ readout / window, dim=0)
        probability = chances.detach().double().exp().numpy()
        action = int(rng.choice(interface.n_actions, p=probability / probability.sum()))
        reward = task.step(action)
        optimizer.zero_grad()
        (-(reward - expected) * chances[action]).backward()
        optimizer.step()
        expected += 0.1 * (reward - expected)


if __name__ == "__main__":
    sl.run(
        family=sl.Bandit(n_steps=50),
        learner=spiking_policy(),
        strategy=sl.Evolution(population_size=12),
        generations=10,
        tasks=20,
        transfer={"tasks": 100, "random_points": 10, "random_tasks": 10},
    )
