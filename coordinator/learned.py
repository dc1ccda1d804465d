"""What a run has learned, on its own: from its folder, or from one small file that holds it.

A weights file is a compressed ``.npz`` without pickles, sealed like every file of a run
(``seals``), which NumPy and a reader of JSON can open:

    point   (n_dim,)  the learned point, in the strategy's coordinates; weights are these times the
                      scale of their initial law. float32, or float64 where a point is not of
                      weights alone, whose other coordinates are few
    about   ()        text, a JSON object: ``manifest`` is the run's ``run.json`` with its
                      configuration, ``generation`` the one whose point was deployed, ``lives`` what
                      the search lived, ``transfer`` what ``spikeloop transfer --json`` prints, of
                      the run's own held-out tasks, or null

It is a stranger's word just as a run folder may be, and the same rules hold (``trust``).
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikeloop.coordinator import files, manifest, opening, session
from spikeloop.coordinator.config import RunConfig
from spikeloop.coordinator.deployment import deployed_generation
from spikeloop.coordinator.errors import ConfigError
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import ParameterSpace

FORMAT = {"format": "spikeloop learned point", "version": "1"}
"""Metadata that tell a weights file from another ``.npz``."""


@dataclass(frozen=True)
class Learned:
    """A learned point and where it is from.

    Attributes:
        config: of the run.
        point: (n_dim,) to be deployed.
        source: the run folder or weights file.
        trusted: whether what its configuration names elsewhere may be used.
        manifest: what the run says of itself.
        generation: after which the point was recommended.
        lives: of the search.
        transfer: scores on the run's own held-out tasks, as JSON; None if they are not on file.
    """

    config: RunConfig
    point: FloatArray
    source: Path
    trusted: bool
    manifest: Mapping[str, Any]
    generation: int
    lives: int
    transfer: Mapping[str, Any] | None


def open_learned(source: Path, trust: bool) -> Learned:
    """What was learned by the run of a folder, or of a weights file.

    Args:
        source: the folder or file.
        trust: whether the user said that it may use what it names elsewhere, such as own classes.

    Raises:
        ConfigError: it is neither, or damaged, or needs trust.
    """
    return _of_file(source, trust) if source.is_file() else _of_run(source, trust)


def write(path: Path, learned: Learned) -> None:
    """Writes a weights file."""
    about = {
        "manifest": learned.manifest,
        "generation": learned.generation,
        "lives": learned.lives,
        "transfer": learned.transfer,
    }
    arrays = {
        "point": learned.point.astype(_precision(learned.config.space)),
        "about": np.array(json.dumps(about)),
    }
    files.write_arrays(path, arrays, FORMAT, compressed=True)


def _precision(space: ParameterSpace) -> type[np.floating[Any]]:
    """Of points in files: a bounded coordinate may stand at an edge, where rounding would tell."""
    return np.float64 if space.bounded().any() else np.float32


def _of_run(folder: Path, trust: bool) -> Learned:
    from spikeloop.coordinator import finished

    store, config, trusted = opening.open_run(folder, trust)
    store = store.as_of_now()
    point = session.recommended(config, store)
    known = finished.transfer(config, store)
    return Learned(
        config,
        point,
        folder,
        trusted,
        store.manifest(),
        deployed_generation(config, store),
        store.total_lives(),
        None if known is None else known.as_json(),
    )


def _of_file(path: Path, trust: bool) -> Learned:
    damaged = ConfigError(f"{path}: damaged: it holds something else")
    try:
        arrays, metadata = files.read_arrays(path)
        if metadata.get("format") != FORMAT["format"]:
            raise ConfigError(
                f"{path}: no weights file; write one with: spikeloop export RUN --to weights"
            )
        if metadata != FORMAT:
            raise ConfigError(
                f"{path}: written with version {metadata.get('version')} of weights files, this "
                f"program reads {FORMAT['version']}; read it with the program that wrote it"
            )
        about = json.loads(str(arrays["about"]))
        of_run, known = about["manifest"], about["transfer"]
        generation, lives = int(about["generation"]), int(about["lives"])
        point = np.asarray(arrays["point"], dtype=np.float64)
    except (ValueError, TypeError, KeyError, zlib.error, RecursionError, MemoryError) as error:
        raise damaged from error
    if not (isinstance(of_run, dict) and isinstance(of_run.get("config"), dict)):
        raise damaged
    if not (isinstance(of_run.get("fingerprint"), dict) and isinstance(known, dict | None)):
        raise damaged
    config, trusted = manifest.configured(of_run, str(path), trust)
    if point.shape != (config.space.n_dim,) or not np.isfinite(point).all():
        raise ConfigError(
            f"{path}: damaged: its point must be {config.space.n_dim} finite numbers, one for each "
            f"coordinate of the learner's space, got the shape {point.shape}"
        )
    if changes := manifest.changed_since(of_run, config):
        opening.warn_of_changes(path, changes)
    return Learned(config, point, path, trusted, of_run, generation, lives, known)
