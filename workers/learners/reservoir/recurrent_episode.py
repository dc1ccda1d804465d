"""Between two windows of simulated time, in the episodes of ``brian_recurrent``."""

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.brian.batch import BatchedNetwork
from spikeloop.workers.brian.open_loop import Variable
from spikeloop.workers.brian.rollout import Rollout
from spikeloop.workers.input_channels import InputChannels
from spikeloop.workers.learners.reservoir.batch import SPIKE_SUM, Reservoirs
from spikeloop.workers.learners.reservoir.network import weighted
from spikeloop.workers.philox import Stream


class RecurrentAgents:
    """The agents of a tile, which answer between two windows of simulated time.

    Args:
        nets: networks of the candidates.
        readout: (n_candidates, n_neurons, n_actions) weights.
        draws: whether a discrete action is drawn from the softmax of the readouts.
        broken: (n_candidates,) whether weights or factors are not finite.
        rollout: of the tile.
        channels: input channels of the network.
    """

    def __init__(
        self,
        nets: Reservoirs,
        readout: FloatArray,
        draws: bool,
        broken: NDArray[np.bool_],
        rollout: Rollout,
        channels: InputChannels,
    ) -> None:
        self._nets, self._readout, self._draws = nets, readout, draws
        self._rollout, self._channels = rollout, channels
        self._broken = rollout.of_episodes(broken)
        shape = rollout.n_episodes, readout.shape[1]
        self._filtered, self._spike_sum_before = np.zeros(shape), np.zeros(shape)
        self._action: IntArray | FloatArray = np.zeros(rollout.n_episodes)
        self._told = np.zeros(rollout.n_episodes)

    def start(self) -> dict[Variable, FloatArray]:
        """Return the values (n_episodes, n) of the network's parameters."""
        return {
            name: self._rollout.of_episodes(values) for name, values in self._nets.start.items()
        }

    def enter(self, batch: BatchedNetwork) -> None:
        """Write the parameters into the network, and keep the arrays that windows need."""
        for variable, values in self.start().items():
            batch.array(*variable)[:] = values
        self._entry, self._spike_sum = batch.array(*self._nets.entry), batch.array(*SPIKE_SUM)

    def between_windows(self, decision: int) -> None:
        """Answer by the window before, and set the input of the next one."""
        rollout = self._rollout
        if decision > 0:
            self.act(self._spike_sum)
        if decision < rollout.n_steps:
            shown = self._channels.encode(rollout.observe(), self._action, self._told, decision)
            self._entry[:] = self._nets.shown(shown)

    def act(self, spike_sum: FloatArray) -> None:
        """Answer by the sums of spikes until now, (n_episodes, n_neurons)."""
        self._filtered = self._nets.filtered(self._filtered, spike_sum - self._spike_sum_before)
        self._spike_sum_before = spike_sum.copy()
        readout = weighted(self._filtered, self._readout)
        # A potential that is no number never spikes, so its network would look like a silent one.
        readout[self._broken] = np.nan
        self._action = self.answer(readout)
        self._told = self._rollout.step(self._action)

    def answer(self, readout: FloatArray) -> IntArray | FloatArray:
        """Return actions (n_episodes,) or (n_episodes, n_actions) for (n_episodes, n_actions)."""
        rollout = self._rollout
        if rollout.interface.actions == "continuous":
            low, high = rollout.interface.action_range
            middle, half = (low + high) / 2, (high - low) / 2
            # nan stays nan, and so does the return.
            vectors: FloatArray = np.clip(middle + readout * half, low, high)
            return vectors
        if self._draws:
            # The largest after adding Gumbel noise is a draw from the softmax (Gumbel 1954).
            noise = np.maximum(rollout.uniform(Stream.EXPLORATION, readout.shape[1]), 2.0**-54)
            readout = readout - np.log(-np.log(noise))
        return rollout.pick(readout)

    def lesson(self, rollout: Rollout) -> list[FloatArray]:
        """Return the input of each window, where it does not depend on the answers."""
        shown, feedback = [], np.zeros(rollout.n_episodes)
        nothing = np.zeros((rollout.n_episodes, rollout.interface.n_actions))
        for step in range(rollout.n_steps):
            shown.append(self._channels.encode(rollout.observe(), nothing, feedback, step))
            feedback = rollout.step(nothing)
        return shown
