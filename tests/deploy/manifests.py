"""What would refuse a manifest: Kubernetes' schemas, KubeRay's, and rules that no schema tells."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate

# Read from disk for every object otherwise, a megabyte each time.
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)

Object = dict[str, Any]

KUBERAY = json.loads(Path(__file__).with_name("kuberay_schema.json").read_text())
VERSIONS = ("1.28", kubernetes_validate.latest_version())
"""Of Kubernetes: the oldest and the newest that manifests are checked for."""
DNS_LABEL = r"[a-z]([a-z0-9-]*[a-z0-9])?"
CONFIG_MAP_BYTES = 1 << 20


def faults(objects: Sequence[Object]) -> list[str]:
    """Everything that is wrong with the objects of one manifest, each as one line."""
    found = []
    for one in objects:
        where = f"{one.get('kind')} {one.get('metadata', {}).get('name')}"
        checks = [_by_schema, _names, _by_the_operator]
        found += [f"{where}: {fault}" for check in checks for fault in check(one)]
    if not found:  # the rest reads what the schemas have found to be there
        for template in _templates(objects):
            found += _mounts(template, objects)
    return found


def pod_templates(one: Object) -> list[Object]:
    """The pod templates of a RayJob or a RayCluster, that of the head first."""
    cluster = one["spec"].get("rayClusterSpec", one["spec"])
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"] for group in groups]


def _templates(objects: Sequence[Object]) -> Iterator[Object]:
    for one in objects:
        if one["apiVersion"] == "ray.io/v1":
            yield from pod_templates(one)
        elif one["kind"] == "Pod":
            yield one


def _by_schema(one: Object) -> Iterator[str]:
    if one.get("apiVersion") != "ray.io/v1":
        yield from _by_kubernetes(one)
        return
    schema = {**KUBERAY, "oneOf": [{"$ref": f"#/$defs/{one['kind']}"}]}
    for error in jsonschema.Draft202012Validator(schema).iter_errors(one):
        yield str(jsonschema.exceptions.best_match([error]).message)
    # What Kubernetes itself defines is put into an object that its schemas know.
    about = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": one["metadata"]}
    yield from _by_kubernetes(about)
    try:
        templates = pod_templates(one)
    except (KeyError, TypeError):
        return  # told of above
    for template in templates:
        wrapped = {"apiVersion": "v1", "kind": "PodTemplate", "template": template}
        yield from _by_kubernetes(wrapped)


def _by_kubernetes(one: Object) -> Iterator[str]:
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{error.message} (Kubernetes {version})"


def _names(one: Object) -> Iterator[str]:
    """Names, labels and keys, which schemas take for any text."""
    metadata = one["metadata"]
    if len(metadata["name"]) > 63 or not re.fullmatch(DNS_LABEL, metadata["name"]):
        yield f"the name {metadata['name']!r} is no label of DNS"
    for key, value in metadata.get("labels", {}).items():
        if not re.fullmatch(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?", str(value)):
            yield f"{value!r} is no value of the label {key}"
    if one["kind"] == "ConfigMap":
        for key in _files(one):
            if len(key) > 253 or key.startswith("..") or not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
                yield f"{key!r} is no key"
        if sum(len(str(text).encode()) for text in _files(one).values()) > CONFIG_MAP_BYTES:
            yield "too large"


def _by_the_operator(one: Object) -> Iterator[str]:
    """What KubeRay's operator refuses: ray-operator/controllers/ray/utils/validation.go."""
    if one["apiVersion"] != "ray.io/v1":
        return
    longest = {"RayJob": 47, "RayCluster": 53}[one["kind"]]
    if len(one["metadata"]["name"]) > longest:
        yield f"the name must have at most {longest} characters"
    spec = one["spec"]
    if one["kind"] == "RayJob":
        if spec.get("submissionMode") not in ("K8sJobMode", "HTTPMode", "SidecarMode"):
            yield "no such submissionMode, or one that does not retry"
        if spec.get("ttlSecondsAfterFinished") and not spec.get("shutdownAfterJobFinishes"):
            yield "ttlSecondsAfterFinished without shutdownAfterJobFinishes"
        spec = spec.get("rayClusterSpec", {})
    version = re.fullmatch(r"(\d+)\.(\d+)\..*", str(spec.get("rayVersion")))
    if version is None or (int(version[1]), int(version[2])) < (2, 52):
        yield "tokens need rayVersion 2.52 or newer"


def _files(config_map: Object) -> Object:
    return {**config_map.get("data", {}), **config_map.get("binaryData", {})}


def _mounts(template: Object, objects: Sequence[Object]) -> Iterator[str]:
    """Whether every mount has its volume, and every volume of files its ConfigMap."""
    maps = {one["metadata"]["name"]: _files(one) for one in objects if one["kind"] == "ConfigMap"}
    volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", [])}
    for container in template["spec"]["containers"]:
        for mount in container.get("volumeMounts", []):
            volume = volumes.get(mount["name"])
            if volume is None:
                yield f"no volume {mount['name']}"
            elif "configMap" in volume and mount["subPath"] not in maps.get(
                volume["configMap"]["name"], {}
            ):
                yield f"no file {mount['subPath']} in a ConfigMap {volume['configMap']['name']}"
