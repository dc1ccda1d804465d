"""Waits until all nodes of a Ray cluster have joined.

``python -m spikeloop.cluster.ray_backend.wait_for_nodes`` is part of the batch script of
``spikeloop slurm``. The token comes from the environment, as for every other client of the cluster.
"""

import sys
import time


def joined_nodes(address: str, n_nodes: int, patience_s: float) -> list[str]:
    """Return the addresses of a cluster's nodes once ``n_nodes`` have joined, or patience ends."""
    import logging

    import ray

    from spikeloop.cluster.ray_backend.local_cluster import EMPTY

    until = time.monotonic() + patience_s
    ray.init(
        address=address,
        runtime_env={"working_dir": str(EMPTY)},
        logging_level=logging.ERROR,
        log_to_driver=False,
    )
    try:
        while True:
            nodes = ray.nodes()
            joined = sorted(node["NodeManagerAddress"] for node in nodes if node["Alive"])
            if len(joined) >= n_nodes or time.monotonic() > until:
                return joined
            time.sleep(0.5)
    finally:
        ray.shutdown()


def main(address: str, n_nodes: int, patience_s: float) -> int:
    """Wait, and return the exit code: 0, or 3 if a node is missing."""
    joined = joined_nodes(address, n_nodes, patience_s)
    if len(joined) >= n_nodes:
        return 0
    print(
        f"only {len(joined)} of {n_nodes} nodes joined within {patience_s:g} s: "
        f"{', '.join(joined)}; does the network let the others reach the first one, on any port?",
        flush=True,
    )
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
