"""Whole episodes against Brian2, which integrates the differential equations of the same network.

There potentials and adaptation decay by their exact solution, a spike's jumps come before the decay
of the next step rather than after it, and synapses are single events with a delay each.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.brian_circuit import begin_anew
from support.learner_cases import case

from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.episode import Recorded
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.learners.lsnn.wiring import weight_spacing
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.space import Parameters

pytestmark = [pytest.mark.brian, pytest.mark.filterwarnings("ignore")]

N, N_EPISODES, N_DECISIONS, N_STEPS = 30, 2, 30, 10
FAMILY = Quadratic(n_steps=N_DECISIONS)
CHANGES: dict[str, Any] = {
    "n_neurons": N,
    "window_ms": float(N_STEPS),
    "refractory_ms": 2.0,
    "delays_ms": [1.0, 4.0, 2.0],
    "recurrent_scale": 0.3,
    "connectivity": 0.6,
    "excitatory_share": 0.7,
    "tau_adaptation_ms": (20.0, 200.0),
    "precision": "float64",
}

EQUATIONS = """
dv/dt = (drive + recurrent - v) / tau_m : 1
db/dt = -b / tau_a : 1
dy0/dt = -y0 / tau_out : 1
drive : 1
recurrent : 1
tau_a : second
beta : 1
rho : 1
toll : 1
"""
RESET = """
b += (1 - rho) / rho
v -= (theta_0 + beta * rho * b) / alpha
"""


@pytest.fixture(scope="module")
def episodes_done() -> tuple[Lsnn, Parameters, Recorded]:
    """One candidate's episodes on two tasks."""
    whole = case("lsnn", FAMILY, **CHANGES)
    learner = whole.learner
    assert isinstance(learner, Lsnn)
    parameters = whole.parameters.rows(slice(0, 1))
    recorded = tile.trace(
        learner, parameters, whole.tasks[:N_EPISODES], whole.seeds[:1, :N_EPISODES]
    )
    return learner, parameters, recorded


def simulate(
    learner: Lsnn, parameters: Parameters, currents: FloatArray
) -> tuple[NDArray[np.bool_], FloatArray]:
    """Spikes (n_time_steps, n_episodes, n), readouts (n_time_steps, n_episodes), by Brian2.

    Args:
        learner: whose neurons and wiring are meant.
        parameters: weights of one candidate.
        currents: (n_time_steps, n_episodes, n) of inputs.
    """
    import brian2 as b2

    n_steps = len(currents)
    begin_anew(1e-3)
    neurons, wiring = learner.neurons(), learner.wiring()
    given = b2.TimedArray(currents.reshape(n_steps, -1), dt=b2.ms)
    namespace = {
        "given": given,
        "tau_m": learner.tau_membrane_ms * b2.ms,
        "tau_out": learner.tau_readout_ms * b2.ms,
        "theta_0": learner.threshold,
        "alpha": np.exp(-1 / learner.tau_membrane_ms),
    }
    group = b2.NeuronGroup(
        N_EPISODES * N,
        EQUATIONS,
        threshold="v > theta_0 + beta * b",
        reset=RESET,
        # Counted from the step of the spike.
        refractory=(learner.refractory_ms + 1) * b2.ms,
        method="exact",
        namespace=namespace,
    )
    group.run_regularly("drive = given(t, i)", when="before_groups")
    group.run_regularly("recurrent = 0", when="after_groups")
    group.rho = np.tile(neurons.rho, N_EPISODES)
    group.tau_a = -1 / np.log(np.tile(neurons.rho, N_EPISODES)) * b2.ms
    group.beta = np.tile(neurons.beta, N_EPISODES)

    def rounded(name: str) -> FloatArray:
        (parameter,) = (p for p in parameters.space.parameters if p.name == name)
        assert isinstance(parameter, Weights)
        spacing, weights = weight_spacing(parameter.scale, N), parameters[name][0]
        acting: FloatArray = np.round(weights / spacing) * spacing
        return acting

    weights = np.abs(rounded("recurrent_weights")) * wiring.sign[:, None]
    pre, post = np.nonzero(wiring.exists)
    episodes = np.repeat(np.arange(N_EPISODES), pre.size) * N
    synapses = b2.Synapses(group, group, "w : 1", on_pre="recurrent_post += w")
    synapses.connect(i=episodes + np.tile(pre, N_EPISODES), j=episodes + np.tile(post, N_EPISODES))
    synapses.w = np.tile(weights[pre, post], N_EPISODES)
    # What arrives in the step of a spike is there when the next step is integrated.
    delays = np.resize(learner.delays_ms, N)  # of the neurons, in turn
    synapses.delay = (np.tile(delays[pre], N_EPISODES) - 1) * b2.ms

    kappa = np.exp(-1 / learner.tau_readout_ms)
    readout = b2.Synapses(group, group, "w : 1", on_pre="y0_post += w")
    readout.connect(i=np.arange(N_EPISODES * N), j=np.repeat(np.arange(N_EPISODES), N) * N)
    readout.w = (1 - kappa) * np.tile(rounded("readout_weights")[:, 0], N_EPISODES)

    spikes = b2.SpikeMonitor(group)
    filtered = b2.StateMonitor(group, "y0", record=np.arange(N_EPISODES) * N, when="end")
    objects = [group, synapses, readout, spikes, filtered]
    b2.Network(*objects).run(n_steps * b2.ms)
    fired = np.zeros((n_steps, N_EPISODES * N), bool)
    fired[np.rint(spikes.t / b2.ms).astype(int), np.asarray(spikes.i)] = True
    return fired.reshape(n_steps, N_EPISODES, N), np.asarray(filtered.y0).T


def test_episodes_have_the_spikes_and_answers_of_brian2(
    episodes_done: tuple[Lsnn, Parameters, Recorded],
) -> None:
    learner, parameters, recorded = episodes_done
    n_steps = N_DECISIONS * N_STEPS
    drive = np.repeat(recorded.drive[0], N_STEPS, axis=0)
    fired, filtered = simulate(learner, parameters, drive)
    np.testing.assert_array_equal(recorded.spikes[0].reshape(n_steps, N_EPISODES, N), fired)
    assert 0.02 < fired.mean() < 0.3
    assert fired[:, :, : N // 2].any(axis=(0, 1)).mean() > 0.5

    answers = filtered[N_STEPS - 1 :: N_STEPS]
    bias = parameters["readout_bias"][0, 0]
    np.testing.assert_allclose(
        recorded.action[0, :, :, 0], 0.5 + 0.3 * (answers + bias), rtol=0, atol=1e-10
    )
    assert recorded.action.std() > 1e-3


@pytest.mark.parametrize(
    "wrong",
    [
        {"refractory_ms": 3.0},
        {"delays_ms": [1.0, 4.0, 3.0]},
        {"tau_adaptation_ms": (21.0, 200.0)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_another_network_has_other_spikes(
    wrong: dict[str, Any], episodes_done: tuple[Lsnn, Parameters, Recorded]
) -> None:
    """The negative controls: every part of the network matters."""
    learner, parameters, recorded = episodes_done
    drive = np.repeat(recorded.drive[0], N_STEPS, axis=0)
    other = Lsnn.model_validate({**learner.model_dump(), **wrong})
    fired, _ = simulate(other, parameters, drive)
    assert (recorded.spikes[0].reshape(fired.shape) != fired).any()
