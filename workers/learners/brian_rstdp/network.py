"""The network of reward-modulated STDP in Brian2's words: states, actions, synapses between them.

Traces x and y follow presynaptic and postsynaptic spikes, pairs leave an eligibility c,

    dx/dt = −x / τ₊,  x += 1 at a presynaptic spike,   which also does c −= A₋ y,
    dy/dt = −y / τ₋,  y += 1 at a postsynaptic spike,  which also does c += A₊ x,
    dc/dt = −c / τ_c,
    w += η c d  at the outcome of every decision, with d = reward − baseline.

Action neurons are leaky integrators that fire by chance, ever more likely the nearer the membrane
is to its threshold (escape noise), and silence each other.
"""

from typing import Literal

import numpy as np

from spikeloop.workers.brian.blueprint import Blueprint, Neurons, Synapses, Wiring, all_to_all

FIRES = {
    "poisson": "rand() < rate * dt",
    "regular": "floor((t_in_timesteps + 1) * rate * dt) > floor(t_in_timesteps * rate * dt)",
}

# Membranes are counted from rest. What an episode's plasticity needs lies with its action neurons,
# where all of its synapses can read it.
ACTION = """
dv/dt = -v / tau_m : volt
count : integer
noise : volt (constant)
inhibition : volt (constant)
tau_plus : second (constant)
tau_minus : second (constant)
tau_eligibility : second (constant)
A_plus : 1 (constant)
A_minus : 1 (constant)
eta : volt
told : 1
baseline : 1
baseline_rate : 1 (constant)
dopamine : 1
dopamine_left : 1 (constant)
"""
ESCAPES = "rand() < 1 - exp(-dt * rho * exp(clip((v - V_th) / noise, -50, 50)))"
# After what an outcome does to the synapses. Membranes start every decision at rest; traces and
# eligibilities run on, without a pause between decisions.
AFTER_AN_OUTCOME = """
dopamine = dopamine_left * (dopamine + told - baseline)
baseline += baseline_rate * (told - baseline)
count = 0
v = 0*mV
"""

SYNAPSE = """
w : volt
dx/dt = -x / tau_plus : 1 (event-driven)
dy/dt = -y / tau_minus : 1 (event-driven)
dc/dt = -c / tau_eligibility : 1 (event-driven)
"""
ON_PRE = """
v_post += w
x += 1
c -= A_minus * y
"""
ON_POST = """
y += 1
c += A_plus * x
"""
ON_TOLD = """
change = eta * c * (dopamine + told - baseline)
w = clip(w + change{softly}, 0*mV, w_max)
"""
SOFTLY = " * (int(change > 0*mV) * (1 - w / w_max) + int(change <= 0*mV) * w / w_max)"

CONSTANTS = {"V_th": "10*mV", "tau_m": "20*ms", "rho": "1/ms"}


def plastic_network(
    n_states: int,
    n_actions: int,
    neurons_per_state: int = 1,
    neurons_per_action: int = 1,
    fires: Literal["poisson", "regular"] = "poisson",
    bounds: Literal["hard", "soft"] = "hard",
    largest_weight_mV: float = 10.0,
    step_ms: float = 1.0,
) -> Blueprint:
    """The network of one episode: "states", "actions", "plastic" between them, and "lateral".

    Args:
        n_states: states of the task.
        n_actions: its actions.
        neurons_per_state: input neurons of each state.
        neurons_per_action: output neurons of each action.
        fires: how input neurons do at their ``rate``.
        bounds: soft: changes shrink in proportion to the distance to a bound.
        largest_weight_mV: upper bound of a weight; the lower one is 0.
        step_ms: time step.
    """
    n_in, n_out = n_states * neurons_per_state, n_actions * neurons_per_action
    states = Neurons(n_in, "rate : Hz", threshold=FIRES[fires])
    actions = Neurons(
        n_out,
        ACTION,
        threshold=ESCAPES,
        reset="v = 0*mV\ncount += 1",
        on_feedback=AFTER_AN_OUTCOME,
    )
    plastic = Synapses(
        "states",
        "actions",
        all_to_all(n_in, n_out),
        SYNAPSE,
        on_pre=ON_PRE,
        on_post=ON_POST,
        on_feedback=ON_TOLD.format(softly=SOFTLY if bounds == "soft" else ""),
        up_to_date=True,
    )
    pre, post = np.divmod(np.arange(n_out**2), n_out)
    rivals = pre // neurons_per_action != post // neurons_per_action
    lateral = Synapses(
        "actions", "actions", Wiring(pre[rivals], post[rivals]), on_pre="v_post -= inhibition"
    )
    return Blueprint(
        step_ms * 1e-3,
        {"states": states, "actions": actions},
        {"plastic": plastic, "lateral": lateral},
        CONSTANTS | {"w_max": f"{largest_weight_mV!r}*mV"},
    )
