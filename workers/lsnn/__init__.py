"""Recurrent networks of adapting spiking neurons (LSNN) as programs for JAX.

A whole tile of lives, environment included, is one compiled program that can be differentiated:
``xla`` is the door to JAX, ``neurons`` one time step, ``wiring`` the synapses, ``network`` the time
steps of one decision, ``inputs`` what the network is shown, ``life`` the decisions of a life, and
``objective`` what the weights are trained by.
"""
