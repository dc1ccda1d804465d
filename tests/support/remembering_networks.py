"""Networks built by hand that keep a cue in a known part of their state, for one decision."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.interpretation.closed_loop.simulation import ClosedLoop
from spikeloop.tasks.base import IntArray, Interface, References
from spikeloop.tasks.program import Arrays, ProgramBatch, TaskProgram
from spikeloop.workers.learners.lsnn.learner import Lsnn
from support.planted_networks import hand_made

INTERFACE = Interface(3, 2, "discrete", 2, feedback_values=(0.0, 1.0))
PROBE = 2


@dataclass(frozen=True)
class RecallProgram(TaskProgram):
    """The first decision shows the cue, the second a probe and pays for the cue's number."""

    def start(self, xp: Any, arrays: Arrays, task: Any) -> Arrays:
        return {"task": task, "done": xp.zeros_like(task)}

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        return xp.where(state["done"] == 0, arrays["cue"][state["task"]], PROBE)

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        reward = (actions == arrays["cue"][state["task"]]) * (state["done"] == 1) * 1.0
        return {**state, "done": state["done"] + 1}, reward, 0.0 * reward


@dataclass(frozen=True)
class RecallTasks(ProgramBatch):
    cue: IntArray

    @property
    def interface(self) -> Interface:
        return INTERFACE

    def program(self) -> RecallProgram:
        return RecallProgram()

    def references(self) -> References:
        return References(np.full(self.n_tasks, 0.5), np.ones(self.n_tasks))


def adapting_network() -> FrozenNetwork:
    """Neurons that fired for cue 0 answer the probe no more; those that did not ask for action 1.

    Membranes are short, so that of the cue nothing but their thresholds is left.
    """
    learner = Lsnn(
        n_neurons=20,
        adaptive_share=1.0,
        tau_membrane_ms=3.0,
        beta=10.0,
        tau_adaptation_ms=(2000.0, 2000.0),
        tau_readout_ms=3.0,
        window_ms=20.0,
        explores=False,
        shows_action=False,
        shows_feedback=False,
        precision="float64",
    )
    theta, everyone = learner.threshold, slice(None)
    to = {"observation": {0: (everyone, 8 * theta), PROBE: (everyone, 1.2 * theta)}}
    return hand_made(
        learner, INTERFACE, to, np.zeros((20, 20)), everyone, asks=1, weight=100.0, bias=2.0
    )


def reverberating_network() -> FrozenNetwork:
    """Neurons that cue 0 starts keep one another firing, and ask for action 0."""
    learner = Lsnn(
        n_neurons=20,
        adaptive_share=0.0,
        tau_membrane_ms=5.0,
        window_ms=20.0,
        explores=False,
        shows_action=False,
        shows_feedback=False,
        precision="float64",
    )
    theta, everyone = learner.threshold, slice(None)
    to = {"observation": {0: (everyone, 4 * theta * np.linspace(0.8, 1.2, 20))}}
    recurrent = theta * (1 - np.eye(20))
    return hand_made(learner, INTERFACE, to, recurrent, everyone, asks=0, weight=1.0, bias=0.5)


def recalling_loop(network: FrozenNetwork, n_episodes: int) -> ClosedLoop:
    """The network in tasks of both cues."""
    tasks = RecallTasks(np.arange(n_episodes) // 2 % 2)
    return ClosedLoop(network, tasks, np.arange(n_episodes, dtype=np.uint64))
