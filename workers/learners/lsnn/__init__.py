"""Recurrent networks of adapting spiking neurons (LSNN) as programs for JAX.

A whole tile of episodes, environment included, is one compiled program that can be differentiated:
``neurons`` is one time step, ``wiring`` the synapses, ``network`` the time steps of one decision,
``episode`` the decisions of an episode, and ``objective`` the gradient's.
"""
