"""Episodes whose input is known beforehand: what the network does cannot change what it meets.

So are episodes in which a teacher tells the targets. They need nothing between the windows of
simulated time, and so can run as a program without Python (``standalone``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, SeedArray
from spikeloop.workers.brian.blueprint import Blueprint
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.targets import OpenTarget

Variable = tuple[str, str]
"""Name of a population or group of synapses, and of one of its variables."""


def open_loop(
    blueprint: Blueprint,
    seeds: SeedArray,
    values: Mapping[Variable, NDArray[Any]],
    drive: Mapping[Variable, FloatArray],
    decision_steps: int,
    read: Sequence[Variable],
    target: OpenTarget = "numpy",
) -> dict[Variable, FloatArray]:
    """Runs episodes side by side through windows of simulated time.

    Args:
        blueprint: of one episode.
        seeds: (n_episodes,) of the episodes' own randomness inside the network.
        values: what variables are at the start, in SI units, shaped as ``Batch.array`` gives them.
        drive: parameters of populations that change from window to window, in SI units:
            (n_windows, n_episodes, n), all with as many windows.
        decision_steps: time steps of one window.
        read: variables of populations that are wanted at the end of every window.
        target: what Brian2 generates code for.

    Returns:
        (n_windows, n_episodes, n) values of each variable of ``read``, in SI units.
    """
    n_windows = len(next(iter(drive.values())))
    if target == "cpp_standalone":
        from spikeloop.workers.brian.standalone import program

        with program(blueprint, seeds.size, n_windows, decision_steps, (*drive,), (*read,)) as run:
            return run(seeds, values, drive)
    sizes = {variable: blueprint.neurons[variable[0]].n for variable in read}
    found = {v: np.empty((n_windows, seeds.size, n)) for v, n in sizes.items()}
    with network(blueprint, seeds.size, target) as batch:
        batch.reset(seeds)
        for variable, start in values.items():
            batch.array(*variable)[...] = start
        inputs = [(batch.array(*variable), course) for variable, course in drive.items()]
        outputs = [(batch.array(*variable), course) for variable, course in found.items()]

        def between(window: int) -> None:
            if window > 0:
                for now, course in outputs:
                    course[window - 1] = now
            if window < n_windows:
                for now, course in inputs:
                    now[:] = course[window]

        batch.run(n_windows, decision_steps, between)
    return found
