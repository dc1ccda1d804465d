"""Open-loop episodes as a C++ program of their own, compiled once and run with other arguments.

Brian2's device "cpp_standalone" writes a project, compiles it in some seconds and runs it as a
child process. Weights, parameters, seeds and the input over time are arguments of the program, so
one program serves all tiles of a shape.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, SeedArray
from spikeloop.workers.brian.assembly import KEY_HIGH, KEY_LOW, Assembly
from spikeloop.workers.brian.blueprint import Blueprint, Variable
from spikeloop.workers.brian.build_folder import scratch_folder
from spikeloop.workers.brian.network_cache import lent
from spikeloop.workers.brian.noise import keys
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.brian.targets import FLAGS, preferences, require_target

MAX_PROGRAMS = 2
"""Programs kept; each is a folder of some megabytes."""

_built: dict[tuple[Any, ...], "StandaloneProgram"] = {}


class Shape(NamedTuple):
    """What a program of a network is compiled for; ``open_loop`` explains the values."""

    n_episodes: int
    n_windows: int
    decision_steps: int
    drive: tuple[Variable, ...]
    read: tuple[Variable, ...]


def standalone_program(
    blueprint: Blueprint, shape: Shape
) -> AbstractContextManager["StandaloneProgram"]:
    """Lend the program of a tile to this thread alone.

    Raises:
        MissingCompiler: there is no C++ compiler.
    """
    require_target("cpp_standalone")
    key = (blueprint.digest(), *shape)
    return lent(_built, key, MAX_PROGRAMS, partial(StandaloneProgram, blueprint, shape))


class StandaloneProgram:
    """A compiled program, whose folder is removed with it."""

    def __init__(self, blueprint: Blueprint, shape: Shape) -> None:
        b2 = brian2()
        self._blueprint, self._shape = blueprint, shape
        self._folder = scratch_folder(self)
        with _standalone_device() as self._device:
            window = shape.decision_steps * blueprint.dt_s * b2.second
            self._timed = {v: self._timed_array(v, window) for v in shape.drive}
            self._parts = Assembly(
                blueprint,
                shape.n_episodes,
                None,
                shape.drive,
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
                for group, name in shape.read
            }
            net = b2.Network(
                *self._parts.groups.values(), *self._monitors.values(), name="episodes"
            )
            self._device.apply_run_args()  # after the initial values that the blueprint gives
            # One step more, at whose start the end of the last window is read.
            n_steps = shape.n_windows * shape.decision_steps + 1
            net.run(n_steps * blueprint.dt_s * b2.second, namespace={})
            self._device.build(
                directory=str(self._folder), compile=True, run=False, with_output=False
            )

    def run(
        self,
        seeds: SeedArray,
        values: Mapping[Variable, NDArray[Any]],
        drive: Mapping[Variable, FloatArray],
    ) -> dict[Variable, FloatArray]:
        """Run the program in its folder; see ``open_loop``."""
        quantity = brian2().Quantity
        arguments: dict[Any, Any] = {}
        for (group, name), start in {**self._keys(seeds), **values}.items():
            view = getattr(self._parts.groups[group], name)
            whole = np.broadcast_to(start, np.shape(start)).ravel()
            arguments[view] = quantity(whole, dim=view.dim)
        for variable, over_time in drive.items():
            timed = self._timed[variable]
            flat = np.ascontiguousarray(over_time).reshape(self._shape.n_windows, -1)
            arguments[timed] = quantity(flat, dim=timed.dim)
        try:
            self._device.run(str(self._folder), "results", with_output=False, run_args=arguments)
            found = {v: self._read(*v) for v in self._monitors}
        finally:
            for name in self._device.run_args_arrays:
                for file in (self._folder / "static_arrays").glob(f"{name}*"):
                    file.unlink()
        return found

    def _timed_array(self, variable: Variable, window: Any) -> Any:
        """Return an input over time: zeros until the program is run."""
        b2, (group, name) = brian2(), variable
        neurons = self._blueprint.neurons[group]
        dim = b2.Equations(neurons.equations)[name].dim
        zeros = np.zeros((self._shape.n_windows, neurons.n * self._shape.n_episodes))
        return b2.TimedArray(b2.Quantity(zeros, dim=dim), dt=window, name=f"{group}_{name}_timed")

    def _keys(self, seeds: SeedArray) -> dict[Variable, NDArray[Any]]:
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
        windows = recorded.reshape(-1, self._shape.n_episodes, n)[1 : self._shape.n_windows + 1]
        return windows.astype(np.float64)


@contextmanager
def _standalone_device() -> Iterator[Any]:
    """Build on a device of its own, and compile as modules are compiled, on two cores."""
    from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
    from brian2.devices.device import reset_device, set_device

    compiling = {
        "codegen.cpp.extra_compile_args": list(FLAGS),
        "devices.cpp_standalone.extra_make_args_unix": ["-j2", "--silent"],
    }
    device = CPPStandaloneDevice()
    with preferences(compiling):
        set_device(device, build_on_run=False)
        try:
            yield device
        finally:
            reset_device()
