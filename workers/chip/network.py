"""The network of states and actions that the published experiment puts on the chip.

Layout (Neuromorphic_Hardware_learns_to_learn, hardware/mdp/NetworkMDP.py): neurons 0…S−1 code
states, S…S+A−1 actions. A spike of neuron i comes back into row i. A state neuron excites itself,
so that a kick makes it reverberate, and the actions through the weights that are the Q-table; an
action neuron ends the reverberation and inhibits the other actions. The synapse through which
state s is stimulated sits in the row of the next state and answers to address s. A single state
neuron has no such synapse: it is stimulated through its own row, as if it had fired, as in the
published bandits (hardware/mab), so the stimulus reaches the actions too.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import (
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_ROWS,
    ROUTER_ADDRESS_U6,
)


def connect(
    core: Core, n_states: int, n_actions: int, inhibition_u6: int, pulse_u5: int = 1
) -> None:
    """Write the network of states and actions into a chip without synapses.

    The weights from states to actions stay 0: they belong to the plasticity program.
    """
    n_used = n_states + n_actions
    if n_used > N_NEURONS:
        raise ValueError(f"n_states + n_actions must be at most {N_NEURONS}, got {n_used}")
    if not 0 <= inhibition_u6 <= MAX_WEIGHT_U6:
        raise ValueError(f"inhibition must be in [0, {MAX_WEIGHT_U6}], got {inhibition_u6}")
    weight = core.weight_u6.reshape(N_ROWS, N_NEURONS)
    label = core.label_u6.reshape(N_ROWS, N_NEURONS)
    states, actions = np.arange(n_states), np.arange(n_states, n_used)

    label[:] = ROUTER_ADDRESS_U6
    weight[states, states] = MAX_WEIGHT_U6
    weight[n_states:n_used, :n_states] = MAX_WEIGHT_U6
    weight[n_states:n_used, n_states:n_used] = inhibition_u6
    weight[actions, actions] = 0
    if n_states > 1:
        stimulus = stimulus_row(states, n_states)
        weight[stimulus, states] = MAX_WEIGHT_U6
        label[stimulus, states] = states

    core.row_sign[:n_states] = 1
    core.row_sign[n_states:] = -1
    core.pulse_u5[:] = pulse_u5


def stimulus_row(state: NDArray[np.int64], n_states: int) -> NDArray[np.int64]:
    """Return the rows through which state neurons are stimulated."""
    return (state + 1) % n_states
