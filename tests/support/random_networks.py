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
