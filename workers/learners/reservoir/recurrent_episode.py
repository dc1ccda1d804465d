"""What happens between two windows of simulated time in the episodes of ``brian_recurrent``."""

from collections.abc import Mapping

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.brian.batch import Batch
from spikeloop.workers.brian.connectivity import Circuit
from spikeloop.workers.brian.open_loop import Variable
from spikeloop.workers.brian.rollout import Course
from spikeloop.workers.input_channels import Channels
from spikeloop.workers.learners.reservoir.batch import HEARD, reservoirs
from spikeloop.workers.learners.reservoir.network import Reservoir, weighted
from spikeloop.workers.philox import Stream
from spikeloop.workers.space import Parameters, Real


class Agents:
    """What the agents of a tile do between two windows of simulated time.

    Args:
        reservoir: the neurons.
        window_steps: time steps of one decision.
        weights: by name, (n_candidates, ...) as they act.
        draws: whether a discrete action is drawn from the softmax of the readouts.
        parameters: of the candidates.
        course: of the tile.
        circuit: the connections of the reservoir.
        channels: how decisions are shown to the network.
    """

    def __init__(
        self,
        reservoir: Reservoir,
        window_steps: int,
        weights: Mapping[str, FloatArray],
        draws: bool,
        parameters: Parameters,
        course: Course,
        circuit: Circuit,
        channels: Channels,
    ) -> None:
        self.nets = reservoirs(
            reservoir,
            circuit,
            window_steps,
            weights["recurrent_weights"],
            weights["input_weights"],
            {
                parameter.name.removesuffix("_factor"): parameters[parameter.name]
                for parameter in parameters.space.parameters
                if isinstance(parameter, Real)
            },
        )
        self._readout = weights["readout_weights"]
        self._broken = np.repeat(~np.isfinite(parameters.values).all(axis=1), course.shape[1])
        self._draws, self._course, self._channels = draws, course, channels
        shape = course.n_episodes, reservoir.n_neurons
        self._filtered, self._heard_before = np.zeros(shape), np.zeros(shape)
        self._action: IntArray | FloatArray | None = None
        self._told: FloatArray | None = None

    def start(self) -> dict[Variable, FloatArray]:
        """(n_episodes, n) values of the network's parameters."""
        return {name: self._course.of_episodes(values) for name, values in self.nets.start.items()}

    def enter(self, batch: Batch) -> None:
        """Writes the parameters into the network, and keeps hold of what the windows need."""
        for variable, values in self.start().items():
            batch.array(*variable)[:] = values
        self._entry, self._heard = batch.array(*self.nets.entry), batch.array(*HEARD)

    def between(self, decision: int) -> None:
        """Reads the window that is over, acts, and shows what is needed for the next decision."""
        course = self._course
        if decision > 0:
            self.act(self._heard)
        if decision < course.n_steps:
            shown = self._channels.encode(course.observe(), self._action, self._told)
            self._entry[:] = self.nets.shown(shown)

    def act(self, heard: FloatArray) -> None:
        """Answers by what has been heard of the network until now, (n_episodes, n_neurons)."""
        self._filtered = self.nets.filtered(self._filtered, heard - self._heard_before)
        self._heard_before = heard.copy()
        readout = weighted(self._filtered, self._readout)
        # A potential that is no number never spikes, so its network would answer as a silent one.
        readout[self._broken] = np.nan
        self._action = self.answer(readout)
        self._told = self._course.step(self._action)

    def answer(self, readout: FloatArray) -> IntArray | FloatArray:
        """(n_episodes,) indices or (n_episodes, n_actions) vectors, of (n_episodes, n_actions)."""
        course = self._course
        if course.interface.actions == "continuous":
            low, high = course.interface.action_range
            middle, half = (low + high) / 2, (high - low) / 2
            # What is no number stays so, and so does what it earns.
            vectors: FloatArray = np.clip(middle + readout * half, low, high)
            return vectors
        if self._draws:
            # The largest after adding Gumbel noise is a draw from the softmax (Gumbel 1954).
            noise = np.maximum(course.uniform(Stream.EXPLORATION, readout.shape[1]), 2.0**-54)
            readout = readout - np.log(-np.log(noise))
        return course.pick(readout)

    def lesson(self, course: Course) -> list[FloatArray]:
        """What the episodes are shown in each window, where it does not depend on their answers."""
        shown, feedback, nothing = (
            [],
            None,
            np.zeros((course.n_episodes, course.interface.n_actions)),
        )
        for _ in range(course.n_steps):
            shown.append(self._channels.encode(course.observe(), None, feedback))
            feedback = course.step(nothing)
        return shown
