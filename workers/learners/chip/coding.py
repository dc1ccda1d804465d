"""How a decision is read from the action neurons' spikes.

    fired   uniformly among the neurons that fired at all: the published program
            (Neuromorphic_Hardware_learns_to_learn, hardware/mdp/PPU/PPU.c, USE_SPIKES)
    first   the neuron that fired first, ties at random: the code of the published NEST variant, and
            the single-spike coding of Maass' talk
    count   the neuron that fired most often, ties at random: a rate code, for contrast
    polled  uniformly among the neurons that fired before a poll of the counters finds one that did:
            the published bandits (hardware/mab/mab.c); see ``episode``

If no neuron fired, every code draws uniformly among all actions: a second time, since the published
program has drawn a number by then, to divide it by the number of neurons that fired.
"""

import numpy as np

from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.ppu.scalar_unit import draw_by_byte
from spikeloop.workers.chip.router import read_counter
from spikeloop.workers.kernels import part

CODINGS = ("fired", "first", "count", "polled")
FIRST, COUNT, POLLED = (CODINGS.index(coding) for coding in ("first", "count", "polled"))


@part
def choose(core: Core, coding: int, n_states: int, n_actions: int) -> int:
    """Read and clear the counters and draw uniformly among the best actions.

    ``coding`` is an index into ``CODINGS``.
    """
    best, candidates, n_candidates = np.int64(0), np.int64(0), 0
    for action in range(n_actions):
        count = read_counter(core, n_states + action)
        if count == 0:
            continue
        merit = np.int64(0)
        if coding == FIRST:
            merit = -core.first_spike[n_states + action]
        elif coding == COUNT:
            merit = np.int64(count)
        if n_candidates == 0 or merit > best:
            best, candidates, n_candidates = merit, np.int64(0), 0
        if merit == best:
            candidates |= np.int64(1) << action
            n_candidates += 1
    rank = draw_by_byte(core.random, max(n_candidates, 1))
    if n_candidates == 0:
        return draw_by_byte(core.random, n_actions)
    chosen = 0
    for action in range(n_actions):
        if (candidates >> action) & 1:
            if rank == 0:
                chosen = action
            rank -= 1
    return chosen
