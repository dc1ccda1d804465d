"""Recurrent networks of adapting spiking neurons (LSNN) as programs for JAX.

A whole tile of episodes, environment included, is one compiled program that can be differentiated:
``neurons`` is one time step, ``wiring`` the synapses, ``network`` the time steps of one decision,
``inputs`` what the network is shown, ``episode`` the decisions of an episode, and ``objective``
what the weights are trained by.
"""
