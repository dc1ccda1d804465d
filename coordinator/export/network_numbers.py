"""All numbers of a frozen network, by name: what another program needs to run it.

A program that has them needs no settings, no random generator and nothing of this package.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.tasks.base import Interface
from spikeloop.workers.input_channels import ChannelGroup


def arrays(network: FrozenNetwork) -> dict[str, NDArray[Any]]:
    """Return what has a number for each neuron or synapse.

    ``rho``, ``beta`` and ``delay_steps`` are (n_neurons,), ``input_weights`` (n_channels,
    n_neurons), ``readout_weights`` (n_neurons, n_readouts) and ``readout_bias`` (n_readouts,).
    """
    neurons = network.circuit.neurons
    return {
        "rho": neurons.rho,
        "beta": neurons.beta,
        "delay_steps": network.delay,
        "input_weights": network.inputs,
        "readout_weights": network.readout,
        "readout_bias": network.bias,
    }


def synapses(network: FrozenNetwork) -> dict[str, NDArray[Any]]:
    """Return the recurrent synapses as matrices (n_neurons, n_neurons), from row to column.

    ``synapse_exists`` says where there is one, and ``synapse_sign`` (n_neurons,) which sign those
    of a neuron have: 1, −1, or 0 where each has its own.
    """
    wiring = network.wiring
    return {
        "recurrent_weights": network.recurrent,
        "synapse_exists": wiring.exists,
        "synapse_sign": wiring.sign.astype(np.int8),
    }


def constants(network: FrozenNetwork) -> dict[str, Any]:
    """Return what the network has once, as JSON: constants, channels and answers."""
    learner, circuit, neurons = network.learner, network.circuit, network.circuit.neurons
    return {
        "step_ms": learner.step_ms,
        "steps_per_decision": circuit.n_steps,
        "n_decisions": network.interface.n_steps,
        "alpha": neurons.alpha,
        "threshold": neurons.threshold,
        "refractory_steps": neurons.refractory,
        "reset": learner.reset,
        "kappa": circuit.kappa,
        "input": learner.input,
        "input_chance": learner.spiking_input,
        "channels": [_channels(group) for group in learner.inputs(network.interface).groups],
        "answer": _answer(network.interface, learner.explores),
    }


def _channels(group: ChannelGroup) -> dict[str, Any]:
    """Describe channels side by side; ``width`` is 0 where they are one-hot."""
    return {
        "name": group.name,
        "first": group.start,
        "values": group.values.tolist(),
        "width": float(group.width),
        "repeats": group.repeats,
    }


def _answer(interface: Interface, explores: bool) -> dict[str, Any]:
    """Describe what the readouts mean; ``draws`` is whether actions are drawn from the policy."""
    if interface.actions == "discrete":
        return {"actions": "discrete", "n_actions": interface.n_actions, "draws": explores}
    low, high = interface.action_range
    return {
        "actions": "continuous",
        "n_actions": interface.n_actions,
        "low": float(low),
        "high": float(high),
    }
