"""The equations of reward-modulated STDP in Brian2's code: action neurons and plastic synapses.

Traces x and y follow presynaptic and postsynaptic spikes, pairs leave an eligibility c,

    dx/dt = −x / τ₊,  x += 1 at a presynaptic spike,   which also does c −= A₋ y,
    dy/dt = −y / τ₋,  y += 1 at a postsynaptic spike,  which also does c += A₊ x,
    dc/dt = −c / τ_c,
    w += η c d  at the outcome of every decision, with d = reward − baseline.

Action neurons are leaky integrators that fire at random, more likely the nearer the membrane is to
its threshold (escape noise), and inhibit each other.
"""

FIRES = {
    "poisson": "rand() < rate * dt",
    "regular": "floor((t_in_timesteps + 1) * rate * dt) > floor(t_in_timesteps * rate * dt)",
}

# Membranes are counted from rest. The parameters of an episode's plasticity are variables of its
# action neurons, where all of its synapses can read them.
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
feedback : 1
baseline : 1
baseline_rate : 1 (constant)
dopamine : 1
dopamine_left : 1 (constant)
"""
ESCAPES = "rand() < 1 - exp(-dt * rho * exp(clip((v - V_th) / noise, -50, 50)))"
# Runs after the code of synapses. Membranes start every decision at rest; traces and eligibilities
# run on, without a pause between decisions.
AFTER_AN_OUTCOME = """
dopamine = dopamine_left * (dopamine + feedback - baseline)
baseline += baseline_rate * (feedback - baseline)
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
CHANGE = "change = eta * c * (dopamine + feedback - baseline)\n"
SOFTLY = " * (int(change > 0*mV) * (1 - w / w_max) + int(change <= 0*mV) * w / w_max)"
ON_TOLD = {
    "hard": f"\n{CHANGE}w = clip(w + change, 0*mV, w_max)\n",
    "soft": f"\n{CHANGE}w = clip(w + change{SOFTLY}, 0*mV, w_max)\n",
}

MEMBRANE_CONSTANTS = {"V_th": "10*mV", "tau_m": "20*ms", "rho": "1/ms"}
