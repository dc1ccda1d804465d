"""The chip's neurons and synapses in Brian2: the equations that the emulator integrates.

Brian2 integrates in double precision and takes no strides. It clips the membrane where the chip's
supply does. It delivers events after a step's integration, the emulator before it: what reaches the
emulator before a step comes at the end of Brian2's step before.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.chip.capmem import NeuronConstants
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, V_MAX_V

EQUATIONS = """
dv/dt = (v_leak - v + exc * i_exc - inh * i_inh) / tau_mem : 1 (unless refractory)
di_exc/dt = -i_exc / tau_exc : 1
di_inh/dt = -i_inh / tau_inh : 1
v_leak : 1
v_thresh : 1
v_reset : 1
exc : 1
inh : 1
tau_mem : second
tau_exc : second
tau_inh : second
hold : second
"""

# Half a unit in the last place of a float32 membrane per step, summed over up to two hundred steps
# of memory: an eightieth of a code.
ROUNDING_V = 2e-5

Address = tuple[int, int]
"""Row and address of an event."""


def begin_anew(step_s: float) -> None:
    """Lets Brian2 begin anew with this integration step and without a compiler."""
    import brian2 as b2

    b2.prefs.codegen.target = "numpy"
    b2.start_scope()
    b2.defaultclock.dt = step_s * b2.second


def neurons(cells: NeuronConstants, step_s: float) -> Any:
    """The 32 neurons at rest, a group named ``cells``."""
    import brian2 as b2

    group = b2.NeuronGroup(
        N_NEURONS,
        EQUATIONS,
        threshold="v >= v_thresh",
        reset="v = v_reset",
        refractory="hold",
        method="exact",
        namespace={"v_max": V_MAX_V},
        name="cells",
    )
    group.run_regularly("v = clip(v, 0, v_max)", when="after_groups")
    group.v = group.v_leak = cells.v_leak_V
    group.v_thresh, group.v_reset = cells.v_thresh_V, cells.v_reset_V
    group.exc, group.inh = cells.exc_V, cells.inh_V
    group.tau_mem = cells.tau_mem_s * b2.second
    group.tau_exc = cells.tau_exc_s * b2.second
    group.tau_inh = cells.tau_inh_s * b2.second
    # Brian2 counts from the start of the step in which a neuron fired, the emulator from its end.
    group.hold = (np.rint(cells.refractory_s / step_s) + 1) * step_s * b2.second
    return group


def synapses(
    core: Core,
    pre: Any,
    addresses: list[Address],
    group: Any,
    *,
    delay_s: float = 0.0,
    silent: bool = False,
    name: str,
) -> list[Any]:
    """The synapses that answer to the spikes of a group, excitatory ones first.

    Args:
        core: a chip; its weights, labels, gains and drivers are used.
        pre: the group whose spikes are events.
        addresses: the row and address into which each of its members sends them.
        group: the neurons.
        delay_s: from a spike to its event.
        silent: make those of weight 0 as well, since they may be written later.
        name: how the synapses' names begin.
    """
    import brian2 as b2

    made = []
    for sign, line in ((1, "i_exc"), (-1, "i_inh")):
        i, j, w = synapses_of(core, addresses, sign, silent)
        if i.size:
            found = b2.Synapses(
                pre,
                group,
                "w : 1",
                on_pre=f"{line}_post += w",
                delay=delay_s * b2.second,
                name=f"{name}_{line}",
            )
            found.connect(i=i, j=j)
            found.w = w
            made.append(found)
    return made


def synapses_of(
    core: Core, addresses: list[Address], sign: int, silent: bool = False
) -> tuple[IntArray, IntArray, FloatArray]:
    """Source, neuron and strength of every synapse that answers to rows and addresses."""
    shape = (N_ROWS, N_NEURONS)
    answers = core.weight_u6.reshape(shape) >= (0 if silent else 1)
    label_u6, strength = core.label_u6.reshape(shape), strengths(core)
    found = [
        (source, column, strength[row, column])
        for source, (row, address_u6) in enumerate(addresses)
        if core.row_sign[row] == sign
        for column in np.flatnonzero((label_u6[row] == address_u6) & answers[row])
    ]
    i, j, w = zip(*found, strict=True) if found else ((), (), ())
    return np.array(i, dtype=np.int64), np.array(j, dtype=np.int64), np.array(w)


def strengths(core: Core) -> NDArray[np.float64]:
    """(32, 32) what an event on a row adds to a neuron's input, in weight codes."""
    shape = (N_ROWS, N_NEURONS)
    gain = core.gain.reshape(shape).astype(np.float64)
    return core.weight_u6.reshape(shape) * gain * core.pulse_u5[:, None]


def routes(core: Core) -> list[Address]:
    """The row and address into which the router sends each neuron's spikes, a single row each."""
    rows = [int(rows).bit_length() - 1 for rows in core.route_rows]
    assert [1 << row for row in rows] == core.route_rows.tolist()
    return list(zip(rows, core.route_label_u6.tolist(), strict=True))
