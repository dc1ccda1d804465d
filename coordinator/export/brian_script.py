"""A learned LSNN as a Brian2 script, which runs one recorded episode again, spike for spike.

The folder holds ``network.py``, to be read and changed, and ``network.npz`` with its numbers. The
script needs Brian2 and NumPy alone.
"""

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.config.run_config import FAMILY
from spikeloop.coordinator.export import frozen_network, input_encoding
from spikeloop.coordinator.export.frozen_network import Frozen, RecordedEpisode
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.store import atomic_files
from spikeloop.tasks import FAMILIES

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
    """Writes the folder.

    Args:
        folder: a new one.
        learned: what was learned.
        task: the held-out task whose episode is recorded.

    Raises:
        ConfigError: it is no LSNN, or there is no such task.
        Unavailable: JAX is not installed.
    """
    network = frozen_network.freeze(learned, "brian2")
    episode = frozen_network.run_episodes(learned, network, task)
    script = render(learned, network, task)
    atomic_files.make_folder(folder)
    atomic_files.write_arrays(folder / NUMBERS, numbers(network, episode), compressed=True)
    atomic_files.write_bytes(folder / SCRIPT, script.encode())


def numbers(network: Frozen, episode: RecordedEpisode) -> dict[str, NDArray[Any]]:
    """The arrays of the script, by name."""
    neurons, exists = network.circuit.neurons, network.wiring.exists
    before, after = np.nonzero(exists)
    step, neuron = np.nonzero(episode.spikes)
    return {
        **input_encoding.arrays(network.learner.inputs(network.interface)),
        "rho": neurons.rho,
        "beta": neurons.beta,
        "input_weights": network.inputs,
        "synapse_from": before,
        "synapse_to": after,
        "synapse_weight": network.recurrent[exists],
        "delay_steps": network.delay,
        "readout_weights": network.readout,
        "readout_bias": network.bias,
        "inputs": episode.inputs,
        "spike_step": step,
        "spike_neuron": neuron,
        "choice": episode.choice,
        "action": episode.action,
        "feedback": episode.feedback,
    }


def render(learned: Learned, network: Frozen, task: int) -> str:
    """The script.

    It is code, and a weights file may be a stranger's, so nothing of a configuration gets into it
    but numbers and the names of built-in families.
    """
    import jinja2

    learner, circuit, interface = network.learner, network.circuit, network.interface
    kind = FAMILY.name(learned.config.family)
    rewarded = interface.feedback == "reward"
    feedback = "the reward for it" if rewarded else "the target of the sample before"
    words = {**SHOWN, "feedback": feedback}
    table = [
        _row(group, words[group.name]) for group in input_encoding.groups(learner.inputs(interface))
    ]
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


def _row(group: input_encoding.Group, words: str) -> str:
    """Of the table of channels; one line or more."""
    last = group.start + group.n - 1
    places = f"{group.start}" if group.n == 1 else f"{group.start} to {last}"
    text = f"{words}: {group.code}" if group.code else words
    lines = textwrap.wrap(text, 80, break_on_hyphens=False)
    return f"    {places:<12}" + f"\n{'':16}".join(lines)


def _exact(number: float) -> str:
    """A number as Python writes it, from which the very same number is read."""
    assert math.isfinite(number)
    return repr(float(number))
