"""A learned LSNN as a Brian2 script that repeats one recorded episode, spike for spike.

The folder holds ``network.py``, to be read and changed, and ``network.npz`` with its numbers. The
script needs only Brian2 and NumPy.
"""

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.config.run_config import FAMILY
from spikeloop.coordinator.export import input_encoding, learned_network, network_numbers
from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.export.learned_network import RecordedEpisode
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.store import atomic_files
from spikeloop.tasks import FAMILIES
from spikeloop.workers.input_channels import ChannelGroup

TEMPLATE = Path(__file__).with_name("brian_script.py.jinja")
SHOWN = {
    "observation": "what it observes",
    "action": "its last action",
    "trial": "the number of the decision, from 0",
    "bias": "always 1",
}
"""What the parts of the inputs are, in words."""

SCRIPT, NUMBERS = "network.py", "network.npz"


def write(folder: Path, learned: Learned, task: int) -> None:
    """Write script and numbers to a new folder, with the episode of one held-out task.

    Raises:
        ConfigError: the learner is not of kind ``lsnn``, or there is no such task.
        Unavailable: JAX is not installed.
    """
    network = learned_network.freeze(learned, "brian2")
    episode = learned_network.record_episode(learned, network, task)
    script = render(learned, network, task)
    atomic_files.make_folder(folder)
    atomic_files.write_arrays(folder / NUMBERS, numbers(network, episode), compressed=True)
    atomic_files.write_bytes(folder / SCRIPT, script.encode())


def numbers(network: FrozenNetwork, episode: RecordedEpisode) -> dict[str, NDArray[Any]]:
    """Collect the arrays of the script, by name."""
    exists = network.wiring.exists
    before, after = np.nonzero(exists)
    step, neuron = np.nonzero(episode.spikes)
    return {
        **input_encoding.arrays(network.learner.inputs(network.interface)),
        **network_numbers.arrays(network),
        "synapse_from": before,
        "synapse_to": after,
        "synapse_weight": network.recurrent[exists],
        "inputs": episode.inputs,
        "spike_step": step,
        "spike_neuron": neuron,
        "choice": episode.choice,
        "action": episode.action,
        "feedback": episode.feedback,
    }


def render(learned: Learned, network: FrozenNetwork, task: int) -> str:
    """Render the script.

    It is code, and a weights file may come from anyone, so only numbers and the names of built-in
    families get into it from a configuration.
    """
    import jinja2

    learner, circuit, interface = network.learner, network.circuit, network.interface
    kind = FAMILY.name(learned.config.family)
    rewarded = interface.feedback == "reward"
    feedback = "the reward for it" if rewarded else "the target of the sample before"
    words = {**SHOWN, "feedback": feedback}
    table = [_row(group, words[group.name]) for group in learner.inputs(interface).groups]
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["exact"] = _exact
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        family=kind if kind in FAMILIES else "its author's own",
        generation=learned.generation,
        task=task,
        learner=learner,
        circuit=circuit,
        interface=interface,
        table=table,
        single=learned.config.tables()["learner"]["precision"] == "float32",
        n_adaptive=int((circuit.neurons.beta > 0).sum()),
        shortest=int(network.delay.min()),
        longest=int(network.delay.max()),
        n_synapses=int(network.wiring.exists.sum()),
        signed=bool(network.wiring.sign.any()),
        rewarded=rewarded,
    )


def _row(group: ChannelGroup, words: str) -> str:
    """Format a row of the table of channels, in one line or more."""
    last = group.start + group.n - 1
    places = f"{group.start}" if group.n == 1 else f"{group.start} to {last}"
    text = words if group.name == "bias" else f"{words}: {input_encoding.describe(group)}"
    lines = textwrap.wrap(text, 80, break_on_hyphens=False)
    return f"    {places:<12}" + f"\n{'':16}".join(lines)


def _exact(number: float) -> str:
    """Write a number so that exactly the same number is read back."""
    assert math.isfinite(number)
    return repr(float(number))
