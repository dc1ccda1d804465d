"""One episode of a network of adapting spiking neurons, time step by time step."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray


@dataclass(frozen=True)
class EpisodeTrace:
    """One episode, or its beginning.

    Attributes:
        step_ms: length of a time step.
        window: time steps of one decision.
        n_decisions: in the whole episode, of which the arrays may hold the first ones only.
        parts: input channels of each part, in order.
        seen: (n_decisions shown, n_channels), or one row for each time step where inputs are
            spikes.
        spikes: (n_time_steps, n_neurons); the adaptive neurons come first.
        n_adaptive: how many those are.
        thresholds: (n_time_steps, n_adaptive) of the adaptive neurons, in units of θ₀.
        acted: (n_decisions shown,) answers, or arms and other actions as numbers.
        feedback: (n_decisions shown,) the feedback to them: targets or rewards.
        answers: whether these are answers and targets, and not actions and rewards.
        answer_range: least and largest target.
        n_actions: number of actions, where these are no answers.
    """

    step_ms: float
    window: int
    n_decisions: int
    parts: Mapping[str, int]
    seen: FloatArray
    spikes: NDArray[np.bool_]
    n_adaptive: int
    thresholds: FloatArray
    acted: FloatArray
    feedback: FloatArray
    answers: bool
    answer_range: tuple[float, float]
    n_actions: int

    @property
    def n_shown(self) -> int:
        """Decisions that the arrays hold."""
        return len(self.acted)

    @property
    def end_ms(self) -> float:
        """When the last of them ends."""
        return self.n_shown * self.window * self.step_ms


def adaptation(spikes: FloatArray, rho: FloatArray) -> FloatArray:
    """Compute the adaptation b of each neuron from its spikes, (n_time_steps, n).

    As in ``workers.learners.lsnn.neurons`` (1): b ← ρ b + (1 − ρ) z with the spikes z of the step
    before.

    ``spikes`` are 0 or 1 from the beginning of the episode; ``rho`` is the decay in a step, (n,).
    """
    b = np.zeros(spikes.shape)
    for step in range(1, len(spikes)):
        b[step] = rho * b[step - 1] + (1 - rho) * spikes[step - 1]
    return b


def most_moved(thresholds: FloatArray, n: int) -> IntArray:
    """Find the n neurons whose thresholds vary most over time, the most varied first.

    ``thresholds`` are (n_time_steps, n_neurons).
    """
    return np.argsort(-thresholds.std(axis=0), kind="stable")[:n]
