"""The pods of a Ray cluster on Kubernetes, as KubeRay's ``ray.io/v1`` takes them.

Everything here is a part of an object: plain dictionaries, made from settings alone. The fields
were chosen for KubeRay's operator 1.5.1 and later; its reference and its source say what they do.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from spikeloop.cluster.patterns import matching
from spikeloop.cluster.ray_backend.job_client import STOP_WAIT_S
from spikeloop.cluster.ray_backend.local_cluster import OBJECT_STORE_BYTES
from spikeloop.tasks.settings import Settings

Object = dict[str, Any]
"""A Kubernetes object, or a part of one."""

CONFIG = "/config"
"""Where a run's configuration and the user's own modules lie in the head."""
RESULTS = "/results"
"""Where the head, on which the driver runs, writes run folders."""
CLUSTER_LABEL = "spikeloop/cluster"
"""Tells the pods of a cluster from all others. KubeRay's own labels hold a generated name."""

DRAIN_S = 30
"""Time that a node which has to go waits for its work to end, Ray's own value."""

MODEST = {"object-store-memory": str(OBJECT_STORE_BYTES)}
"""Of every ``ray start``: by itself Ray would take 30 % of a pod's memory for objects."""

RESTRICTED: Object = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""Of a container, as the Pod Security Standard "restricted" asks for it."""
UNPRIVILEGED: Object = {
    "runAsNonRoot": True,
    "runAsUser": 1000,  # the image's user
    "runAsGroup": 1000,
    "fsGroup": 1000,  # who may write to the results
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Of a pod, as the same standard asks for it."""


Image = Annotated[
    str, matching(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,499}", "an image such as host/spikeloop:0.2.0")
]
Size = Annotated[str, matching(r"[1-9][0-9]{0,5}(Mi|Gi|Ti)", "a size such as 512Mi or 4Gi")]
Name = Annotated[
    str,
    matching(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?", "small letters, digits, hyphens and dots"),
]
Label = Annotated[
    str, matching(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?", "small letters, digits and hyphens")
]


class Kubernetes(Settings):
    """What a cluster on Kubernetes consists of."""

    image: Image = Field(
        default="spikeloop:0.2.0",
        description="container image of all pods, where the cluster's nodes can pull it",
    )
    workers: int = Field(default=4, ge=1, le=10_000, description="worker pods")
    cpus: int = Field(default=2, ge=1, le=1_000, description="cores of a worker pod")
    memory: Size = Field(default="4Gi", description="of a worker pod")
    head_memory: Size = Field(default="4Gi", description="of the head's pod")
    namespace: Label = Field(default="", description='"": the one of kubectl')
    claim: Name = Field(
        default="",
        description='volume claim for results; "": a new one; "none": none, results go elsewhere',
    )
    size: Size = Field(default="10Gi", description="of a new volume claim")
    secret: Name = Field(
        default="",
        description="Secret whose keys become environment variables of the head",
    )
    token_secret: Name = Field(
        default="",
        description='Secret with Ray\'s token as auth_token; "": the operator makes one',
    )
    network_policy: bool = Field(
        default=True, description="whether only the cluster, its operator and Prometheus get in"
    )


def cluster_spec(name: str, paths: Sequence[str], ray_version: str, settings: Kubernetes) -> Object:
    """The ``spec`` of a RayCluster.

    Args:
        name: of the objects, a label of DNS.
        paths: files of the ConfigMap ``NAME-config``, by their path below ``CONFIG``.
        ray_version: of the image; the operator asks for it where there are tokens.
        settings: how many pods, and of which size.
    """
    auth = {"mode": "token"}
    if settings.token_secret:
        auth["secretName"] = settings.token_secret
    return {
        "rayVersion": ray_version,
        "authOptions": auth,
        "headGroupSpec": {
            "serviceType": "ClusterIP",
            # No episodes on the head: it has the driver, the dashboard and the state of all.
            "rayStartParams": {"num-cpus": "0", **MODEST},
            "template": _head(name, paths, settings),
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": settings.workers,
                "minReplicas": settings.workers,
                "maxReplicas": settings.workers,
                "rayStartParams": {"num-cpus": str(settings.cpus), **MODEST},
                "template": _worker(name, settings),
            }
        ],
    }


def _head(name: str, paths: Sequence[str], settings: Kubernetes) -> Object:
    ports = {"gcs-server": 6379, "dashboard": 8265, "metrics": 8080}
    # File by file: a ConfigMap mounted as a folder is full of links with times in their names.
    files = [
        {"name": "config", "mountPath": f"{CONFIG}/{p}", "subPath": key(p), "readOnly": True}
        for p in paths
    ]
    container = {
        **_container("ray-head", settings.image, "2", settings.head_memory, ports),
        "volumeMounts": [{"name": "results", "mountPath": RESULTS}, *files],
    }
    container["env"] += _variables(
        SPIKELOOP_RUNS=RESULTS,
        RAY_JOB_STOP_WAIT_TIME_S=str(STOP_WAIT_S),  # the job's supervisor runs on the head
    )
    if settings.secret:
        container["envFrom"] = [{"secretRef": {"name": settings.secret}}]
    volumes = [results_volume(name, settings)]
    if paths:
        volumes.append({"name": "config", "configMap": {"name": f"{name}-config"}})
    return _pod(name, container, volumes)


def _worker(name: str, settings: Kubernetes) -> Object:
    container = _container(
        "ray-worker", settings.image, str(settings.cpus), settings.memory, {"metrics": 8080}
    )
    return _pod(name, container, [])


def _container(name: str, image: str, cpus: str, memory: str, ports: Mapping[str, int]) -> Object:
    """Ray's own container. KubeRay adds its command, its probes and the token."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": n, "containerPort": port} for n, port in ports.items()],
        "env": _variables(
            RAY_USAGE_STATS_ENABLED="0",
            RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=str(DRAIN_S),
        ),
        "resources": resources(cpus, memory),
        "securityContext": RESTRICTED,
    }


def _pod(name: str, container: Object, volumes: list[Object]) -> Object:
    """A template of pods that Prometheus finds, by the annotations that its examples read."""
    spec = {
        "containers": [container],
        "securityContext": UNPRIVILEGED,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # a service "ray-..." would become variables that Ray reads
        "terminationGracePeriodSeconds": DRAIN_S + 15,
    }
    if volumes:
        spec["volumes"] = volumes
    annotations = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8080",
        "prometheus.io/path": "/metrics",
    }
    return {"metadata": {"labels": {CLUSTER_LABEL: name}, "annotations": annotations}, "spec": spec}


def results_volume(name: str, settings: Kubernetes) -> Object:
    """The volume that holds run folders; without a claim it goes with its pod."""
    if settings.claim == "none":
        return {"name": "results", "emptyDir": {}}
    claim = settings.claim or f"{name}-results"
    return {"name": "results", "persistentVolumeClaim": {"claimName": claim}}


def resources(cpus: str, memory: str) -> Object:
    """Requests equal limits, so that a pod has what Ray was told it has."""
    return {part: {"cpu": cpus, "memory": memory} for part in ("requests", "limits")}


def _variables(**values: str) -> list[Object]:
    return [{"name": name, "value": value} for name, value in values.items()]


def key(path: str) -> str:
    """A file's key in the ConfigMap: its path, as far as a key may be one; never two the same."""
    key = path.replace("/", "..")
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}", key) and ".." not in path:
        return key
    return hashlib.sha256(path.encode()).hexdigest()[:16]
