"""Kubernetes objects for KubeRay: a run as a RayJob, a standing cluster, a pod that reads results.

Pure: settings in, plain dictionaries out, which the command line writes as YAML. What the fields
do is in KubeRay's reference of ``ray.io/v1`` and in its operator's source (ray-project/kuberay);
they were chosen for operator 1.5.1 and later.

The submission mode is HTTPMode: the operator itself hands the job to the head's Jobs API. No
submitter pod has to be admitted and kept alive, and where a restarted head knows nothing of the
job any more, the operator submits it again, on the same workers; ``--resume`` goes on from the last
committed generation. If the job fails, ``backoffLimit`` makes a new cluster, which goes on too.
"""

import base64
import hashlib
import re
from collections.abc import Mapping

from spikeloop.cluster.manifests.kubernetes_pods import (
    CLUSTER_LABEL,
    CONFIG,
    RESTRICTED,
    RESULTS,
    UNPRIVILEGED,
    Kubernetes,
    Object,
    cluster_spec,
    key,
    resources,
    results_volume,
)

MAX_NAME = 44
"""Characters of an object's name. KubeRay takes a RayJob's up to 47, adds 6 for its cluster, and
calls the token's Secret like that, but cuts names of more than 50 in front."""
MAX_CONFIG_MAP = 1_000_000
"""Bytes of a ConfigMap's files, of binary ones as base64. Kubernetes takes 1 MiB."""
RETRIES = 3
"""New clusters for a job that failed. A run that fails by itself fails again within a minute."""
TTL_S = 600
"""Time that a finished job's cluster stays, so that its logs can be read."""


def object_name(run: str) -> str:
    """The name of a run's objects: a label of DNS that begins with a letter, at most 44 long.

    A name that is one already stays as it is. Otherwise letters become small, everything else
    becomes hyphens, and six digits of the name's hash keep different names apart.
    """
    if re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", run) and len(run) <= MAX_NAME:
        return run
    plain = re.sub(r"[^a-z0-9]+", "-", run.lower()).strip("-")
    plain = plain if plain[:1].isalpha() else f"run-{plain}".strip("-")
    digest = hashlib.sha256(run.encode()).hexdigest()[:6]
    return f"{plain[: MAX_NAME - 7].rstrip('-')}-{digest}"


def run_objects(
    run: str,
    files: Mapping[str, bytes],
    entrypoint: str,
    metadata: Mapping[str, str],
    ray_version: str,
    settings: Kubernetes,
) -> list[Object]:
    """A run as a RayJob, with everything it needs.

    Args:
        run: name of the run.
        files: path below ``CONFIG`` -> contents.
        entrypoint: shell command of the driver, started in ``CONFIG``; it must resume.
        metadata: of Ray's job.
        ray_version: of the image.
        settings: of the cluster.

    Returns:
        ConfigMap, perhaps NetworkPolicy and PersistentVolumeClaim, and last the RayJob.
    """
    name = object_name(run)
    job = {
        "entrypoint": f"cd {CONFIG} && {entrypoint}",
        "jobId": run,  # so that `spikeloop status`, `logs`, `fetch` and `stop` find it
        "metadata": dict(metadata),
        "submissionMode": "HTTPMode",
        "backoffLimit": RETRIES,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": TTL_S,
        "rayClusterSpec": cluster_spec(name, list(files), ray_version, settings),
    }
    return [
        _object("v1", "ConfigMap", f"{name}-config", name, settings, _contents(files)),
        *_surroundings(name, settings),
        _object("ray.io/v1", "RayJob", name, name, settings, {"spec": job}, {"spikeloop/run": run}),
    ]


def standing_objects(name: str, ray_version: str, settings: Kubernetes) -> list[Object]:
    """A cluster that stays, for ``spikeloop submit``; arguments as for ``run_objects``."""
    name = object_name(name)
    spec = {"spec": cluster_spec(name, [], ray_version, settings)}
    cluster = _object("ray.io/v1", "RayCluster", name, name, settings, spec)
    return [*_surroundings(name, settings), cluster]


def reader_objects(run: str, settings: Kubernetes) -> list[Object]:
    """A pod that does nothing for an hour but hold a run's results, for ``kubectl cp``."""
    name = object_name(run)
    container = {
        "name": "reader",
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "resources": resources("100m", "128Mi"),
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "results", "mountPath": RESULTS, "readOnly": True}],
    }
    spec = {
        "activeDeadlineSeconds": 3600,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "securityContext": UNPRIVILEGED,
        "containers": [container],
        "volumes": [results_volume(name, settings)],
    }
    return [_object("v1", "Pod", f"{name}-reader", name, settings, {"spec": spec})]


def _object(
    version: str,
    kind: str,
    name: str,
    cluster: str,
    settings: Kubernetes,
    body: Object,
    annotations: Mapping[str, str] | None = None,
) -> Object:
    metadata: Object = {"name": name}
    if settings.namespace:
        metadata["namespace"] = settings.namespace
    metadata["labels"] = {
        "app.kubernetes.io/name": "spikeloop",
        "app.kubernetes.io/instance": cluster,
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


def _contents(files: Mapping[str, bytes]) -> Object:
    """Of a ConfigMap: texts as they are, so that they can be read, anything else as base64."""
    texts, others = {}, {}
    for path, data in files.items():
        try:
            texts[key(path)] = data.decode()
        except UnicodeDecodeError:
            others[key(path)] = base64.b64encode(data).decode()
    return {"data": texts} | ({"binaryData": others} if others else {})


def _surroundings(name: str, settings: Kubernetes) -> list[Object]:
    """Who may reach the pods, and where their results go."""
    objects = []
    if settings.network_policy:
        spec = {"spec": _policy(name)}
        objects.append(_object("networking.k8s.io/v1", "NetworkPolicy", name, name, settings, spec))
    if not settings.claim:
        claim = {
            "accessModes": ["ReadWriteOnce"],  # only the head writes
            "resources": {"requests": {"storage": settings.size}},
        }
        objects.append(
            _object(
                "v1", "PersistentVolumeClaim", f"{name}-results", name, settings, {"spec": claim}
            )
        )
    return objects


def _policy(name: str) -> Object:
    """Ray trusts whoever reaches its ports, and its token travels as plain text.

    ``kubectl port-forward`` comes from the node and is not held up. The labels are those of
    KubeRay's and Prometheus' own charts.
    """
    cluster = {"podSelector": {"matchLabels": {CLUSTER_LABEL: name}}}
    return {
        "podSelector": cluster["podSelector"],
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [cluster]},
            _entrance("app.kubernetes.io/component", "kuberay-operator", 8265),
            _entrance("app.kubernetes.io/name", "prometheus", 8080),
        ],
    }


def _entrance(label: str, value: str, port: int) -> Object:
    """Pods of any namespace with a label may reach a port."""
    pods = {"namespaceSelector": {}, "podSelector": {"matchLabels": {label: value}}}
    return {"from": [pods], "ports": [{"protocol": "TCP", "port": port}]}
