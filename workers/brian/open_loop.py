"""Episodes whose input is known beforehand, because it does not depend on the network's answers.

Such are episodes in which a teacher gives the targets. They need nothing between the windows of
simulated time, so they can run as a program without Python (``standalone``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, SeedArray
from spikeloop.workers.brian.blueprint import Blueprint, Variable
from spikeloop.workers.brian.network_cache import network
from spikeloop.workers.brian.targets import OpenLoopTarget


def open_loop(
    blueprint: Blueprint,
    seeds: SeedArray,
    values: Mapping[Variable, NDArray[Any]],
    drive: Mapping[Variable, FloatArray],
    decision_steps: int,
    read: Sequence[Variable],
    target: OpenLoopTarget = "numpy",
) -> dict[Variable, FloatArray]:
    """Run episodes side by side through windows of simulated time.

    Args:
        blueprint: of one episode.
        seeds: (n_episodes,) of their own random numbers.
        values: initial values of variables, in SI units, shaped as by ``BatchedNetwork.array``.
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
        from spikeloop.workers.brian.standalone import Shape, standalone_program

        shape = Shape(seeds.size, n_windows, decision_steps, (*drive,), (*read,))
        with standalone_program(blueprint, shape) as program:
            return program.run(seeds, values, drive)
    sizes = {variable: blueprint.neurons[variable[0]].n for variable in read}
    found = {v: np.empty((n_windows, seeds.size, n)) for v, n in sizes.items()}
    with network(blueprint, seeds, target) as batch:
        for variable, start in values.items():
            batch.array(*variable)[...] = start
        inputs = [(batch.array(*variable), over_time) for variable, over_time in drive.items()]
        outputs = [(batch.array(*variable), over_time) for variable, over_time in found.items()]

        def between_windows(window: int) -> None:
            if window > 0:
                for now, over_time in outputs:
                    over_time[window - 1] = now
            if window < n_windows:
                for now, over_time in inputs:
                    now[:] = over_time[window]

        batch.run(n_windows, decision_steps, between_windows)
    return found
