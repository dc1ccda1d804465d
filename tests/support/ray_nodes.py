"""A Ray cluster of several nodes on this machine, which a test adds, kills and drains."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

import psutil

from support.child_processes import LIMIT_S

QUICK = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
"""Settings with which a lost node is noticed within seconds instead of a minute."""


class Nodes:
    """A head without cores, and workers' nodes beside it.

    Attributes:
        address: of the head.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address: str = cluster.address

    def add(self, cores: int) -> Any:
        """Add a node and wait until it has joined."""
        return self._cluster.add_node(
            num_cpus=cores, object_store_memory=80_000_000, include_dashboard=False
        )

    def kill(self, node: Any) -> None:
        """Kill all processes of a node at once, as a power cut would."""
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        for process in [*raylet.children(recursive=True), raylet]:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def drain(self, node: Any, seconds: int) -> None:
        """Tell the cluster that a node will go after some seconds, as a cloud provider does."""
        import ray
        from ray.core.generated import autoscaler_pb2

        worker: Any = ray._private.worker.global_worker
        reasons: Any = vars(autoscaler_pb2)["DrainNodeReason"]
        accepted, reason = worker.gcs_client.drain_node(
            node.node_id,
            reasons.Value("DRAIN_NODE_REASON_PREEMPTION"),
            "preempted by a test",
            int(time.time() * 1000) + seconds * 1000,
        )
        assert accepted, reason


@contextmanager
def ray_cluster_of(*cores: int) -> Iterator[Nodes]:
    """Start a cluster with a node for each number of cores; end it with the block."""
    environment = {**QUICK, "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
    with patch.dict(os.environ, environment):
        from ray.cluster_utils import Cluster

        before = set(psutil.Process().children(recursive=True))
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "object_store_memory": 80_000_000,
                "include_dashboard": False,
                "gcs_server_port": 0,
            },
        )
        try:
            nodes = Nodes(cluster)
            for n in cores:
                nodes.add(n)
            yield nodes
        finally:
            cluster.shutdown()
            left = set(psutil.Process().children(recursive=True)) - before
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=LIMIT_S)
