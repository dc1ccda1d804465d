"""Manifests for KubeRay: a run, a standing cluster, or a pod that gives access to results.

The template ``deploy/kubernetes.yaml.jinja`` holds the objects and explains their fields.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from spikeloop.cluster.manifests.template import filled
from spikeloop.cluster.patterns import matching
from spikeloop.cluster.ray_backend.job_client import STOP_WAIT_S
from spikeloop.cluster.ray_backend.local_cluster import OBJECT_STORE_BYTES
from spikeloop.tasks.settings import Settings

MAX_NAME = 44
"""Characters of an object's name. KubeRay takes a RayJob's up to 47, adds 6 for its cluster, and
gives the token's Secret the same name, but cuts names of more than 50 in front."""
MAX_CONFIG_MAP = 1_000_000
"""Bytes of a ConfigMap's files, of binary ones as base64. Kubernetes takes 1 MiB."""
DRAIN_S = 30
"""Seconds for which a node that has to leave waits for its work to end; Ray's own value."""
SPECIAL = "\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff"
"""Characters that YAML does not allow, or that some versions of it read as the end of a line."""

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
    """Table ``[kubernetes]``: the cluster that ``spikeloop kubernetes`` asks for."""

    image: Image = Field(
        default="spikeloop:0.2.0",
        description="container image of all pods, where the cluster's nodes can pull it",
    )
    workers: int = Field(default=4, ge=1, le=10_000, description="worker pods")
    cpus: int = Field(default=2, ge=1, le=1_000, description="cores of a worker pod")
    memory: Size = Field(default="4Gi", description="memory of a worker pod")
    head_memory: Size = Field(default="4Gi", description="memory of the head's pod")
    namespace: Label = Field(default="", description='"": the one of kubectl')
    claim: Name = Field(
        default="",
        description='volume claim for results; "": a new one; "none": none, results go elsewhere',
    )
    size: Size = Field(default="10Gi", description="size of a new volume claim")
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


def object_name(run: str) -> str:
    """Return a DNS label of at most 44 characters that begins with a letter, unique to the run.

    A run's name that is one already stays as it is. Otherwise letters become small, everything else
    becomes hyphens, and six digits of the name's hash keep different names apart.
    """
    if re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", run) and len(run) <= MAX_NAME:
        return run
    plain = re.sub(r"[^a-z0-9]+", "-", run.lower()).strip("-")
    plain = plain if plain[:1].isalpha() else f"run-{plain}".strip("-")
    digest = hashlib.sha256(run.encode()).hexdigest()[:6]
    return f"{plain[: MAX_NAME - 7].rstrip('-')}-{digest}"


def run_manifest(
    run: str,
    files: Mapping[str, bytes],
    entrypoint: str,
    metadata: Mapping[str, str],
    ray_version: str,
    settings: Kubernetes,
) -> str:
    """Return a run as a RayJob with its ConfigMap, NetworkPolicy and PersistentVolumeClaim.

    Args:
        run: name of the run.
        files: path below ``/config`` -> contents.
        entrypoint: shell command of the driver, started in ``/config``; it must resume.
        metadata: stored with Ray's job.
        ray_version: of the image; the operator asks for it where there are tokens.
        settings: of the cluster.
    """
    texts, binaries = contents(files)
    return _render(
        settings,
        mode="run",
        run=run,
        cluster=object_name(run),
        files=list(files),
        texts=texts,
        binaries=binaries,
        entrypoint=entrypoint,
        metadata=metadata,
        ray_version=ray_version,
    )


def standing_manifest(name: str, ray_version: str, settings: Kubernetes) -> str:
    """Return a cluster that stays, for ``spikeloop submit``; arguments as in ``run_manifest``."""
    cluster = object_name(name)
    return _render(settings, mode="standing", cluster=cluster, files=(), ray_version=ray_version)


def reader_manifest(run: str, settings: Kubernetes) -> str:
    """Return a pod that mounts a run's results for an hour, for ``kubectl cp``."""
    return _render(settings, mode="reader", cluster=object_name(run))


def contents(files: Mapping[str, bytes]) -> tuple[dict[str, str], dict[str, str]]:
    """Return a ConfigMap's text files as they are, and all others as base64, by their keys."""
    texts, binaries = {}, {}
    for path, data in files.items():
        try:
            texts[key(path)] = data.decode()
        except UnicodeDecodeError:
            binaries[key(path)] = base64.b64encode(data).decode()
    return texts, binaries


def key(path: str) -> str:
    """Return a file's key in the ConfigMap: its path as far as a key may be one, else a hash."""
    key = path.replace("/", "..")
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}", key) and ".." not in path:
        return key
    return hashlib.sha256(path.encode()).hexdigest()[:16]


def quoted(text: str) -> str:
    """Return a text between double quotes that every version of YAML reads as this text."""
    written = json.dumps(text, ensure_ascii=False)
    return re.sub(f"[{SPECIAL}]", lambda found: f"\\u{ord(found[0]):04x}", written)


def block(text: str, indent: int) -> str:
    """Return lines of text as an indented YAML block, which people can read, or else quoted."""
    if "\n" not in text or re.search(f"[\\x00-\\x09\\x0b-\\x1f{SPECIAL}]", text):
        return quoted(text)
    chomping = "+" if text.endswith("\n") else "-"
    lines = text.removesuffix("\n").split("\n")
    # The indentation is relative to the key's, which is two less deep.
    return "\n".join([f"|2{chomping}", *(line and f"{' ' * indent}{line}" for line in lines)])


def _render(settings: Kubernetes, **values: object) -> str:
    text = filled(
        "kubernetes.yaml.jinja",
        {"quoted": quoted, "block": block, "key": key},
        **settings.model_dump(),
        **values,
        drain_s=DRAIN_S,
        stop_wait_s=STOP_WAIT_S,
        store_bytes=OBJECT_STORE_BYTES,
    )
    return text.lstrip("\n")
