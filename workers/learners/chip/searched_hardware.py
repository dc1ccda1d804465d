"""Hardware hyperparameters of a chip agent: which are searched, and the circuit that a Θ sets."""

from collections.abc import Collection, Mapping
from typing import Literal

from spikeloop.workers.chip.circuit import HARDWARE_PARAMETERS, Circuit, circuit_field
from spikeloop.workers.parameter_types import Integer

HardwareParameter = Literal[
    "v_leak",
    "v_thresh",
    "v_reset",
    "state_gap",
    "leak",
    "resistor_exc",
    "resistor_inh",
    "refractory",
    "gm_exc",
    "gm_inh",
    "pulse",
    "router_delay",
    "n_stimulus_spikes",
]

Opened = Literal["all"] | list[HardwareParameter]
"""The hardware hyperparameters that are searched."""


def searched_hardware(opened: Opened, circuit: Circuit) -> list[Integer]:
    """Return the searched hardware hyperparameters, whose defaults are the circuit's codes.

    Raises:
        ValueError: a code of the circuit lies outside its range of search.
    """
    names: Collection[str] = [p.name for p in HARDWARE_PARAMETERS] if opened == "all" else opened
    parameters = []
    for p in HARDWARE_PARAMETERS:
        if p.name not in names:
            continue
        default = getattr(circuit, circuit_field(p.name))
        if not p.low <= default <= p.high:
            raise ValueError(
                f"{p.name} is searched in [{p.low}, {p.high}] and starts from "
                f"circuit.{circuit_field(p.name)}, got {default}"
            )
        parameters.append(Integer(p.low, p.high, default, p.unit, p.description, name=p.name))
    return parameters


def circuit_of(opened: Opened, circuit: Circuit, theta: Mapping[str, float]) -> Circuit:
    """Return the circuit with the hardware hyperparameters of a Θ."""
    searched = searched_hardware(opened, circuit)
    set_ = {circuit_field(p.name): round(theta[p.name]) for p in searched}
    return Circuit.model_validate({**circuit.model_dump(), **set_})
