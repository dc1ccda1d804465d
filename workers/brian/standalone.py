"""Open-loop episodes as a C++ program of their own, compiled once and run with other arguments.

Brian2's device "cpp_standalone" writes a project, compiles it in some seconds and runs it as a
child process. Weights, parameters, seeds and the input over time are arguments of the program, so
one program serves all tiles of a shape.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, SeedArray
from spikeloop.workers.brian.assembly import KEY_HIGH, KEY_LOW, Assembly
from spikeloop.workers.brian.blueprint import Blueprint
from spikeloop.workers.brian.build_folder import scratch_folder
from spikeloop.workers.brian.noise import keys
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.targets import own_preferences, require_target, standalone_preferences

MAX_PROGRAMS = 2
"""Programs kept; each is a folder of some megabytes."""

Variables = tuple[tuple[str, str], ...]
Run = Callable[
    [SeedArray, Mapping[tuple[str, str], NDArray[Any]], Mapping[tuple[str, str], FloatArray]],
    dict[tuple[str, str], FloatArray],
]
_built: dict[tuple[Any, ...], "StandaloneProgram"] = {}


@contextmanager
def standalone_program(
    blueprint: Blueprint,
    n_episodes: int,
    n_windows: int,
    decision_steps: int,
    drive: Variables,
    read: Variables,
) -> Iterator[Run]:
    """Lend the program of a tile to this thread alone; see ``open_loop`` for the arguments.

    Raises:
        MissingCompiler: there is no C++ compiler.
    """
    require_target("cpp_standalone")
    key = (blueprint.digest(), n_episodes, n_windows, decision_steps, drive, read)
    with own_preferences(), standalone_preferences():
        if key not in _built:
            gc.collect()  # objects of earlier programs, which refer to each other
        built = _built.pop(key, None) or StandaloneProgram(
            blueprint, n_episodes, n_windows, decision_steps, drive, read
        )
        yield built.run
        _built[key] = built
        while len(_built) > MAX_PROGRAMS:
            del _built[next(iter(_built))]


class StandaloneProgram:
    """A compiled program, whose folder is removed with it."""

    def __init__(
        self,
        blueprint: Blueprint,
        n_episodes: int,
        n_windows: int,
        decision_steps: int,
        drive: Variables,
        read: Variables,
    ) -> None:
        from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
        from brian2.devices.device import reset_device, set_device

        b2 = brian2()
        self._blueprint, self._n_episodes, self._n_windows = blueprint, n_episodes, n_windows
        self._folder = scratch_folder(self)
        self._device = CPPStandaloneDevice()
        set_device(self._device, build_on_run=False)
        try:
            window = decision_steps * blueprint.dt_s * b2.second
            self._timed = {v: self._timed_array(v, window) for v in drive}
            timed = {group: [name for g, name in drive if g == group] for group, _ in drive}
            self._parts = Assembly(
                blueprint,
                n_episodes,
                None,
                timed,
                {f"{name}_timed": array for (_, name), array in self._timed.items()},
            )
            self._monitors = {
                (group, name): b2.StateMonitor(
                    self._parts.groups[group],
                    name,
                    record=True,
                    dt=window,
                    when="start",
                    order=-1,
                    name=f"{group}_{name}_read",
                )
                for group, name in read
            }
            net = b2.Network(
                *self._parts.groups.values(), *self._monitors.values(), name="episodes"
            )
            self._device.apply_run_args()  # after the initial values that the blueprint gives
            # One step more, at whose start the end of the last window is read.
            net.run((n_windows * decision_steps + 1) * blueprint.dt_s * b2.second, namespace={})
            self._device.build(
                directory=str(self._folder), compile=True, run=False, with_output=False
            )
        finally:
            reset_device()

    def run(
        self,
        seeds: SeedArray,
        values: Mapping[tuple[str, str], NDArray[Any]],
        drive: Mapping[tuple[str, str], FloatArray],
    ) -> dict[tuple[str, str], FloatArray]:
        """Run the program in its folder; see ``open_loop``."""
        quantity = brian2().Quantity
        arguments: dict[Any, Any] = {}
        for (group, name), start in {**self._keys(seeds), **values}.items():
            view = getattr(self._parts.groups[group], name)
            whole = np.broadcast_to(start, np.shape(start)).ravel()
            arguments[view] = quantity(whole, dim=view.dim)
        for variable, over_time in drive.items():
            timed = self._timed[variable]
            flat = np.ascontiguousarray(over_time).reshape(self._n_windows, -1)
            arguments[timed] = quantity(flat, dim=timed.dim)
        try:
            self._device.run(str(self._folder), "results", with_output=False, run_args=arguments)
            found = {v: self._read(*v) for v in self._monitors}
        finally:
            for name in self._device.run_args_arrays:
                for file in (self._folder / "static_arrays").glob(f"{name}*"):
                    file.unlink()
        return found

    def _timed_array(self, variable: tuple[str, str], window: Any) -> Any:
        """Return an input over time: zeros until the program is run."""
        b2, (group, name) = brian2(), variable
        neurons = self._blueprint.neurons[group]
        dim = b2.Equations(neurons.equations)[name].dim
        zeros = np.zeros((self._n_windows, neurons.n * self._n_episodes))
        return b2.TimedArray(b2.Quantity(zeros, dim=dim), dt=window, name=f"{group}_{name}_timed")

    def _keys(self, seeds: SeedArray) -> dict[tuple[str, str], NDArray[Any]]:
        """Return the seeds for every population whose code draws random numbers."""
        found = {}
        for group, neurons in self._blueprint.neurons.items():
            if KEY_LOW in self._parts.groups[group].variables:
                for name, words in zip((KEY_LOW, KEY_HIGH), keys(seeds), strict=True):
                    found[group, name] = np.repeat(words, neurons.n)
        return found

    def _read(self, group: str, name: str) -> FloatArray:
        """Return a variable's values at the end of each window, (n_windows, n_episodes, n)."""
        recorded = np.asarray(self._monitors[group, name].variables[name].get_value())
        n = self._blueprint.neurons[group].n
        return recorded.reshape(-1, self._n_episodes, n)[1 : self._n_windows + 1].astype(np.float64)
