"""Every private part of Ray that Spikeloop uses, because nothing public does the same.

Decision 0029 says of each what it is needed for. A release of Ray may change them, so no other
file touches them, and their callers are tested on a real cluster.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray


def silence_death_notices() -> None:
    """Stop Ray from printing that workers died, past all logging levels, from its own thread.

    The run reports deaths itself. Ray's debugger uses the same switch.
    """
    ray._private.worker._worker_logs_enabled = False


def processes_started() -> bool:
    """Return whether ``ray.init`` has started Ray's processes or joined a cluster's."""
    return ray._private.worker._global_node is not None


def shows_token() -> bool:
    """Return whether Ray shows a token to clusters, as RAY_AUTH_MODE or its default says."""
    inner: Any = ray._raylet
    return bool(inner.get_authentication_mode() == inner.AuthenticationMode.TOKEN)


def draining_nodes() -> Mapping[str, Any]:
    """Return the nodes that are about to leave, by their names."""
    nodes: Mapping[str, Any] = ray._private.state.state.get_draining_nodes()
    return nodes


def free_resources() -> Mapping[str, Mapping[str, float]]:
    """Return what is free on each node, by its name; ``ray.available_resources`` adds all up."""
    free: Mapping[str, Mapping[str, float]] = ray._private.state.available_resources_per_node()
    return free


def nodes_of(address: str, timeout_s: float) -> set[str] | None:
    """Return the names of a cluster's nodes without joining it; None if it does not answer."""
    from ray import _raylet

    client: Any = _raylet
    try:
        nodes = client.GcsClient(address=address).get_all_node_info(timeout=timeout_s)
        return {node.hex() for node in nodes}
    except Exception:  # a head that does not answer is explained by ``ray.init``, which comes next
        return None


def pack_folder(folder: Path, package: Path, without: Sequence[str]) -> None:
    """Pack a folder into a zip file as Ray packs working folders.

    What ``.gitignore`` and ``.rayignore`` name is left out, and so are ``.git``, environments, and
    ``without``, paths as ``.gitignore`` writes them.
    """
    from ray._private import ray_constants
    from ray._private.runtime_env.packaging import create_package

    quiet = logging.getLogger("spikeloop.packing")
    quiet.setLevel(logging.ERROR)
    left_out = [*ray_constants.get_runtime_env_default_excludes(), *without]
    create_package(str(folder), package, include_gitignore=True, excludes=left_out, logger=quiet)
