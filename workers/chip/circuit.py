"""Settings of the circuit that makes decisions: bias codes, drivers, router and protocol.

The codes are those of the published experiment where it names them (Bohnstingl et al. 2019,
Neuromorphic_Hardware_learns_to_learn, hardware/mdp). The others bring synapses and refractory times
to those of the Pong experiment on the same chip (Wunderlich et al. 2019) and the membrane time
constant to calix' default of 10 µs (Pong had 28.5). State and action neurons differ in threshold,
refractory time and the strength of their excitatory input.

No published figure is known for the strengths, so they are our choice. A state neuron must keep
reverberating through its own synapse of weight 63, from reset (118 codes below leak) to threshold
(100 above), so one such event lifts it by a little over 218 codes of membrane potential. The router
then paces it: in squeeze mode one packet returns in each interval of 1 µs, 23 in the 23 µs from the
first kick to the reading of the counters.

An action neuron sums these packets, and its weight decides *when* it crosses its threshold. The
first one to fire ends the race, but only when its packet arrives, up to 1 µs later, and all that
cross in between fire with it. So crossings of different weights must be further apart than that,
which asks for a weak synapse, while large weights must still cross within the 23 µs, which asks for
a strong one. At code 51, which lifts the membrane by 25 codes at weight 63, a lone neuron on an
ideal chip crosses after 11.9 µs with weight 63, 16.8 µs with 50, and not at all below 42. On a
calibrated chip with weights between 13 and 63 at random, 1.20 of eight action neurons fire (2.37
with a delay line), none in 3 % of the decisions. The published optimum of the hyperparameters
(docs/results/spike_router.md), which ran on the real chip, is worth most near that code too: it
scores .29 at 36, .64 at 43, .76 at 51, .74 at 57, .71 at 63 and .66 at 70 (60 MDPs, ± .05), and
much the same with membrane time constants up to 28 µs. Programs whose weights are not values
may have stronger synapses (``plasticity.td_advantage``, at code 102 in
examples/mdp_evolution.toml).
"""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.capmem import BIASES, VOLTAGES, Codes
from spikeloop.workers.chip.core import Router
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    MAX_PULSE_U5,
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_STIMULUS_SPIKES,
    ROUTER_DELAY_CYCLES,
    STATE_GAP_U10,
    V_LEAK_U10,
    V_RESET_U10,
    V_SYN_EXC_U10,
    V_SYN_INH_U10,
    V_THRESH_U10,
)
from spikeloop.workers.parameter_types import Integer

Code = Annotated[int, Field(ge=0, le=MAX_CODE_U10)]
NonzeroCode = Annotated[int, Field(ge=1, le=MAX_CODE_U10)]


class Circuit(Settings):
    """Analog settings of the chip in codes of its parameter memory (``capmem``), and protocol."""

    step_s: float = Field(default=1e-7, ge=1e-9, le=1e-6, description="integration step, s")
    strides: bool = Field(
        default=True, description="take times in which nothing can happen in strides of 1 µs"
    )
    noise_V: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="SD of a membrane's temporal noise at rest, V, at 10 µs and 2.36 pF",
    )
    v_leak_u10: Code = Field(default=V_LEAK_U10, description="leak code")
    v_thresh_u10: Code = Field(default=V_THRESH_U10, description="action neurons: threshold code")
    v_reset_u10: Code = Field(default=V_RESET_U10, description="reset code")
    state_gap_u10: NonzeroCode = Field(
        default=STATE_GAP_U10, description="state neurons: threshold above leak"
    )
    leak_u10: NonzeroCode = Field(default=236, description="leak bias: τ_mem = 2.36 ms / code")
    resistor_exc_u10: NonzeroCode = Field(default=57, description="excitatory τ = 102.3 µs / code")
    resistor_inh_u10: NonzeroCode = Field(default=57, description="inhibitory τ = 102.3 µs / code")
    refractory_u10: NonzeroCode = Field(
        default=51, description="action neurons: refractory time = 204.4 µs / code"
    )
    state_refractory_u10: NonzeroCode = Field(default=1022, description="the same of state neurons")
    gm_exc_u10: Code = Field(default=51, description="action neurons: strength of excitation")
    state_gm_exc_u10: Code = Field(default=485, description="the same of state neurons")
    gm_inh_u10: Code = Field(default=661, description="strength of inhibition")
    pulse_u5: int = Field(
        default=1, ge=0, le=MAX_PULSE_U5, description="pulse length of the synapse drivers"
    )
    weight_offset_u6: int = Field(
        default=0,
        ge=0,
        le=MAX_WEIGHT_U6,
        description="codes by which a nonzero weight is stronger than its own (Pong's model: 32)",
    )
    router: Router = Field(
        default="squeeze",
        description="spikes of an interval leave as one packet: the interval begins with a spike, "
        "or follows the last one; or each spike leaves by itself",
    )
    router_delay_cycles: int = Field(
        default=ROUTER_DELAY_CYCLES, ge=10, le=1000, description="router delay, FPGA cycles"
    )
    n_stimulus_spikes: int = Field(
        default=N_STIMULUS_SPIKES, ge=1, le=10, description="spikes that kick a state neuron"
    )


HARDWARE_PARAMETERS = (
    Integer(420, 500, V_LEAK_U10, "code", "leak potential", name="v_leak"),
    Integer(560, 800, V_THRESH_U10, "code", "threshold of action neurons", name="v_thresh"),
    Integer(260, 420, V_RESET_U10, "code", "reset potential", name="v_reset"),
    Integer(
        70, 170, STATE_GAP_U10, "code", "threshold of state neurons above leak", name="state_gap"
    ),
    Integer(120, 400, 236, "code", "leak bias", name="leak"),
    Integer(35, 120, 57, "code", "bias of the excitatory time constant", name="resistor_exc"),
    Integer(20, 120, 57, "code", "bias of the inhibitory time constant", name="resistor_inh"),
    Integer(20, 150, 51, "code", "refractory bias of action neurons", name="refractory"),
    Integer(25, 110, 51, "code", "excitatory strength of action neurons", name="gm_exc"),
    Integer(400, 1023, 661, "code", "inhibitory strength", name="gm_inh"),
    Integer(1, 3, 1, "1", "pulse length of the synapse drivers", name="pulse"),
    Integer(40, 160, ROUTER_DELAY_CYCLES, "cycle", "router delay", name="router_delay"),
    Integer(
        2, 6, N_STIMULUS_SPIKES, "1", "spikes that kick a state neuron", name="n_stimulus_spikes"
    ),
)
"""The hardware hyperparameters in Θ that a search may set, with their ranges in chip codes.

Ranges are ours: about half to twice the codes above, so that most circuits still make decisions.
"""

FIELDS = {
    "pulse": "pulse_u5",
    "router_delay": "router_delay_cycles",
    "n_stimulus_spikes": "n_stimulus_spikes",
}


def circuit_field(name: str) -> str:
    """Return the field of ``Circuit`` that a hardware hyperparameter sets."""
    return FIELDS.get(name, f"{name}_u10")


def neuron_codes(circuit: Circuit, n_states: int) -> Codes:
    """Return the parameter memory of a network whose first ``n_states`` neurons code states."""
    fixed = {"v_syn_exc_u10": V_SYN_EXC_U10, "v_syn_inh_u10": V_SYN_INH_U10}
    memory: dict[str, Any] = {
        name: np.full(N_NEURONS, fixed.get(name, getattr(circuit, name, None)), dtype=np.int64)
        for name in (*VOLTAGES, *BIASES)
    }
    # A threshold cannot be set beyond the memory's range.
    v_state_u10 = min(circuit.v_leak_u10 + circuit.state_gap_u10, MAX_CODE_U10)
    memory["v_thresh_u10"][:n_states] = v_state_u10
    memory["refractory_u10"][:n_states] = circuit.state_refractory_u10
    memory["gm_exc_u10"][:n_states] = circuit.state_gm_exc_u10
    on = np.ones(N_NEURONS, dtype=np.bool_)
    return Codes(**memory, large_capacitor=on, small_capacitor=~on)
