"""``spikeloop kubernetes``: what is to run, or a standing cluster, as manifests for KubeRay."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikeloop.coordinator.cli.options import Over, Seeds, Sets
from spikeloop.coordinator.cli.submit import job_metadata
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from spikeloop.cluster.manifests.kubernetes_manifests import Kubernetes
    from spikeloop.coordinator.submit.submission import Submission

STANDING = "spikeloop"
"""Name of a standing cluster that no configuration names."""


def kubernetes(
    config: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="a TOML file")] = None,
    over: Over = None,
    seeds: Seeds = None,
    sets: Sets = None,
    any_code: Annotated[
        bool, typer.Option("--any-code", help="also if the image has other code than this machine")
    ] = False,
    standing: Annotated[
        bool, typer.Option("--standing", help="a cluster that stays, for spikeloop submit")
    ] = False,
    reader: Annotated[
        bool, typer.Option("--reader", help="only a pod from which to copy the results")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="a file instead of the screen")] = None,
) -> None:
    """Print what KubeRay needs for a configuration or a cluster.

    Image, number and size of pods are in the table [kubernetes] of CONFIG, or set by
    --set kubernetes.KEY=VALUE.
    """
    from importlib.metadata import version

    from spikeloop.cluster.manifests import kubernetes_manifests as manifests
    from spikeloop.coordinator.api.configure_any import submission

    if standing and reader:
        raise ConfigError("--standing and --reader exclude each other")
    if config is None and not standing:
        raise ConfigError("CONFIG is missing; only --standing does without one")
    overrides = sets or []
    for text in overrides:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"--set {text}: must be text in UTF-8") from error
    sent = None if config is None else submission(config, over, seeds, overrides)
    settings = _settings(config, overrides)
    name = STANDING if sent is None else sent.name
    if standing:
        manifest = manifests.standing_manifest(name, version("ray"), settings)
    elif reader:
        if settings.claim == "none":
            raise ConfigError('--reader reads from a volume, but kubernetes.claim is "none"')
        manifest = manifests.reader_manifest(name, settings)
    else:
        assert sent is not None
        manifest = _job_manifest(sent, any_code, settings)
    if out is None:
        typer.echo(manifest, nl=False)
        return
    out.write_text(manifest, encoding="utf-8")
    for kind, named in re.findall(r'^kind: (\w+)\nmetadata:\n  name: "(.*)"$', manifest, re.M):
        typer.echo(f"{kind}: {named}")
    typer.echo(f"create: {shlex.join(['kubectl', 'apply', '--server-side', '-f', str(out)])}")


def _settings(path: Path | None, sets: Sequence[str]) -> "Kubernetes":
    """Read the table [kubernetes] and its overrides; all else is checked with what is to run."""
    from spikeloop.coordinator.config.load import COMMANDS, overrides, read_tables
    from spikeloop.coordinator.config.settings_builder import build

    if path is None:
        source = "command line"
        tables: dict[str, Any] = {"kubernetes": {}}
        for key, value in overrides(sets).items():
            table, _, option = key.partition(".")
            if table != "kubernetes":
                raise ConfigError(f"--set {key}: without CONFIG there is [kubernetes] only")
            tables[table][option] = value
    else:
        own = [text for text in sets if _is_own(text)]
        source, tables = str(path), read_tables(path, COMMANDS, overrides(own))
    rule, values = COMMANDS["kubernetes"], tables.get("kubernetes", {})
    settings: Kubernetes = build(rule, values, source, "kubernetes", None)[0]
    return settings


def _is_own(override: str) -> bool:
    """Whether an override is of the table [kubernetes]."""
    return override.strip().startswith("kubernetes.")


def _job_manifest(sent: "Submission", any_code: bool, settings: "Kubernetes") -> str:
    """Write the same job that ``spikeloop submit`` would start."""
    import tempfile
    from importlib.metadata import version

    from spikeloop.cluster.manifests import kubernetes_manifests as manifests
    from spikeloop.coordinator.submit import package

    if settings.claim == "none" and not sent.upload_to:
        remedy = (
            "set run.upload_to to a folder of an object store, for example s3://bucket/runs"
            if sent.kind == "run"
            else f"a {sent.kind} is not uploaded while it runs, so it needs a volume"
        )
        raise ConfigError(
            f'kubernetes.claim = "none": the results would be lost with the head\'s pod; {remedy}'
        )
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "run.zip"
        code = package.pack(sent, archive)
        files = _files(archive, sent.path)
    size = sum(len(text.encode()) for part in manifests.contents(files) for text in part.values())
    if size > manifests.MAX_CONFIG_MAP:
        largest = max(files, key=lambda name: len(files[name]))
        raise ConfigError(
            f"{sent.path}: {size} bytes would go along, most of them {largest}, and a "
            f"ConfigMap holds {manifests.MAX_CONFIG_MAP}; name what is not needed in a file "
            ".rayignore beside it, or install your classes in an image of your own "
            "(kubernetes.image)"
        )
    metadata = job_metadata(sent, {} if any_code else code, None)
    others = tuple(text for text in sent.sets if not _is_own(text))
    entrypoint = package.entrypoint(replace(sent, sets=others))
    return manifests.run_manifest(sent.name, files, entrypoint, metadata, version("ray"), settings)


def _files(package: Path, source: Path) -> dict[str, bytes]:
    """Read what goes along, by its path."""
    import zipfile

    with zipfile.ZipFile(package) as archive:
        paths = [path for path in archive.namelist() if not path.endswith("/")]
        files = {path: archive.read(path) for path in paths}
    if odd := [path for path in files if ":" in path]:
        raise ConfigError(f"{source}: {odd[0]} goes along, and Kubernetes mounts no name with a :")
    return files
