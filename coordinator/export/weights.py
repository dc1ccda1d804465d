"""The learned point of a run, from its folder or from one small weights file.

A weights file is a compressed ``.npz`` without pickles, with a checksum like every file of a run
(``checksums``), which NumPy and a reader of JSON can open:

    point   (n_dim,)  the learned point, in the strategy's coordinates; weights are these times the
                      scale of their initial law. float32 where that holds the point exactly, as
                      it does that of gradient ascent, else float64
    about   ()        text, a JSON object: ``manifest`` is the run's ``run.json`` with its
                      configuration, ``generation`` the one whose point was deployed, ``episodes``
                      what the search ran, ``transfer`` what ``spikeloop transfer --json`` prints,
                      of the run's own held-out tasks, or null; ``network`` the ``constants`` of
                      ``network_numbers``, or null

For a single network of the learner ``lsnn`` (``copies`` is 1) there are also all arrays of
``network_numbers``, so that it runs without this package (docs/how-to/run_weights.md). This package
itself reads the point alone.

It may come from anyone, as a run folder may, and the same rules hold (``trust``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export import network_numbers
from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.search.deployment import deployed, deployed_generation
from spikeloop.coordinator.store import atomic_files, reading
from spikeloop.coordinator.store.run_folder import open_run, read_manifest
from spikeloop.coordinator.store.safe_npz import NOT_ITS_OWN, Arrays
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.learners.lsnn.learner import Lsnn

FORMAT = {"format": "spikeloop learned point", "version": "3"}
"""Metadata that distinguish a weights file from other ``.npz`` files."""

LARGEST = 1 << 31
"""Bytes of a weights file: 10,000 neurons have 800 MB of weights in double precision, and 500 MB of
them as they act with the mask of synapses."""
LARGEST_ABOUT = 1 << 26
"""Bytes of ``about``, at 4 a character."""


@dataclass(frozen=True)
class Learned:
    """A learned point and its origin.

    Attributes:
        config: of the run.
        point: (n_dim,) to be deployed.
        source: the run folder or weights file.
        manifest: the contents of the run's ``run.json``.
        generation: after which the point was recommended.
        episodes: of the search.
        transfer: scores on the run's own held-out tasks, as JSON; None if they are not on file.
    """

    config: RunConfig
    point: FloatArray
    source: Path
    manifest: Mapping[str, Any]
    generation: int
    episodes: int
    transfer: Mapping[str, Any] | None

    @property
    def origin(self) -> str:
        """Describe in one line where the point comes from.

        Weights files are used long after, so other code is no reason to warn, as it is before a run
        is resumed; the versions that it was learned with are named instead.
        """
        packages = self.manifest["fingerprint"]
        code = ", ".join(
            f"{name} {packages[name]}" for name in ("jax", "numpy") if name in packages
        )
        return (
            f"{self.source.name}: learned by run {self.config.run.name} in {self.generation} "
            f"generations, {self.episodes} episodes, "
            f"with Spikeloop {self.manifest.get('spikeloop')} "
            f"({code})"
        )


def open_learned(source: Path, trust: bool) -> Learned:
    """Open the learned point of a run folder or of a weights file.

    With ``trust`` it may use what it names elsewhere, such as own classes.

    Raises:
        ConfigError: the source is neither, is damaged, or needs trust.
    """
    return _of_file(source, trust) if source.is_file() else _of_run(source, trust)


def write(path: Path, learned: Learned) -> None:
    """Write a weights file."""
    about = {
        "manifest": learned.manifest,
        "generation": learned.generation,
        "episodes": learned.episodes,
        "transfer": learned.transfer,
        "network": None,
    }
    arrays: dict[str, NDArray[Any]] = {"point": _smallest(learned.point)}
    learner = learned.config.held_out_learner
    if isinstance(learner, Lsnn) and not learner.smooth and learner.copies == 1:
        interface = learned.config.held_out_family.interface
        network = FrozenNetwork.at(learner, interface, learned.point)
        about["network"] = network_numbers.constants(network)
        numbers = {**network_numbers.arrays(network), **network_numbers.synapses(network)}
        arrays |= {name: _smallest(array) for name, array in numbers.items()}
    arrays["about"] = np.array(json.dumps(about))
    atomic_files.write_arrays(path, arrays, FORMAT, compressed=True)


def _smallest(array: NDArray[Any]) -> NDArray[Any]:
    """Convert double to single precision if that holds exactly the same numbers."""
    if array.dtype != np.float64:
        return array
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    return single if np.array_equal(single, array) else array


def _of_run(folder: Path, trust: bool) -> Learned:
    from spikeloop.coordinator.search import finished_run

    run = open_run(folder, trust).as_of_now()
    point = deployed(run)
    known = finished_run.read_transfer(run)
    return Learned(
        run.config,
        point,
        folder,
        run.store.manifest(),
        deployed_generation(run),
        run.store.total_episodes(),
        None if known is None else known.as_json(),
    )


def _of_file(path: Path, trust: bool) -> Learned:
    damaged = ConfigError(f"{path}: damaged: it holds something else")
    try:
        arrays = atomic_files.open_arrays(path, LARGEST)
        metadata = arrays.metadata
        if metadata.get("format") != FORMAT["format"]:
            raise ConfigError(
                f"{path}: no weights file; write one with: spikeloop export RUN --to weights"
            )
        if metadata != FORMAT:
            raise ConfigError(
                f"{path}: written with version {metadata.get('version')} of weights files, this "
                f"program reads {FORMAT['version']}; export its run again, or read it with the "
                "program that wrote it"
            )
        about = reading.parse_json(str(arrays.read("about", LARGEST_ABOUT)))
        of_run, known = about["manifest"], about["transfer"]
        generation, episodes = about["generation"], about["episodes"]
        shape = arrays.shape("point")
    except NOT_ITS_OWN as error:
        raise damaged from error
    if not (isinstance(of_run, dict) and isinstance(of_run.get("config"), dict)):
        raise damaged
    if not (isinstance(of_run.get("fingerprint"), dict) and isinstance(known, dict | None)):
        raise damaged
    if not all(isinstance(number, int) and number >= 0 for number in (generation, episodes)):
        raise damaged
    config = read_manifest(of_run, str(path), trust)
    point = _point(arrays, config.space.n_dim) if shape == (config.space.n_dim,) else None
    if point is None:
        raise ConfigError(
            f"{path}: damaged: its point must be {config.space.n_dim} finite numbers, one for each "
            f"coordinate of the learner's space, got the shape {shape}"
        )
    return Learned(config, point, path, of_run, generation, episodes, known)


def _point(arrays: Arrays, n_dim: int) -> FloatArray | None:
    """Read the point; None unless it is this many finite numbers."""
    try:
        point = arrays.read("point", 8 * n_dim).astype(np.float64)
    except NOT_ITS_OWN:
        return None
    return point if np.isfinite(point).all() else None
