"""``spikeloop kubernetes``: a run, or a standing cluster, as manifests for KubeRay."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikeloop.coordinator.cli.options import Sets
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from spikeloop.cluster.manifests.kubernetes_pods import Kubernetes
    from spikeloop.coordinator.config.run_config import RunConfig

STANDING = "spikeloop"
"""Name of a standing cluster that no configuration names."""


def kubernetes(
    config: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="a TOML file")] = None,
    sets: Sets = None,
    image: Annotated[
        str | None, typer.Option("--image", help="of all pods  [default: spikeloop:0.2.0]")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="worker pods  [default: 4]")
    ] = None,
    cpus: Annotated[
        int | None, typer.Option("--cpus", help="cores of a worker pod  [default: 2]")
    ] = None,
    memory: Annotated[
        str | None, typer.Option("--memory", help="of a worker pod  [default: 4Gi]")
    ] = None,
    head_memory: Annotated[
        str | None, typer.Option("--head-memory", help="of the head's pod  [default: 4Gi]")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", help="[default: the one of kubectl]")
    ] = None,
    claim: Annotated[
        str | None,
        typer.Option(
            "--claim", metavar="PVC|none", help="volume claim for results  [default: a new one]"
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", help="of a new volume claim  [default: 10Gi]")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option("--secret", help="Secret with the head's variables, such as keys of a store"),
    ] = None,
    token_secret: Annotated[
        str | None,
        typer.Option("--token-secret", help="Secret with Ray's token  [default: a new one]"),
    ] = None,
    network_policy: Annotated[
        bool,
        typer.Option(
            "--network-policy/--no-network-policy",
            help="let only the cluster, its operator and Prometheus in",
        ),
    ] = True,
    any_code: Annotated[
        bool, typer.Option("--any-code", help="also if the image has other code than this machine")
    ] = False,
    standing: Annotated[
        bool, typer.Option("--standing", help="a cluster that stays, for spikeloop submit")
    ] = False,
    reader: Annotated[
        bool, typer.Option("--reader", help="only a pod from which to copy the run's results")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="a file instead of the screen")] = None,
) -> None:
    """Print what KubeRay needs to run CONFIG, or to keep a standing cluster."""
    from spikeloop.cluster.manifests import kubernetes_manifests as objects

    values = {
        "image": image,
        "workers": workers,
        "cpus": cpus,
        "memory": memory,
        "head_memory": head_memory,
        "namespace": namespace,
        "claim": claim,
        "size": size,
        "secret": secret,
        "token_secret": token_secret,
        "network_policy": network_policy,
    }
    settings = _settings({key: value for key, value in values.items() if value is not None})
    if standing and reader:
        raise ConfigError("--standing and --reader exclude each other")
    if config is None and not standing:
        raise ConfigError("CONFIG is missing; only --standing does without one")
    found = None if config is None else _load(config, sets or [])
    name = STANDING if found is None else found.run.name
    if standing:
        made = objects.standing_objects(name, _ray_version(), settings)
    elif reader:
        if settings.claim == "none":
            raise ConfigError("--reader reads from a volume; --claim none has none")
        made = objects.reader_objects(name, settings)
    else:
        assert config is not None and found is not None
        if settings.claim == "none" and not found.run.upload_to:
            raise ConfigError(
                "--claim none: the results would be lost with the head's pod; set run.upload_to "
                "to an object store, for example s3://bucket/runs"
            )
        made = _run_objects(config, found, sets or [], any_code, settings)
    text = as_yaml(made)
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        for one in made:
            typer.echo(f"{one['kind']}: {one['metadata']['name']}")
        typer.echo(f"create: {shlex.join(['kubectl', 'apply', '--server-side', '-f', str(out)])}")


def as_yaml(objects: Sequence[Mapping[str, Any]]) -> str:
    """Objects as YAML documents that every reader takes for the same, whatever texts they hold."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Without references between equal parts."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        # Readers of YAML 1.1 and 1.2 disagree on what is a number or a truth value, as 1e3 and y,
        # and on what ends a line.
        style = None if re.fullmatch(r"[A-Za-z/][A-Za-z0-9/._-]+", value) else '"'
        if "\n" in value and not re.search("[\r\t\x85\u2028\u2029\ufeff]", value):
            style = "|"
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return yaml.dump_all(
        objects,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=10**6,
        explicit_start=True,
    )


def _settings(values: Mapping[str, Any]) -> "Kubernetes":
    from spikeloop.cluster.manifests.kubernetes_pods import Kubernetes
    from spikeloop.coordinator.config.settings_builder import build

    settings, _ = build(Kubernetes, values, "command line", "kubernetes", Path())
    assert isinstance(settings, Kubernetes)
    return settings


def _ray_version() -> str:
    """Of this machine, which the image has to have as well."""
    from importlib.metadata import version

    return version("ray")


def _load(path: Path, sets: list[str]) -> "RunConfig":
    from spikeloop.coordinator.cli import open as opening

    for text in sets:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"--set {text}: must be text in UTF-8") from error
    return opening.load_config(path, sets)


def _run_objects(
    path: Path, config: "RunConfig", sets: list[str], any_code: bool, settings: "Kubernetes"
) -> list[dict[str, Any]]:
    """The same job that ``spikeloop submit`` would start, so that its fellows know it."""
    import tempfile

    from spikeloop.cluster.manifests.kubernetes_manifests import MAX_CONFIG_MAP, run_objects
    from spikeloop.coordinator.submit import package as shipping
    from spikeloop.coordinator.submit import submitted_runs

    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "run.zip"
        code = shipping.pack(path, config, package)
        files = _files(package, path)
    metadata = {
        submitted_runs.RUN: config.run.name,
        submitted_runs.CONFIG: shipping.config_digest(config),
        submitted_runs.CODE: "" if any_code else json.dumps(code),
        submitted_runs.OUT: "",
        submitted_runs.GENERATIONS: str(config.run.generations),
    }
    entrypoint = shipping.entrypoint(path, config, sets)
    made = run_objects(config.run.name, files, entrypoint, metadata, _ray_version(), settings)
    parts = [made[0].get(part, {}) for part in ("data", "binaryData")]
    size = sum(len(text.encode()) for part in parts for text in part.values())
    if size > MAX_CONFIG_MAP:
        largest = max(files, key=lambda name: len(files[name]))
        raise ConfigError(
            f"{path}: {size} bytes would go along, most of them {largest}, and a ConfigMap holds "
            f"{MAX_CONFIG_MAP}; name what the run does not need in a file .rayignore beside it, or "
            "install your classes in an image of your own (--image)"
        )
    return made


def _files(package: Path, source: Path) -> dict[str, bytes]:
    """What goes along, by its path."""
    import zipfile

    with zipfile.ZipFile(package) as archive:
        paths = [path for path in archive.namelist() if not path.endswith("/")]
        files = {path: archive.read(path) for path in paths}
    if odd := [path for path in files if ":" in path]:
        raise ConfigError(f"{source}: {odd[0]} goes along, and Kubernetes mounts no name with a :")
    return files
