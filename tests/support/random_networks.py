"""Small networks with weights drawn at random, as if a run had learned them."""

from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator.config.load import parse
from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.store import manifest
from support.small_run import small_tables

BANDIT: dict[str, Any] = {"kind": "bandit", "n_steps": 25}
QUADRATIC: dict[str, Any] = {"kind": "quadratic", "n_steps": 15}
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rewards": (BANDIT, {}),
    "targets": (QUADRATIC, {"n_neurons": 30}),
    "delays, sparse, signs": (
        QUADRATIC,
        {"delays_ms": [1.0, 5.0, 2.0], "connectivity": 0.4, "excitatory_share": 0.7},
    ),
    "input spikes, short steps": (
        BANDIT,
        {"input": "spikes", "input_rate_hz": 500.0, "step_ms": 0.5, "explores": False},
    ),
    "plain neurons, refractory": (
        QUADRATIC,
        {"adaptive_share": 0.0, "refractory_ms": 4.0, "trial_channels": 5, "input": "spikes"},
    ),
    "all adapt, not refractory": (BANDIT, {"adaptive_share": 1.0, "refractory_ms": 0.0}),
    "reset to zero": (BANDIT, {"adaptive_share": 0.0, "refractory_ms": 0.0, "reset": "zero"}),
    "rewards, asked for latents": (
        BANDIT,
        {"objective": {"latent_cost": 1.0}, "centering_rate_hz": 30.0, "input_scale": 9.0},
    ),
    "targets, asked for latents": (
        QUADRATIC,
        {"objective": {"latent_cost": 1.0}, "centering_rate_hz": 30.0},
    ),
    "no memory, one neuron": (
        BANDIT,
        {"n_neurons": 1, "tau_membrane_ms": 0.0, "tau_readout_ms": 0.0},
    ),
}
"""Family and settings of networks that differ in what another program must know of them."""


def random_network(family: dict[str, Any], **learner: Any) -> Learned:
    """A point of the initial law of such a learner's space."""
    tables = small_tables()
    tables["family"] = family
    tables["learner"] = {"kind": "lsnn", "n_neurons": 20, **learner}
    tables["strategy"] = {"kind": "random_search"}
    config = parse(tables, "drawn", None)
    point = config.space.sample(1, np.random.default_rng(3))[0].astype(np.float32)
    return Learned(config, point.astype(np.float64), Path(), manifest.describe(config), 3, 72, None)


def random_network_file(path: Path, family: dict[str, Any], **learner: Any) -> Path:
    """The same as a weights file."""
    learned.write(path, random_network(family, **learner))
    return path
