"""The analog parameter memory, which converts 10-bit codes to volts, seconds and amperes.

Each neuron has 10-bit cells for voltages and bias currents, whose full range is about 0 to 1.6 V
and 0 to 1 µA (known of the full BrainScaleS-2, electronicvisions/calix). The published code names
codes, not units, and no transfer curve of the prototype is public. The maps below are ours:
voltages are linear, conductances and currents proportional to their bias, and times inversely so,
with round factors that put the whole of the ranges that calix calls feasible (τ_mem up to 2 ms,
τ_syn 0.1 to 100 µs) on 10 bits:

    leak         g = code · 1 nS       τ_mem = C / g     10 µs (calix) at 236, with Pong's C
    resistor     τ_syn = 102.3 µs / code                  1.8 µs at 57 (Pong), 0.1 µs at 1023
    refractory   204.4 µs / code                          4 µs at 51 (Pong), 0.2 µs at 1022
    synaptic gm  24 pA · code for each weight code        1.5 µA at weight 63 and code 1023

A synaptic input compares the synapses' line with a reference voltage, v_syn, and its current is
zero at rest only if the two agree. On an ideal chip they do at the codes 670 (excitatory) and 690
(inhibitory) of a published default file (Neuromorphic_Hardware_learns_to_learn,
hardware/mdp/cap_mem_07_chip_20.json). Elsewhere the input carries a steady current, which is kept
in weight codes here: 0.01 for each code of v_syn (our choice; the transfer is unknown).

Real transfer curves are less straight and differ from neuron to neuron; ``mismatch`` models the
latter, and ``calibration`` compensates for it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    N_NEURONS,
    V_SYN_EXC_U10,
    V_SYN_INH_U10,
    VOLT_PER_CODE,
)

CodeArray = NDArray[np.int64]

LEAK_S_PER_CODE = 1e-9
SYNAPSE_S_CODES = 102.3e-6
REFRACTORY_S_CODES = 204.4e-6
GM_A_PER_CODE = 24e-12
INPUT_WEIGHT_PER_CODE = 0.01

# The two membrane capacitors, which add up. 2.36 pF is what Pong measured; that it is the large
# one alone, and the small one a sixth of it, is our choice.
LARGE_CAPACITOR_F = 2.36e-12
SMALL_CAPACITOR_F = LARGE_CAPACITOR_F / 6


@dataclass(frozen=True)
class Codes:
    """The analog parameter memory of 32 neurons, each (32,) int64 in [0, 1023].

    The reset potential is one shared cell on the chip, so equal for all neurons. Biases are those
    of the leak conductance, of the resistors that set the time constants of both synaptic inputs,
    of the refractory circuit, and of the transconductances (gm) that set the inputs' strengths.
    ``v_syn`` are the reference voltages of both inputs. ``large_capacitor`` and
    ``small_capacitor``, (32,) bool, are two switches of the neuron (``enable_bigcap`` and
    ``enable_smallcap`` in haldls, include/haldls/v2/neuron.h), of which at least one is on.
    """

    v_leak_u10: CodeArray
    v_thresh_u10: CodeArray
    v_reset_u10: CodeArray
    v_syn_exc_u10: CodeArray
    v_syn_inh_u10: CodeArray
    leak_u10: CodeArray
    resistor_exc_u10: CodeArray
    resistor_inh_u10: CodeArray
    refractory_u10: CodeArray
    gm_exc_u10: CodeArray
    gm_inh_u10: CodeArray
    large_capacitor: NDArray[np.bool_]
    small_capacitor: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Refuse codes that the memory cannot hold and biases that stop a neuron altogether."""
        for name in (*VOLTAGES, *BIASES):
            codes, least = getattr(self, name), int(name in BIASES and not name.startswith("gm"))
            if codes.shape != (N_NEURONS,):
                raise ValueError(f"{name} must have shape ({N_NEURONS},), got {codes.shape}")
            if name == "v_reset_u10" and np.ptp(codes) > 0:
                raise ValueError("v_reset_u10 is one cell for all neurons, got different codes")
            if codes.min() < least or codes.max() > MAX_CODE_U10:
                raise ValueError(
                    f"{name} must be in [{least}, {MAX_CODE_U10}], "
                    f"got {codes.min()} to {codes.max()}"
                )
        if not (self.large_capacitor | self.small_capacitor).all():
            raise ValueError(
                "large_capacitor and small_capacitor must not both be off: "
                "a membrane needs a capacitor"
            )


VOLTAGES = ("v_leak_u10", "v_thresh_u10", "v_reset_u10", "v_syn_exc_u10", "v_syn_inh_u10")
BIASES = (
    "leak_u10",
    "resistor_exc_u10",
    "resistor_inh_u10",
    "refractory_u10",
    "gm_exc_u10",
    "gm_inh_u10",
)
CAPACITORS = ("large_capacitor", "small_capacitor")


@dataclass(frozen=True)
class NeuronConstants:
    """Physical constants of the 32 neurons, each (32,) float64.

    Time constants are of the membrane and of both synaptic inputs. For ``refractory_s`` after a
    spike the membrane is held at ``v_reset_V``. ``exc_A`` is the peak synaptic current of an event
    of weight code 1 and pulse length 1, and ``inh_A`` the same for inhibition, positive.
    ``v_leak_V`` is the potential at rest, steady currents of the synaptic inputs included.
    """

    capacitor_F: FloatArray
    tau_mem_s: FloatArray
    tau_exc_s: FloatArray
    tau_inh_s: FloatArray
    v_leak_V: FloatArray
    v_thresh_V: FloatArray
    v_reset_V: FloatArray
    refractory_s: FloatArray
    exc_A: FloatArray
    inh_A: FloatArray

    @property
    def exc_V(self) -> FloatArray:
        """Return (32,) how far a steady current ``exc_A`` lifts the membrane above leak."""
        drive: FloatArray = self.exc_A * self.tau_mem_s / self.capacitor_F
        return drive

    @property
    def inh_V(self) -> FloatArray:
        """Return (32,) how far a steady current ``inh_A`` pulls the membrane below leak."""
        drive: FloatArray = self.inh_A * self.tau_mem_s / self.capacitor_F
        return drive


def ideal_constants(codes: Codes) -> NeuronConstants:
    """Return the constants that codes have on an ideal chip."""
    capacitor_F = (
        LARGE_CAPACITOR_F * codes.large_capacitor + SMALL_CAPACITOR_F * codes.small_capacitor
    )

    def times(unit: float, code: CodeArray) -> FloatArray:
        return unit * code.astype(np.float64)

    cells = NeuronConstants(
        capacitor_F=capacitor_F,
        tau_mem_s=capacitor_F / times(LEAK_S_PER_CODE, codes.leak_u10),
        tau_exc_s=SYNAPSE_S_CODES / codes.resistor_exc_u10,
        tau_inh_s=SYNAPSE_S_CODES / codes.resistor_inh_u10,
        v_leak_V=times(VOLT_PER_CODE, codes.v_leak_u10),
        v_thresh_V=times(VOLT_PER_CODE, codes.v_thresh_u10),
        v_reset_V=times(VOLT_PER_CODE, codes.v_reset_u10),
        refractory_s=REFRACTORY_S_CODES / codes.refractory_u10,
        exc_A=times(GM_A_PER_CODE, codes.gm_exc_u10),
        inh_A=times(GM_A_PER_CODE, codes.gm_inh_u10),
    )
    balance = np.full(N_NEURONS, float(V_SYN_EXC_U10)), np.full(N_NEURONS, float(V_SYN_INH_U10))
    return with_input_currents(cells, codes, *balance)


def with_input_currents(
    cells: NeuronConstants, codes: Codes, balance_exc: FloatArray, balance_inh: FloatArray
) -> NeuronConstants:
    """Return the neurons with the steady currents of their synaptic inputs, which shift their rest.

    ``balance_exc`` and ``balance_inh`` are the (32,) codes of v_syn at which the inputs carry none.
    A higher code lets an input carry more, so that it lifts or lowers the membrane, respectively.
    """
    exc = INPUT_WEIGHT_PER_CODE * (codes.v_syn_exc_u10 - balance_exc)
    inh = INPUT_WEIGHT_PER_CODE * (codes.v_syn_inh_u10 - balance_inh)
    return replace(cells, v_leak_V=cells.v_leak_V + cells.exc_V * exc - cells.inh_V * inh)
